"""Opening translators: Marian's own tokenizer, damage, and models that do not translate."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import AutoModelForSeq2SeqLM, MarianTokenizer

from alih.errors import ModelError
from alih.pretrained.open import load, task_named
from alih.progress import Progress
from alih.tasks.translation.adapted import AdaptedTranslator
from alih.tasks.translation.encode import encode_pairs
from alih.tasks.translation.pairs import read_pairs

from . import tiny


@pytest.fixture(scope="module")
def marian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.save(tmp_path_factory.mktemp("models") / "marian", tiny.marian())


def spm_marian(folder: Path) -> Path:
    """A Marian model with a SentencePiece vocabulary for each side, as the published ones have."""
    sentencepiece = pytest.importorskip("sentencepiece")
    folder.mkdir()
    for side, index in (("source", 0), ("target", 1)):
        text = folder / f"{side}.txt"
        text.write_text("\n".join(pair[index] for pair in tiny.numbers(200)))
        sentencepiece.SentencePieceTrainer.train(
            input=str(text), model_prefix=str(folder / side), vocab_size=40, hard_vocab_limit=False, minloglevel=2
        )
        (folder / f"{side}.model").rename(folder / f"{side}.spm")
    pieces = []
    for side in ("source", "target"):
        loaded = sentencepiece.SentencePieceProcessor(str(folder / f"{side}.spm"))
        pieces += [loaded.id_to_piece(number) for number in range(3, loaded.get_piece_size())]
    words = ["</s>", "<unk>", *dict.fromkeys(pieces), "<pad>"]
    vocabulary = folder / "vocab.json"
    vocabulary.write_text(json.dumps({word: number for number, word in enumerate(words)}))
    tokenizer = MarianTokenizer(
        str(folder / "source.spm"), str(folder / "target.spm"), str(vocabulary), source_lang="en", target_lang="id"
    )
    config = tiny.marian(
        vocab_size=len(words),
        pad_token_id=len(words) - 1,
        decoder_start_token_id=len(words) - 1,
        eos_token_id=0,
        forced_eos_token_id=0,
    )
    AutoModelForSeq2SeqLM.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_marians_sides_have_a_vocabulary_each(tmp_path: Path) -> None:
    translator = AdaptedTranslator.open(spm_marian(tmp_path / "spm"), progress=Progress(quiet=True))
    pairs = read_pairs(tiny.write_table(tmp_path / "pairs.tsv", [("three seven", "tiga tujuh")]))
    both = list(zip(pairs.sources, pairs.targets, strict=True))
    [(source, target)] = encode_pairs(translator.tokenizer, both, translator.direction, 50).pairs
    pieces = translator.tokenizer.convert_ids_to_tokens(target)
    assert "".join(pieces).replace("▁", " ").strip() == "tiga tujuh</s>"
    assert translator.tokenizer.unk_token_id not in [*source, *target]
    _, notes = translator.translate_lines(["three ☃ seven"], beam=1)
    assert "does not know ☃" in notes[0]


def test_what_translates_is_told_from_what_does_not(marian: Path, tiny_bert: Path, tmp_path: Path) -> None:
    assert task_named(marian) == "translation"
    for name in (tiny_bert, tmp_path, tmp_path / "nothing", "alih/minilm", "some/model"):
        assert task_named(name) != "translation"


def damaged(name: str, content: str | None) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        if content is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(content)

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (damaged("config.json", None), "no config.json"),
        (damaged("model.safetensors", "not weights"), "model.safetensors"),
        (damaged("tokenizer.json", None), "tokenizer"),
        (damaged("config.json", '{"model_type": "bert"}'), "does not translate"),
    ],
)
def test_damage_is_said_in_words(marian: Path, tmp_path: Path, change: Callable[[Path], None], message: str) -> None:
    folder = Path(shutil.copytree(marian, tmp_path / "copy"))
    change(folder)
    with pytest.raises(ModelError, match=message):
        load(folder, form="seq2seq")


def test_weights_that_are_missing_are_not_made_up(marian: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(marian, tmp_path / "copy"))
    weights = load_file(folder / "model.safetensors")
    del weights["model.decoder.layers.0.fc1.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 weights are missing .*model\.decoder\.layers\.0\.fc1\.weight"):
        load(folder, form="seq2seq")


def test_the_decoders_blocks_are_found_in_every_family(marian: Path, tmp_path: Path) -> None:
    assert load(marian, form="seq2seq").block_names == ["model.decoder.layers.0", "model.decoder.layers.1"]
    t5 = tiny.save(tmp_path / "t5", tiny.t5())
    assert load(t5, form="seq2seq").block_names == ["decoder.block.0", "decoder.block.1"]
