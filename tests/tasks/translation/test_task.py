"""From pairs to a translator on disk: a toy language is learnt exactly; every route, and what stops it, is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sacrebleu
import torch
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

import alih
from alih.compare.compare import Job, adapt, compare, foresee, resume
from alih.compare.comparison import Comparison
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.errors import AlihError, DataError, ModelError, OptionError, RunError
from alih.progress import Progress
from alih.tasks.base import ModelChoice
from alih.tasks.bench import Bench, other_part
from alih.tasks.registry import recognised
from alih.tasks.translation import task as module
from alih.tasks.translation.adapted import AdaptedTranslator
from alih.tasks.translation.predictions import examples_of, pairs_of, read_like, texts_of
from alih.tasks.translation.task import Translation
from alih.training.loop import FitSettings

from . import tiny

QUIET = Progress(quiet=True)
MARIAN = {"target_language": "id", "source": "en", "target": "id", "beam": 1}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with pairs of number words and tiny random models."""
    folder = tmp_path_factory.mktemp("place")
    tiny.write_table(folder / "numbers.tsv", tiny.numbers(300))
    tiny.save(folder / "marian", tiny.marian())
    tiny.save(folder / "t5", tiny.t5())
    tiny.save_nllb(folder / "nllb")
    return folder


def options_of(runs: Path, **options: Any) -> Options:
    return Options.from_mapping({"runs": str(runs), "task": "translation", **options})


def run(place: Path, runs: Path, **options: Any) -> Comparison:
    return adapt(place / "numbers.tsv", None, options_of(runs, **options), QUIET)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    found: dict[str, torch.Tensor] = AutoModelForSeq2SeqLM.from_pretrained(folder).state_dict()
    return found


def losses(result: Comparison) -> list[float | None]:
    return [point["validation_loss"] for point in result.trials[-1].history]


@pytest.mark.slow
def test_the_transformer_learns_a_toy_language_exactly(tmp_path: Path) -> None:
    data = tiny.write_folder(tmp_path / "data", train=tiny.numbers(900, 4, 0, 2), valid=tiny.numbers(60, 4, 1, 2))
    test = tiny.numbers(80, 4, 2, 2)
    (data / "test.en").write_text("".join(f"{source}\n" for source, _ in test))
    (data / "test.id").write_text("".join(f"{target}\n" for _, target in test))
    options = options_of(tmp_path / "runs", source="en", target="id", steps=700, learning_rate=3e-3, batch_tokens=600)
    result = adapt(data, None, options, QUIET)
    assert isinstance(result.best, AdaptedTranslator)
    assert result.best.translate([source for source, _ in test]) == [target for _, target in test]
    assert result.handed_over is not None
    assert result.handed_over.test is not None
    assert result.handed_over.test.metrics["bleu"] == pytest.approx(100)
    assert result.handed_over.agrees


def test_a_run_folder_holds_what_any_run_holds_and_a_model_that_the_auto_classes_open(
    place: Path, tmp_path: Path
) -> None:
    result = run(place, tmp_path, steps=3)
    folder = RunFolder.open(tmp_path / "last")
    assert folder.is_complete
    assert folder.spec["task"]["name"] == "translation"
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(folder.model), AutoTokenizer.from_pretrained(folder.model)
    assert tokenizer.decode(tokenizer("one two").input_ids, skip_special_tokens=True).strip() == "one two"
    assert result.trials[0].scope.total == sum(value.numel() for value in model.parameters())
    assert result.trials[0].scope.trainable == result.trials[0].scope.total
    assert result.handed_over is not None
    assert result.handed_over.agrees
    assert result.handed_over.test is not None
    assert folder.report["handed_over"]["test"]["metrics"]["bleu"] == result.handed_over.test.metrics["bleu"]
    assert "tok:13a" in folder.report["handed_over"]["test"]["signatures"]["bleu"]


def test_a_comparison_measures_every_route_and_hands_over_the_best(place: Path, tmp_path: Path) -> None:
    options = options_of(
        tmp_path,
        model=str(place / "marian"),
        seeds=1,
        epochs=12,
        learning_rate="finetune=3e-3,lora=1e-2",
        batch_tokens=200,
        **MARIAN,
    )
    result = compare(place / "numbers.tsv", options, QUIET)
    labels = [record["label"] for record in result.records]
    assert labels == ["zero-shot", "finetune top 1 of 2", "finetune all 2", "lora"]
    assert any(one.startswith("scratch: it starts without a model") for one in result.skipped)
    assert result.decision.metric == "bleu"
    assert result.decision.chosen != "zero-shot"
    assert isinstance(result.best, AdaptedTranslator)
    full = {trial.label: trial for trial in result.trials if trial.purpose != "search"}
    assert full["zero-shot"].scope.trainable == 0
    assert full[result.decision.chosen].metrics["bleu"] > full["zero-shot"].metrics["bleu"] + 1
    assert 0 < full["finetune top 1 of 2"].scope.trainable < full["finetune all 2"].scope.trainable / 2
    assert result.handed_over is not None
    assert result.handed_over.agrees
    assert (tmp_path / "last" / "report.html").is_file()


def test_a_comparison_without_a_model_starts_from_nothing(place: Path, tmp_path: Path) -> None:
    foreseen = foresee(place / "numbers.tsv", options_of(tmp_path, seeds=1, steps=20), QUIET)
    assert [one.label for one in foreseen] == ["scratch"]
    assert not any(tmp_path.iterdir())
    result = compare(place / "numbers.tsv", options_of(tmp_path, seeds=1, steps=20), QUIET)
    assert [record["label"] for record in result.records] == ["scratch"]
    assert {one.partition(":")[0] for one in result.skipped} >= {"zero-shot", "lora"}
    assert result.trials[0].costs.examples_seen > 300


def test_predictions_from_disk_are_those_in_memory_and_give_sacrebleus_scores(place: Path, tmp_path: Path) -> None:
    result = run(
        place, tmp_path, model=str(place / "marian"), epochs=12, learning_rate=3e-3, batch_tokens=200, **MARIAN
    )
    trial, told = result.trials[-1], result.handed_over
    assert told is not None
    in_memory = result.folder.predictions(trial)
    assert texts_of(told.predictions["written"]) == texts_of(in_memory["written"])
    np.testing.assert_allclose(told.predictions["loss"], in_memory["loss"], rtol=1e-4)
    task = Translation.read(place / "numbers.tsv", options_of(tmp_path))
    references = [target for _, target in pairs_of(task.judged)]
    written = texts_of(told.predictions["written"])
    assert trial.metrics["bleu"] == pytest.approx(sacrebleu.corpus_bleu(written, [references]).score)
    assert trial.metrics["chrf"] == pytest.approx(sacrebleu.corpus_chrf(written, [references]).score)
    nats, tokens = told.predictions["loss"].astype(np.float64).sum(axis=0)
    assert trial.metrics["perplexity"] == pytest.approx(np.exp(nats / tokens))


def test_what_chooses_weights_does_not_judge_and_both_are_bounded(tmp_path: Path) -> None:
    data = tiny.write_folder(tmp_path / "data", train=tiny.numbers(50), valid=tiny.numbers(2500, 6, 1))
    (data / "test.en").write_text("one\n")
    (data / "test.id").write_text("satu\n")
    task = Translation.read(data, options_of(tmp_path, source="en", target="id"))
    choosing, judged = set(pairs_of(task.choosing)), set(pairs_of(task.judged))
    assert (len(choosing), len(judged)) == (module.MOST_CHOOSING, module.MOST_JUDGED)
    assert not choosing & judged
    assert any("200 others are translated" in note for note in task.dataset.notes)


def test_translations_of_one_source_stay_on_one_side(tmp_path: Path) -> None:
    pairs = [(source, f"{target} {word}") for source, target in tiny.numbers(20, 6, 1) for word in ("satu", "dua")]
    for count, both in ((40, False), (6, True)):
        data = tiny.write_folder(
            tmp_path / str(count), train=tiny.numbers(50), valid=pairs[:count], test=[("seven " * 9, "tujuh")]
        )
        task = Translation.read(data, options_of(tmp_path, source="en", target="id"))
        choosing, judged = ({source for source, _ in pairs_of(part)} for part in (task.choosing, task.judged))
        assert bool(choosing & judged) is both
        assert list(task.judged.groups or ()) == [source for source, _ in pairs_of(task.judged)]
        assert any("the same pairs choose" in note for note in task.dataset.notes) is both


def test_a_new_model_has_the_size_in_its_name(place: Path, tmp_path: Path) -> None:
    task = Translation.read(place / "numbers.tsv", options_of(tmp_path))
    assert task.default_model == "transformer-tiny"
    opened = task.open(ModelChoice("transformer-small"), seed=0)
    assert opened.model.config.d_model == module.RECIPES["small"].d_model
    assert task.recipe is module.RECIPES["small"]


def test_latency_is_that_of_translating_alone(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alih.tasks.translation import predictions

    task = Translation.read(place / "numbers.tsv", options_of(tmp_path, **MARIAN))
    bench = Bench(task, ModelChoice(str(place / "marian")), None, progress=QUIET)
    asked: list[int] = []
    monkeypatch.setattr(predictions, "losses_of_pairs", lambda *_: pytest.fail("the reference's loss was taken"))
    monkeypatch.setattr(predictions, "search", lambda _m, _t, ids, *_: asked.append(len(ids)) or ["satu"] * len(ids))
    task.predict_one(bench.whole(bench.fresh(0)), 0)
    assert asked == [1]


def test_only_training_pairs_that_are_too_long_are_said(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    task = Translation.read(place / "numbers.tsv", options_of(tmp_path, max_tokens=4, **MARIAN))
    Bench(task, ModelChoice(str(place / "marian")), None, progress=Progress())
    told = capsys.readouterr()
    assert (told.out + told.err).count("nothing is learnt") == 1


def test_a_learning_rate_is_searched_by_the_loss_and_nothing_is_written_for_it(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = run(place, tmp_path, model=str(place / "marian"), route="lora", **MARIAN)
    searches = [trial for trial in result.trials if trial.purpose == "search"]
    assert len(searches) >= 3
    assert all(set(trial.metrics) == {"perplexity"} for trial in searches)
    best = min(searches, key=lambda trial: trial.metrics["perplexity"])
    assert result.trials[-1].setting["learning_rate"] == best.setting["learning_rate"]


def test_a_rate_that_diverges_is_not_taken(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alih.routes.finetune import Finetune

    monkeypatch.setattr(Finetune, "learning_rates", lambda self, anatomy: (1e-3, 1e30))
    result = run(place, tmp_path, model=str(place / "marian"), steps=20, **MARIAN)
    assert result.trials[-1].setting["learning_rate"] <= 1e-3


def test_the_same_seed_gives_the_same_translator_and_another_one_another(place: Path, tmp_path: Path) -> None:
    found = [losses(run(place, tmp_path, steps=4, seed=seed))[-1] for seed in (1, 1, 2)]
    assert found[0] == found[1] != found[2]


def test_training_never_leaves_a_model_worse_than_it_was(place: Path, tmp_path: Path) -> None:
    result = run(place, tmp_path, model=str(place / "marian"), steps=20, learning_rate=5.0, **MARIAN)
    history = result.trials[-1].history
    assert result.trials[-1].best_epoch == history[0]["epoch"] == 0
    base, found = weights(place / "marian"), weights(tmp_path / "last" / "model")
    assert all(torch.equal(base[name], found[name]) for name in base)


@pytest.mark.parametrize(
    ("options", "trained"),
    [
        ({"blocks": 1}, "finetune top 1 of 2"),
        ({"route": "lora", "rank": 4}, "lora"),
        ({"route": "lora", "blocks": 1, "rslora": True}, "lora top 1 of 2"),
    ],
)
def test_part_of_a_model_is_trained_and_written_as_a_plain_model(
    place: Path, tmp_path: Path, options: dict[str, Any], trained: str
) -> None:
    result = run(place, tmp_path, model=str(place / "marian"), steps=6, learning_rate=1e-3, **MARIAN, **options)
    trial = result.trials[-1]
    assert trial.label == trained
    assert trial.scope.trainable < trial.scope.total / 2
    assert result.handed_over is not None
    assert result.handed_over.agrees
    base, found = weights(place / "marian"), weights(tmp_path / "last" / "model")
    assert found.keys() == base.keys()
    changed = {name for name in base if not found[name].equal(base[name])}
    assert changed
    if "blocks" in options:
        assert all(name.startswith("model.decoder.layers.1.") for name in changed)
    else:
        assert any(name.startswith("model.encoder.layers.0.") for name in changed)
    adapter = tmp_path / "last" / "adapter" / "adapter_config.json"
    assert adapter.is_file() == trained.startswith("lora")


def test_an_adapter_gives_peft_what_the_merged_model_is(place: Path, tmp_path: Path) -> None:
    from peft import PeftModel

    run(place, tmp_path, model=str(place / "marian"), route="lora", steps=6, learning_rate=1e-3, **MARIAN)
    base = AutoModelForSeq2SeqLM.from_pretrained(place / "marian")
    adapted = PeftModel.from_pretrained(base, str(tmp_path / "last" / "adapter")).eval()
    merged = AutoModelForSeq2SeqLM.from_pretrained(tmp_path / "last" / "model").eval()
    batch = {"input_ids": torch.tensor([[5, 7, 8, 2]]), "labels": torch.tensor([[14, 15, 2]])}
    assert torch.allclose(adapted(**batch).logits, merged(**batch).logits, atol=1e-5)


def test_a_quantised_translator_is_handed_over_as_it_was_judged(place: Path, tmp_path: Path) -> None:
    result = run(
        place, tmp_path, model=str(place / "marian"), route="qalora", group_size=16, steps=6, learning_rate=1e-3,
        **MARIAN,
    )  # fmt: skip
    assert result.handed_over is not None
    assert result.handed_over.agrees
    assert isinstance(alih.open(tmp_path / "last"), AdaptedTranslator)


def test_t5_reads_its_prefix_and_nllb_its_language_codes(place: Path, tmp_path: Path) -> None:
    t5 = run(
        place, tmp_path, model=str(place / "t5"), target_language="id", prefix="one ", steps=2, learning_rate=1e-3
    ).best
    assert isinstance(t5, AdaptedTranslator)
    assert t5.direction.prefix == ">>id<< one "
    nllb = run(
        place, tmp_path, model=str(place / "nllb"), source_language="eng_Latn", target_language="ind_Latn", steps=2,
        learning_rate=1e-3,
    ).best  # fmt: skip
    again = AdaptedTranslator.open(tmp_path / "last", progress=QUIET)  # the codes are remembered
    assert isinstance(nllb, AdaptedTranslator)
    assert again.direction == nllb.direction
    code = again.tokenizer.convert_tokens_to_ids("ind_Latn")
    assert again.direction.first_token == code
    model: Any = again.model
    written = model.generate(**again.tokenizer("one", return_tensors="pt"), forced_bos_token_id=code)
    assert written[0, 1] == code


def test_a_comparison_that_was_stopped_goes_on_to_the_same_model(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options: dict[str, Any] = {"model": str(place / "marian"), "steps": 20, "routes": "zero-shot,lora", "seeds": 1}
    options |= {"learning_rate": 1e-3, **MARIAN}
    whole = compare(place / "numbers.tsv", options_of(tmp_path / "whole", **options), QUIET)
    real, calls = module.objective, []

    def pressed(*arguments: Any) -> Any:
        calls.append(1)
        if len(calls) == 12:
            raise KeyboardInterrupt
        return real(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(module, "objective", pressed)
        stopped = compare(place / "numbers.tsv", options_of(tmp_path / "runs", **options), QUIET)
    assert stopped.interrupted
    folder = RunFolder.open(tmp_path / "runs" / "last")
    assert not folder.is_complete
    resumed = resume(folder.path, progress=QUIET)
    assert not resumed.interrupted
    assert [trial.metrics for trial in resumed.trials] == [trial.metrics for trial in whole.trials]
    found, expected = weights(folder.model), weights(whole.folder.model)
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    with pytest.raises(RunError, match="this run is complete"):
        resume(folder.path, progress=QUIET)


def test_changed_pairs_are_not_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tiny.write_table(tmp_path / "pairs.tsv", tiny.numbers(60))

    def stop(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(module, "objective", stop)
        with pytest.raises(KeyboardInterrupt):
            adapt(data, None, options_of(tmp_path / "runs", steps=2), QUIET)
    [folder] = (tmp_path / "runs").glob("*-pairs")
    tiny.write_table(data, tiny.numbers(61))
    with pytest.raises(RunError, match="has changed since"):
        resume(folder, progress=QUIET)
    tiny.write_table(data, tiny.numbers(60))
    assert resume(folder, progress=QUIET).handed_over is not None


def test_a_run_of_an_earlier_version_is_told_in_words(tmp_path: Path) -> None:
    model = tiny.save(tmp_path / "model", tiny.marian())
    (model / "alih.json").write_text('{"schema": 1, "task": {"modality": "translation"}, "translation": {}}')
    with pytest.raises(RunError, match="written by another version of Alih"):
        AdaptedTranslator.open(model)


@pytest.mark.parametrize(
    ("options", "kind", "message"),
    [
        ({"model": "BERT"}, ModelError, "does not translate. Take one with an encoder and a decoder"),
        ({"model": "nothing-here/at-all"}, ModelError, "nothing-here/at-all"),
        ({"model": "marian", "target_language": "id", "blocks": 3}, OptionError, "3 asked for, but the model has 2"),
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
    place: Path, tmp_path: Path, tiny_bert: Path, options: dict[str, Any], kind: type[AlihError], message: str
) -> None:
    names = {"BERT": str(tiny_bert), "marian": str(place / "marian"), "nllb": str(place / "nllb")}
    options = {**options, "model": names.get(options.get("model", ""), options.get("model"))}
    with pytest.raises(kind) as caught:
        run(place, tmp_path / "runs", **options)
    assert message in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_columns_that_are_called_as_languages_name_them(place: Path, tmp_path: Path) -> None:
    found = run(place, tmp_path, model=str(place / "marian"), source="en", target="id", steps=1, learning_rate=1e-3)
    assert isinstance(found.best, AdaptedTranslator)
    assert found.best.direction.target == "id"


def test_the_python_functions_do_the_same(place: Path, tmp_path: Path) -> None:
    translator = alih.adapt(place / "numbers.tsv", task="translation", steps=2, runs=str(tmp_path))
    assert isinstance(translator, AdaptedTranslator)
    again = alih.open(tmp_path / "last")
    assert isinstance(again, AdaptedTranslator)
    assert again.translate(["one two", ""]) == translator.translate(["one two", ""])
    with pytest.raises(OptionError, match="--label: is read by the task classification, and this one is translation"):
        alih.adapt(place / "numbers.tsv", task="translation", label="en")
    with pytest.raises(OptionError, match="'speech' is none of"):
        alih.adapt(place / "numbers.tsv", task="speech")  # type: ignore[call-overload]
    with pytest.raises(OptionError, match="data: list, but a translation reads pairs"):
        alih.adapt([("one", "satu")], task="translation")  # type: ignore[call-overload]


def test_long_pairs_are_left_out_and_said(tmp_path: Path) -> None:
    pairs = tiny.numbers(60)
    long = (" ".join(["one"] * 200), " ".join(["satu"] * 200))
    data = tiny.write_folder(tmp_path / "data", train=[*pairs, long], valid=tiny.numbers(9, 5, 1))
    (data / "test.en").write_text("one\n")
    (data / "test.id").write_text("satu\n")
    said: list[str] = []
    progress = Progress(quiet=True)
    progress.say = said.append  # type: ignore[method-assign]
    options = options_of(tmp_path / "runs", source="en", target="id", steps=1, max_tokens=20)
    task = Translation.read(data, options)
    bench = Bench(task, ModelChoice(task.default_model), None, progress=progress)
    assert any("pairs have more than 20 tokens" in line and "line 61" in line for line in said)
    rows = np.arange(len(task.dataset.train), dtype=np.int64)
    assert len(task.feed(bench.parts["train"], rows, 32)) == len(rows) - 1


def test_a_new_model_trains_by_the_papers_schedule_until_it_gets_no_better(place: Path, tmp_path: Path) -> None:
    task = Translation.read(place / "numbers.tsv", options_of(tmp_path))
    bench = Bench(task, ModelChoice("transformer-tiny"), None, progress=QUIET)
    recipe = task.recipe
    assert task.known_rate == pytest.approx(recipe.rate_scale * (recipe.d_model * recipe.warmup) ** -0.5)
    epochs = task.epochs(5, 240, 1.0)
    stage = bench.stage(bench.fresh(0, random_weights=True), 2)
    batches = stage.feed("train", np.arange(240, dtype=np.int64)).steps()
    assert epochs * batches >= 1500
    settings = task.settings(FitSettings(task.known_rate or 0.0, epochs=epochs), stage, 240)
    assert (settings.schedule, settings.betas, settings.epsilon) == ("inverse-root", (0.9, 0.98), 1e-9)
    assert (settings.patience, settings.averaged, settings.max_grad_norm) == (8, recipe.averaged, None)
    assert settings.warmup * epochs * batches == pytest.approx(recipe.warmup, rel=0.3)


def test_a_folder_of_aligned_files_is_recognised_and_a_table_is_not(place: Path, tmp_path: Path) -> None:
    folder = tiny.write_folder(tmp_path / "data", train=tiny.numbers(5))
    assert recognised(folder) == ("translation", "train.en and train.id are aligned line by line")
    assert recognised(place / "numbers.tsv")[0] == "classification"
    assert recognised(tmp_path)[0] == "classification"


def test_another_file_of_pairs_is_scored_beside(place: Path, tmp_path: Path) -> None:
    other = tiny.write_table(tmp_path / "other.tsv", tiny.numbers(12, seed=9), header=("english", "indonesian"))
    options = options_of(
        tmp_path / "runs", model=str(place / "marian"), shifted=str(other), routes="zero-shot", **MARIAN
    )
    task = Translation.read(place / "numbers.tsv", options)
    job = Job(task, options, ("zero-shot",), False, QUIET)
    assert len(job.bench().parts[other_part("other.tsv")].examples) == 12
    assert pairs_of(examples_of(read_like(other, task.setup)))[0] == tiny.numbers(12, seed=9)[0]


def test_chinese_is_scored_by_characters(tmp_path: Path) -> None:
    pairs = [(f"sentence {number}", "今天我们买那个小的树" + "。" * (number % 3)) for number in range(20)]
    task = Translation.read(tiny.write_table(tmp_path / "zh.tsv", pairs, ("en", "zh")), options_of(tmp_path))
    assert "tok:zh" in str(task.metrics[0].signature)
    assert task.facts()["bleu_tokenizer"] == "zh"
