"""A whole comparison on a tiny task: what is written down, what is said, what is handed over."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alih.compare import compare as compare_module
from alih.compare.compare import adapt, compare
from alih.compare.comparison import Comparison
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.data.read import read
from alih.errors import DataError, ModelError, OptionError, RunError
from alih.progress import Progress
from alih.training.loop import TrainingError
from small_tasks import RATES, pictures, prices, table

QUIET = Progress(quiet=True)
VARIANTS = ["transfer", "finetune top 1 of 3", "finetune all 3"]


def options(model: Path, runs: Path, **more: Any) -> Options:
    few = {"routes": "transfer,finetune", "seeds": 1, "epochs": 1, "learning_rate": RATES, "plan": "full"}
    return Options.from_mapping({"model": str(model), "runs": str(runs), **few, **more})


@pytest.fixture(scope="module")
def done(reviews_csv: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comparison]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIH_CACHE", str(tmp_path_factory.mktemp("cache")))
        wanted = options(tiny_bert, tmp_path_factory.mktemp("runs"), seeds=2, epochs=3, learning_rate=None)
        yield compare(reviews_csv, wanted, QUIET)


def test_every_variant_is_measured_at_every_size_and_seed(done: Comparison) -> None:
    ran = [(t.label, t.examples, t.seed) for t in done.trials if t.purpose != "search"]
    sizes = sorted({examples for _, examples, _ in ran})
    assert sizes == [18, 54]
    full = [(label, sizes[-1], seed) for seed in (0, 1) for label in VARIANTS]
    curve = [(label, size, 0) for size in sizes[:-1] for label in VARIANTS]
    assert sorted(ran) == sorted(full + curve)
    assert {t.label for t in done.trials if t.purpose == "search"} == set(VARIANTS)


def test_trials_on_disk_are_complete_and_distinct(done: Comparison) -> None:
    lines = [json.loads(line) for line in (done.folder.path / "trials.jsonl").read_text().splitlines()]
    assert len({line["id"] for line in lines}) == len(lines) == len(done.trials)
    for line in lines:
        assert set(line["metrics"]) == {"accuracy", "macro_f1", "log_loss", "calibration_error"}
        assert line["costs"]["seconds"] > 0
        assert line["history"]
        if line["purpose"] == "full":
            assert line["costs"]["flops"] > 0
            assert line["shifted_metrics"]
            assert (done.folder.path / "predictions" / f"{line['id']}.safetensors").is_file()


def test_measured_scores_are_those_of_the_statistics_on_disk(done: Comparison, reviews_csv: Path) -> None:
    validation = read(reviews_csv).validation
    for trial in done.trials:
        if trial.purpose == "full":
            right, counted = done.folder.statistics(trial, "accuracy").T
            assert trial.metrics["accuracy"] == pytest.approx(right.mean())
            assert (counted == 1).all()
            assert len(right) == len(done.folder.predictions(trial)["logits"]) == len(validation)


def test_the_report_is_on_disk_and_says_what_was_decided(done: Comparison) -> None:
    report = json.loads((done.folder.path / "report.json").read_text())
    assert report == RunFolder.open(done.folder.path).report
    assert report["schema"] == 2
    assert report["interrupted"] is False
    assert [record["label"] for record in report["table"]] == VARIANTS
    assert report["decision"]["chosen"] in VARIANTS
    assert report["decision"]["metric"] == "accuracy"
    assert len(report["probe_by_depth"]) == 4
    assert {"validation", "test", "disk_bytes"} < set(report["handed_over"])
    for record in report["table"]:
        assert len(record["curve"]) == 2
        assert record["score"]["low"] <= record["score"]["point"] <= record["score"]["high"]


def test_the_spec_says_how_to_run_it_again(done: Comparison, reviews_csv: Path) -> None:
    spec = json.loads((done.folder.path / "spec.json").read_text())
    assert spec["data"]["source"] == str(reviews_csv)
    assert spec["data"]["examples"] == {"train": 54, "validation": 18, "test": 18}
    assert spec["options"]["seeds"] == 2
    assert spec["versions"]["torch"]


def test_the_table_has_the_five_rows_of_the_textbook(done: Comparison) -> None:
    text = str(done)
    for row in ("scope", "data requirement", "computational cost", "adaptability", "overfitting risk"):
        assert row in text
    for label in VARIANTS:
        assert label in text
    assert f"Take {done.decision.chosen}" in text
    assert done.text_table(markdown=True).splitlines()[1].startswith("|--")


def test_fine_tuning_pays_for_the_search_of_its_heads_rate_too(done: Comparison) -> None:
    cost = {record["label"]: record["search_seconds"] for record in done.records}
    assert cost["finetune top 1 of 3"] > cost["transfer"]


def test_no_trained_weights_are_left_beside_the_model(done: Comparison) -> None:
    assert sorted(path.name for path in done.folder.path.iterdir() if path.name != ".lock") == [
        "fingerprints.json",
        "model",
        "predictions",
        "report.html",
        "report.json",
        "spec.json",
        "trials.jsonl",
    ]
    assert (done.folder.path.parent / "last").resolve() == done.folder.path.resolve()


def test_the_model_on_disk_scores_what_the_model_in_memory_did(done: Comparison) -> None:
    assert done.handed_over is not None
    assert done.handed_over.largest_difference < 1e-4
    assert done.handed_over.test.examples == 18
    chosen = [t for t in done.trials if t.purpose == "full" and t.label == done.decision.chosen]
    assert done.handed_over.validation.metrics["accuracy"] == max(t.metrics["accuracy"] for t in chosen)


class Watched(list[Any]):
    """A list that tells when it is read."""

    touched = 0

    def __getitem__(self, index: Any) -> Any:
        self.touched += 1
        return super().__getitem__(index)

    def __iter__(self) -> Iterator[Any]:
        self.touched += 1
        return super().__iter__()


def test_the_test_split_is_not_read_before_the_hand_over(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = read(reviews_csv)
    watched = Watched(dataset.test.inputs)
    dataset = replace(dataset, test=replace(dataset.test, inputs=watched))
    before: list[int] = []
    real = compare_module.Comparison.conclude

    def conclude(*arguments: Any, **more: Any) -> Comparison:
        before.append(watched.touched)
        return real(*arguments, **more)

    monkeypatch.setattr(compare_module.Comparison, "conclude", conclude)
    compare(dataset, options(tiny_bert, tmp_path, routes="transfer", epochs=None), QUIET)
    assert before == [1], "for the digest of the data, and for nothing else"
    assert watched.touched > 1


def test_a_second_run_reads_the_frozen_part_from_the_cache(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIH_CACHE", str(tmp_path / "cache"))
    wanted = options(tiny_bert, tmp_path / "runs", routes="finetune", blocks=1)
    compare(reviews_csv, wanted, QUIET)
    files = sorted(path for path in (tmp_path / "cache").rglob("*") if path.is_file())
    first = {path: path.stat().st_ino for path in files}
    assert len(first) > 3
    compare(reviews_csv, wanted, QUIET)
    again = {path: path.stat().st_ino for path in sorted((tmp_path / "cache").rglob("*")) if path.is_file()}
    assert first.keys() == again.keys()


def test_without_a_cache_the_scores_are_the_same(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIH_CACHE", str(tmp_path / "cache"))
    scores = []
    for limit in (1.0, 0.0):
        found = compare(reviews_csv, options(tiny_bert, tmp_path / "runs", blocks=1, cache_limit=limit), QUIET)
        scores.append([trial.metrics for trial in found.trials])
        if limit:
            kept = len(list((tmp_path / "cache").rglob("*")))
    assert scores[0] == scores[1]
    assert len(list((tmp_path / "cache").rglob("*"))) == kept


def test_an_adapted_model_can_be_adapted_again_from_the_last_run(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    runs = tmp_path / "runs"
    first = adapt(reviews_csv, "transfer", options(tiny_bert, runs, routes=None, epochs=None, plan=None), QUIET)
    for model in (runs / "last", runs / "last" / "model", first.folder.path):
        again = compare(reviews_csv, options(model, runs, epochs=None, learning_rate=RATES), QUIET)
        assert again.handed_over is not None
        assert again.folder.path != first.folder.path


def test_regression_comes_back_in_the_unit_of_the_labels(tiny_bert: Path, tmp_path: Path) -> None:
    data = prices(tmp_path / "prices.csv")
    wanted = options(tiny_bert, tmp_path / "runs", routes="finetune", blocks="all", epochs=10, learning_rate=3e-3)
    found = compare(data, wanted, QUIET)
    assert found.decision.metric == "r2"
    assert found.handed_over is not None
    assert found.handed_over.validation.metrics["r2"] > 0.5
    assert found.handed_over.largest_difference < 1.0  # of about 150,000: float32 has seven digits
    low, high = (p.label for p in found.best.predict(["awful " * 5 + "a the", "lovely " * 5 + "a the"]))
    assert isinstance(low, float)
    assert isinstance(high, float)
    assert 80_000 < low < 150_000 < high < 220_000
    # The head of an adapted regression is in the labels' unit: adapting it again must not start from scratch.
    again = compare(
        data,
        options(tmp_path / "runs" / "last", tmp_path / "runs", learning_rate=dict.fromkeys(RATES, 1e-5), blocks=1),
        QUIET,
    )
    assert again.records[0]["score"]["point"] > 0.5


def test_several_labels_an_example(tiny_bert: Path, tmp_path: Path) -> None:
    rows = [(f"{'good' if n % 2 else 'a'} {'cold' if n % 3 else 'the'} {n}", n % 2, int(n % 3 > 0)) for n in range(60)]
    data = table(tmp_path / "multi.csv", ("text", "kind", "chilly"), rows)
    found = compare(data, options(tiny_bert, tmp_path, label=["kind", "chilly"], blocks=1), QUIET)
    assert found.best.problem.classes == ("kind", "chilly")
    [prediction] = found.best.predict(["good cold"])
    assert isinstance(prediction.label, tuple)
    assert set(prediction.probabilities) == {"kind", "chilly"}
    assert found.decision.metric == "micro_f1"


def test_pairs_of_texts(tiny_bert: Path, tmp_path: Path) -> None:
    rows = [(f"good {n}", f"{'fine' if n % 2 else 'awful'} {n}", ("no", "yes")[n % 2]) for n in range(60)]
    data = table(tmp_path / "pairs.csv", ("premise", "hypothesis", "label"), rows)
    best = compare(data, options(tiny_bert, tmp_path, blocks=1), QUIET).best
    assert best.problem.pair
    assert best.predict([("good", "fine")])[0].label in ("no", "yes")
    with pytest.raises(DataError, match="pairs of texts"):
        best.predict(["good"])


def test_a_group_stays_on_one_side(tiny_bert: Path, tmp_path: Path) -> None:
    rows = [(f"{('bad', 'good')[n % 2]} text {n}", "ab"[n % 2], f"user {n // 4}") for n in range(80)]
    data = table(tmp_path / "group.csv", ("text", "label", "user"), rows)
    found = compare(data, options(tiny_bert, tmp_path, group="user", blocks=1), QUIET)
    dataset = read(data, group="user")
    sides = [set(part.groups or ()) for part in (dataset.train, dataset.validation, dataset.test)]
    assert sum(map(len, sides)) == len(set.union(*sides)) == 20
    spec = json.loads((found.folder.path / "spec.json").read_text())
    assert spec["data"]["columns"]["group"] == "user"


def test_classes_of_very_few_examples(tiny_bert: Path, tmp_path: Path) -> None:
    rows = [(f"{('bad', 'good')[n % 2]} text {n}", "ab"[n % 2]) for n in range(60)]
    rows += [(f"quite cold {n}", "rare") for n in range(3)]
    data = table(tmp_path / "rare.csv", ("text", "label"), rows)
    found = compare(data, options(tiny_bert, tmp_path, blocks=1), QUIET)
    assert set(found.best.problem.classes) == {"a", "b", "rare"}
    assert np.isfinite(list(found.best.evaluate(data).metrics.values())).all()


def test_a_class_that_only_the_test_file_has_is_refused_with_its_row(tiny_bert: Path, tmp_path: Path) -> None:
    for side, count in (("train", 40), ("validation", 12), ("test", 12)):
        rows = [(f"{('bad', 'good')[n % 2]} {side} {n}", "ab"[n % 2]) for n in range(count)]
        if side == "test":
            rows.append(("quite new", "c"))
        (tmp_path / "given").mkdir(exist_ok=True)
        table(tmp_path / "given" / f"{side}.csv", ("text", "label"), rows)
    with pytest.raises(DataError, match=r'test.csv.*"c"'):
        compare(tmp_path / "given", options(tiny_bert, tmp_path), QUIET)


def test_pictures_are_compared_like_texts(tiny_resnet: Path, tmp_path: Path) -> None:
    found = compare(pictures(tmp_path / "photos"), options(tiny_resnet, tmp_path / "runs", blocks=1), QUIET)
    assert found.handed_over is not None
    assert found.handed_over.largest_difference < 1e-4
    picture = tmp_path / "photos" / "top" / "0.png"
    assert found.best.predict([picture])[0].label in ("bottom", "top")
    assert found.best.predict([np.zeros((16, 16), dtype=np.uint8)])[0].label in ("bottom", "top")


def test_damaged_rows_are_told_and_written_down(
    tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [(f"{('bad', 'good')[n % 2]} text {n}" if n != 7 else "", "ab"[n % 2]) for n in range(60)]
    data = table(tmp_path / "damaged.csv", ("text", "label"), rows)
    found = compare(data, options(tiny_bert, tmp_path, routes="transfer", epochs=None), Progress())
    assert "damaged.csv, row 9" in capsys.readouterr().err
    told = json.loads((found.folder.path / "spec.json").read_text())["data"]["damaged"]
    assert [damage["origin"] for damage in told] == ["damaged.csv, row 9"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"blocks": 2, "routes": "transfer", "epochs": None}, "--blocks: is read by the routes finetune, lora"),
        ({"routes": "transfer"}, "--epochs: is read by the routes finetune, lora"),
        ({"blocks": 9}, "--blocks: 9 asked for, but the model has 3"),
        ({"metric": "r2"}, "--metric: 'r2' does not fit"),
        ({"max_length": 4000}, "--max-length 4000"),
        ({"max_examples": 1}, "--max-examples 1"),
        ({"revision": "main"}, "--revision main means nothing here"),
    ],
)
def test_options_that_fit_nothing_are_refused_before_a_run_folder_is_made(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, more: dict[str, Any], words: str
) -> None:
    with pytest.raises((OptionError, ModelError)) as caught:
        compare(reviews_csv, options(tiny_bert, tmp_path / "runs", **more), QUIET)
    assert words in str(caught.value)
    assert not (tmp_path / "runs").exists()


def test_a_length_for_pictures_is_refused(tiny_resnet: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--max-length: is for texts"):
        compare(pictures(tmp_path / "photos", 10), options(tiny_resnet, tmp_path / "runs", max_length=8), QUIET)


@pytest.mark.parametrize(
    ("name", "more", "words"),
    [
        ("finetun", {}, "--route: there is no route 'finetun'"),
        ("finetune", {"blocks": "1,2"}, "one number of blocks"),
        ("finetune", {"seeds": 5}, "--seeds: is read by alih compare"),
        ("transfer", {"blocks": 2}, "--blocks"),
    ],
)
def test_adapt_refuses_what_it_would_not_read(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, name: str, more: dict[str, Any], words: str
) -> None:
    with pytest.raises(OptionError) as caught:
        adapt(
            reviews_csv,
            name,
            options(tiny_bert, tmp_path, **{"routes": None, "epochs": None, "plan": None, **more}),
            QUIET,
        )
    assert words in str(caught.value)


def test_training_that_always_diverges_is_an_error_in_words(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def diverge(*_arguments: Any, **_more: Any) -> None:
        raise TrainingError("the loss is not a number; lower the learning rate.")

    monkeypatch.setattr("alih.tasks.bench.Stage.fit", diverge)
    with pytest.raises(RunError, match=r"nothing could be trained\. transfer, .*lower the learning rate"):
        compare(reviews_csv, options(tiny_bert, tmp_path), QUIET)


def test_one_variant_that_diverges_does_not_stop_the_others(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alih.routes.finetune import Finetune

    def diverge(*_arguments: Any, **_more: Any) -> None:
        raise TrainingError("the loss is not a number; lower the learning rate.")

    monkeypatch.setattr(Finetune, "prepare", diverge)
    found = compare(reviews_csv, options(tiny_bert, tmp_path, blocks=1), QUIET)
    assert found.decision.chosen == "transfer"
    assert len(found.skipped) == 1
    assert "Not measured in full: finetune top 1 of 3" in str(found)
