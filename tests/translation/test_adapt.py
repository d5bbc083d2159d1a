"""From pairs to a translator on disk: a toy language is learnt exactly; every route, and what stops it, is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

import alih
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.errors import AlihError, DataError, ModelError, OptionError, RunError
from alih.progress import Progress
from alih.translation import adapt as module
from alih.translation import routes
from alih.translation.adapt import adapt, resume
from alih.translation.result import Translation
from alih.translation.translator import Translator

from . import tiny

QUIET = Progress(quiet=True)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pairs of number words and tiny random models."""
    folder = tmp_path_factory.mktemp("place")
    tiny.write_table(folder / "numbers.tsv", tiny.numbers(300))
    tiny.save(folder / "marian", tiny.marian())
    tiny.save(folder / "t5", tiny.t5())
    tiny.save_nllb(folder / "nllb")
    return folder


def run(place: Path, runs: Path, **options: Any) -> Translation:
    return adapt(place / "numbers.tsv", Options.from_mapping({"runs": str(runs), **options}), QUIET)


@pytest.mark.slow
def test_the_transformer_learns_a_toy_language_exactly(tmp_path: Path) -> None:
    data = tiny.write_folder(tmp_path / "data", train=tiny.numbers(900, 4, 0, 2), valid=tiny.numbers(60, 4, 1, 2))
    test = tiny.numbers(80, 4, 2, 2)
    (data / "test.en").write_text("".join(f"{source}\n" for source, _ in test))
    (data / "test.id").write_text("".join(f"{target}\n" for _, target in test))
    options = Options(
        source="en", target="id", steps=700, learning_rate=3e-3, batch_tokens=600, runs=str(tmp_path / "runs")
    )
    result = adapt(data, options, QUIET)
    said = result.translator.translate([source for source, _ in test])
    assert said == [target for _, target in test]
    assert result.test.bleu.point == pytest.approx(100)
    assert result.agrees


def test_a_run_folder_holds_what_any_run_holds_and_a_model_that_the_auto_classes_open(
    place: Path, tmp_path: Path
) -> None:
    result = run(place, tmp_path, steps=3)
    folder = RunFolder.open(tmp_path / "last")
    assert folder.is_complete
    assert folder.spec["task"]["modality"] == "translation"
    assert folder.report["handed_over"]["test"]["metrics"]["bleu"] == result.test.bleu.point
    assert not (folder.path / "training.pt").exists()  # it is many times the model's size
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder.model), AutoTokenizer.from_pretrained(folder.model)
    assert tokenizer.decode(tokenizer("one two").input_ids, skip_special_tokens=True).strip() == "one two"
    assert sum(value.numel() for value in model.parameters()) == result.parameters
    assert "Test pairs, beam 4" in str(result)
    assert result.agrees


def test_the_same_seed_gives_the_same_translator_and_another_one_another(place: Path, tmp_path: Path) -> None:
    losses = [run(place, tmp_path, steps=4, seed=seed).outcome.curve[-1].validation_loss for seed in (1, 1, 2)]
    assert losses[0] == losses[1] != losses[2]


def test_a_pre_trained_model_learns_and_is_compared_with_what_it_was(place: Path, tmp_path: Path) -> None:
    result = run(
        place, tmp_path, model=str(place / "marian"), target_language="id", steps=250, learning_rate=3e-3, beam=1
    )
    assert result.test.bleu.point > 60
    assert result.test.gain is not None
    assert result.test.gain.low > 50
    assert "over the model as it was" in str(result)
    assert result.translator.translate(["three"]) == ["tiga"]


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        ({"blocks": 1}, "finetune top 1 of 2 decoder blocks"),
        ({"route": "lora", "rank": 4}, "lora"),
        ({"route": "lora", "blocks": 1, "rslora": True}, "lora top 1 of 2 decoder blocks"),
    ],
)
def test_part_of_a_model_is_trained_and_written_as_a_plain_model(
    place: Path, tmp_path: Path, options: dict[str, Any], trained: str
) -> None:
    result = run(place, tmp_path, model=str(place / "marian"), target_language="id", steps=6, **options)
    assert result.label == trained
    assert result.trainable < result.parameters / 2
    assert result.agrees
    base = AutoModelForSeq2SeqLM.from_pretrained(place / "marian").state_dict()
    found = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "last" / "model").state_dict()
    assert found.keys() == base.keys()
    changed = {name for name in base if not found[name].equal(base[name])}
    assert changed
    if "blocks" in options:
        assert all(name.startswith("model.decoder.layers.1.") for name in changed)
    adapter = tmp_path / "last" / "adapter" / "adapter_config.json"
    assert adapter.is_file() == (result.label.startswith("lora"))


def test_an_adapter_gives_peft_what_the_merged_model_is(place: Path, tmp_path: Path) -> None:
    import torch
    from peft import PeftModel

    run(place, tmp_path, model=str(place / "marian"), target_language="id", route="lora", steps=6)
    base = AutoModelForSeq2SeqLM.from_pretrained(place / "marian")
    adapted = PeftModel.from_pretrained(base, str(tmp_path / "last" / "adapter")).eval()
    merged = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "last" / "model").eval()
    batch = {"input_ids": torch.tensor([[5, 7, 8, 2]]), "labels": torch.tensor([[14, 15, 2]])}
    assert torch.allclose(adapted(**batch).logits, merged(**batch).logits, atol=1e-5)


def test_t5_reads_its_prefix_and_nllb_its_language_codes(place: Path, tmp_path: Path) -> None:
    t5 = run(place, tmp_path, model=str(place / "t5"), target_language="id", prefix="one ", steps=2)
    assert t5.translator.direction.prefix == ">>id<< one "
    nllb = run(
        place,
        tmp_path,
        model=str(place / "nllb"),
        source_language="eng_Latn",
        target_language="ind_Latn",
        steps=2,
    )
    again = Translator.open(tmp_path / "last", progress=QUIET)  # the codes are remembered
    assert again.direction == nllb.translator.direction
    code = again.tokenizer.convert_tokens_to_ids("ind_Latn")
    assert again.direction.first_token == code
    written = again.model.generate(**again.tokenizer("one", return_tensors="pt"), forced_bos_token_id=code)
    assert written[0, 1] == code


def test_a_run_that_was_stopped_goes_on_to_the_same_model(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = {"model": str(place / "marian"), "target_language": "id", "steps": 20, "route": "lora"}
    options["learning_rate"] = 1e-3
    whole = run(place, tmp_path / "whole", **options)
    real, calls = module.objective, []

    def pressed(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, "objective", pressed)
        stopped = run(place, tmp_path / "runs", **options)
    assert stopped.interrupted
    assert "go on with: alih resume" in str(stopped)
    folder = RunFolder.open(tmp_path / "runs" / "last")
    assert not folder.is_complete
    resumed = resume(folder.path, progress=QUIET)
    assert not resumed.interrupted
    assert [p.validation_loss for p in resumed.outcome.curve] == [p.validation_loss for p in whole.outcome.curve]
    assert resumed.test == whole.test
    with pytest.raises(RunError, match="this run is complete"):
        resume(folder.path, progress=QUIET)


def test_changed_pairs_are_not_gone_on_with(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiny.write_table(tmp_path / "pairs.tsv", tiny.numbers(60))

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "fit", stop)
        with pytest.raises(KeyboardInterrupt):
            adapt(data, Options(runs=str(tmp_path / "runs"), steps=2), QUIET)
    [folder] = (tmp_path / "runs").iterdir()
    tiny.write_table(data, tiny.numbers(61))
    with pytest.raises(RunError, match="have changed since"):
        resume(folder, progress=QUIET)
    tiny.write_table(data, tiny.numbers(60))
    assert resume(folder, progress=QUIET).outcome.steps == 2


def test_a_time_limit_ends_the_training_and_leaves_a_model(place: Path, tmp_path: Path) -> None:
    result = run(place, tmp_path, max_time=0.001)
    assert result.outcome.stopped == "deadline"
    assert result.outcome.steps == 0
    assert RunFolder.open(tmp_path / "last").is_complete


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"model": "BERT"}, ModelError, "does not translate. Take one with an encoder and a decoder"),
        ({"model": "nothing-here/at-all"}, ModelError, "nothing-here/at-all"),
        ({"model": "marian", "target_language": "id", "blocks": 3}, OptionError, "3 asked for, but the decoder has 2"),
        ({"model": "marian"}, None, ""),
        ({"model": "marian", "target_language": "jv"}, OptionError, "does not translate into 'jv'"),
        ({"model": "nllb"}, OptionError, "--source-language"),
        (
            {"model": "nllb", "source_language": "eng_Latn", "target_language": "ind"},
            OptionError,
            'Did you mean "ind_Latn"',
        ),
        ({"source": "english"}, DataError, "no column 'english' (--source)"),
    ],
)
def test_what_cannot_be_run_is_said_and_leaves_no_run(
    place: Path, tmp_path: Path, tiny_bert: Path, options: dict[str, Any], kind: type[AlihError] | None, message: str
) -> None:
    names = {"BERT": str(tiny_bert), "marian": str(place / "marian"), "nllb": str(place / "nllb")}
    options = {**options, "model": names.get(options.get("model", ""), options.get("model"))}
    if kind is None:  # the corpus's columns are called en and id, which the model knows
        columns = {"source": "en", "target": "id", "steps": 1}
        assert run(place, tmp_path, **options, **columns).translator.direction.target == "id"
        return
    with pytest.raises(kind) as caught:
        run(place, tmp_path / "runs", **options)
    assert message in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_the_python_functions_do_the_same(place: Path, tmp_path: Path) -> None:
    translator = alih.adapt(place / "numbers.tsv", task="translation", steps=2, runs=str(tmp_path))
    assert isinstance(translator, Translator)
    again = alih.open(tmp_path / "last")
    assert isinstance(again, Translator)
    assert again.translate(["one two", ""]) == translator.translate(["one two", ""])
    with pytest.raises(OptionError, match="--label: is read by the task classification"):
        alih.adapt(place / "numbers.tsv", task="translation", label="en")
    with pytest.raises(OptionError, match="'speech' is none of classification"):
        alih.adapt(place / "numbers.tsv", task="speech")  # type: ignore[call-overload]


def test_long_pairs_are_left_out_and_said(tmp_path: Path) -> None:
    pairs = tiny.numbers(60)
    long = (" ".join(["one"] * 200), " ".join(["satu"] * 200))
    data = tiny.write_table(tmp_path / "pairs.tsv", [*pairs, long])
    result = adapt(data, Options(runs=str(tmp_path / "runs"), steps=1, max_tokens=20), QUIET)
    told = json.loads((tmp_path / "runs" / "last" / "report.json").read_text())
    assert sum(result.sizes.values()) <= 61
    texts = " ".join(told["notes"])
    assert "of more than 20 tokens left out" in texts or "cut after 20 tokens" in texts


def test_the_learning_rate_is_searched_and_kept(place: Path, tmp_path: Path) -> None:
    options = {"model": str(place / "marian"), "target_language": "id", "steps": 40, "route": "lora"}
    result = run(place, tmp_path, **options)
    told = dict(json.loads((tmp_path / "last" / "rates.json").read_text()))
    assert set(told) >= set(routes.RATES["lora"])
    assert result.rate == min(told, key=lambda rate: told[rate])
    given = run(place, tmp_path / "given", **options, learning_rate=result.rate)
    assert [p.validation_loss for p in given.outcome.curve] == [p.validation_loss for p in result.outcome.curve]


def test_a_rate_that_diverges_is_not_taken(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(routes.RATES, "finetune", (1e-3, 1e30))
    monkeypatch.setattr("alih.translation.start._CLIP", None)
    assert run(place, tmp_path, model=str(place / "marian"), target_language="id", steps=20).rate <= 1e-3
