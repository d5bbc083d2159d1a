"""A translator: order, empty and long sentences, unknown characters, beams that equal transformers' own."""

from __future__ import annotations

from pathlib import Path

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st

import alih
from alih.errors import DataError, OptionError, RunError
from alih.tasks.translation import search as module
from alih.tasks.translation.adapted import AdaptedTranslator
from alih.tasks.translation.lines import lines_of

from . import tiny


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> AdaptedTranslator:
    """A Marian model that has learnt number words, so that its translations end."""
    place = tmp_path_factory.mktemp("models")
    data = tiny.write_table(place / "numbers.tsv", tiny.numbers(300))
    model = str(tiny.save(place / "marian", tiny.marian()))
    options = {"target_language": "id", "steps": 250, "learning_rate": 3e-3, "beam": 1, "runs": str(place / "runs")}
    return alih.adapt(data, model, task="translation", **options)


SENTENCES = [source for source, _ in tiny.numbers(40)]


@pytest.mark.parametrize("beam", [1, 3])
def test_translations_equal_those_of_transformers_one_by_one(translator: AdaptedTranslator, beam: int) -> None:
    said = translator.translate(SENTENCES, beam=beam)
    for source, target in zip(SENTENCES, said, strict=True):
        batch = translator.tokenizer(f">>id<< {source}", return_tensors="pt")
        written = translator.model.generate(
            **batch, num_beams=beam, do_sample=False, max_new_tokens=2 * batch.input_ids.shape[1] + 20
        )
        assert target == translator.tokenizer.decode(written[0], skip_special_tokens=True).strip()


def test_the_order_does_not_depend_on_the_batches(
    translator: AdaptedTranslator, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = translator.translate(SENTENCES, beam=2)
    monkeypatch.setattr(module, "_SENTENCES", 1)
    assert translator.translate(SENTENCES, beam=2) == said


def test_nothing_becomes_nothing(translator: AdaptedTranslator) -> None:
    assert translator.translate([]) == []
    assert translator.translate(["", " \t\n"]) == ["", ""]
    assert translator.translate(["", "one"])[0] == ""


def test_long_and_unknown_is_told_with_its_line(translator: AdaptedTranslator) -> None:
    _, notes = translator.translate_lines(["one", "two " * 500, "✈ one ☃", "one ✈"], beam=1, what="line", first=11)
    assert notes == [
        "line 12: 500 words, cut after 64 tokens; what is beyond is not translated. Give a sentence a line.",
        "line 13, line 14: the model does not know ✈, ☃; it reads <unk> there.",
    ]


def test_what_is_no_list_of_texts_is_refused(translator: AdaptedTranslator) -> None:
    with pytest.raises(DataError, match="translate takes a list"):
        translator.translate("one")
    with pytest.raises(DataError, match="input 2: int, no text"):
        translator.translate(["one", 2])  # type: ignore[list-item]
    with pytest.raises(OptionError, match="--beam"):
        translator.translate(["one"], beam=0)


def test_a_saved_translator_says_the_same_and_knows_its_direction(
    translator: AdaptedTranslator, tmp_path: Path
) -> None:
    translator.save(tmp_path / "saved")
    assert AdaptedTranslator.open(tmp_path / "saved", target="id").translate(SENTENCES) == translator.translate(
        SENTENCES
    )
    (tmp_path / "saved" / "alih.json").write_text("{")
    with pytest.raises(RunError, match="damaged"):
        AdaptedTranslator.open(tmp_path / "saved")


def test_evaluate_gives_what_sacrebleu_gives(translator: AdaptedTranslator, tmp_path: Path) -> None:
    pairs = tiny.numbers(20)
    path = tiny.write_table(tmp_path / "test.tsv", pairs)
    scores = translator.evaluate(path, beam=1)
    said, references = translator.translate([source for source, _ in pairs], beam=1), [target for _, target in pairs]
    assert scores.examples == 20
    assert scores.metrics["bleu"] == pytest.approx(sacrebleu.corpus_bleu(said, [references]).score)
    assert scores.metrics["chrf"] == pytest.approx(sacrebleu.corpus_chrf(said, [references]).score)
    assert scores.signatures is not None
    assert scores.signatures["bleu"].startswith("nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp")
    assert all(signature in str(scores) for signature in scores.signatures.values())
    assert scores.metrics == translator.evaluate(translator.read(path), beam=1).metrics
    assert translator.evaluate(path, beam=1, metric="chrf").primary == "chrf"
    with pytest.raises(OptionError, match="--metric: 'f1' does not fit"):
        translator.evaluate(path, metric="f1")


def test_pairs_of_the_training_data_are_counted(translator: AdaptedTranslator, tmp_path: Path) -> None:
    everything = tiny.numbers(300)
    scores = translator.evaluate(tiny.write_table(tmp_path / "all.tsv", everything), beam=1)
    assert scores.trained_on == 240


@settings(deadline=None, max_examples=60)
@given(st.lists(st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\n")), min_size=1))
def test_lines_keep_their_places(lines: list[str]) -> None:
    data = "".join(f"{line}\n" for line in lines)
    if data.strip("\ufeff \t\r\n\f\v") and not data.startswith("\ufeff"):
        found = lines_of(data.encode(), "standard input")
        assert found == lines
