"""An adapted model opened from disk: what it takes, what it refuses, and how it reads files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alih.compare.compare import adapt
from alih.compare.opening import open_adapted
from alih.compare.options import Options
from alih.data.examples import Damage, Examples
from alih.errors import AlihError, DataError, OptionError, RunError
from alih.progress import Progress
from alih.task import Kind, Modality, Task
from alih.tasks.classification.adapted import AdaptedClassifier, _check_input
from alih.tasks.classification.predictions import THRESHOLD, Prediction, predictions, rows
from small_tasks import GOOD, pictures, reviews, table

QUIET = Progress(quiet=True)


@pytest.fixture(scope="module")
def run(reviews_csv: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIH_CACHE", str(tmp_path_factory.mktemp("cache")))
        runs = tmp_path_factory.mktemp("runs")
        wanted = {"model": str(tiny_bert), "runs": str(runs), "learning_rate": 1e-2, "epochs": 8, "max_length": 20}
        yield adapt(reviews_csv, "finetune", Options.from_mapping(wanted), QUIET).folder.path


@pytest.fixture
def texts(run: Path) -> AdaptedClassifier:
    return open_adapted(run)


def test_it_opens_from_the_run_folder_the_model_folder_and_the_last_link(run: Path) -> None:
    found = [open_adapted(path).predict(["good"]) for path in (run, run / "model", run.parent / "last")]
    assert found[0] == found[1] == found[2]


def test_it_has_learnt_the_task(texts: AdaptedClassifier, tmp_path: Path) -> None:
    scores = texts.evaluate(reviews(tmp_path / "other.csv", 60, seed=9))
    assert scores.metrics["accuracy"] > 0.7  # chance gives more than this once in a thousand times
    assert "accuracy" in str(scores)
    assert scores.as_dict()["interval"][0] <= scores.metrics["accuracy"] <= scores.as_dict()["interval"][1]


def test_probabilities_are_of_the_classes_and_sum_to_one(texts: AdaptedClassifier) -> None:
    [one] = texts.predict(["great lovely food"])
    assert set(one.probabilities) == {"negative", "positive"}
    assert sum(one.probabilities.values()) == pytest.approx(1)
    assert one.probability == max(one.probabilities.values()) == one.probabilities[str(one.label)]


def test_predictions_do_not_depend_on_the_batch_or_the_order(texts: AdaptedClassifier) -> None:
    inputs = [" ".join(GOOD[: 1 + n % 7]) + " the" * (n % 5) for n in range(20)]
    together = texts.predict(inputs)
    alone = [texts.predict([value], batch_size=1)[0] for value in inputs]
    for one, other in zip(together, alone, strict=True):
        assert one.probability == pytest.approx(other.probability, abs=1e-5)


def test_without_the_sidecar_the_folder_still_predicts_the_same(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "model", tmp_path / "model")
    (tmp_path / "model" / "alih.json").unlink()
    plain = open_adapted(tmp_path / "model")
    long = "good " * 40
    assert plain.problem == open_adapted(run).problem
    assert plain.predict(["bad awful", long]) == open_adapted(run).predict(["bad awful", long])


@pytest.mark.parametrize(
    "content", ["", "[]", "{", '{"schema": 1}', '{"schema": 2, "task": {"name": "classification"}, "columns": {}}']
)
def test_a_damaged_sidecar_is_an_error_in_words(run: Path, tmp_path: Path, content: str) -> None:
    shutil.copytree(run / "model", tmp_path / "model")
    (tmp_path / "model" / "alih.json").write_text(content)
    with pytest.raises(RunError, match=r"alih\.json: damaged .* Delete the file"):
        open_adapted(tmp_path / "model")


def test_a_sidecar_of_another_version_or_model_is_refused(run: Path, tmp_path: Path) -> None:
    shutil.copytree(run / "model", tmp_path / "model")
    sidecar = tmp_path / "model" / "alih.json"
    told = json.loads(sidecar.read_text())
    sidecar.write_text(json.dumps({**told, "schema": 99}))
    with pytest.raises(RunError, match="schema 99"):
        open_adapted(tmp_path / "model")
    told["task"]["classes"] = ["a", "b", "c"]
    sidecar.write_text(json.dumps(told))
    with pytest.raises(RunError, match="different classes"):
        open_adapted(tmp_path / "model")


def test_what_is_no_adapted_model_is_refused(tmp_path: Path, tiny_bert: Path) -> None:
    with pytest.raises(RunError, match=r"no run folder\. Make one with: alih compare"):
        open_adapted(tmp_path / "nothing")
    (tmp_path / "spec.json").write_text("{}")
    with pytest.raises(RunError, match=rf"holds no adapted model.*stopped early.*alih resume {tmp_path}"):
        open_adapted(tmp_path)
    (tmp_path / "report.json").write_text('{"interrupted": false}')
    with pytest.raises(RunError, match=rf"adapted model of this run is gone.*alih resume {tmp_path}"):
        open_adapted(tmp_path)
    with pytest.raises(AlihError, match="names no classes"):
        open_adapted(tiny_bert)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ("good", r'predict takes a list: write predict\(\["good"\]\)'),
        (["good", ""], "input 2: the text is empty"),
        (["  \n"], "input 1: the text is empty"),
        ([("good", "bad")], "one text an input"),
        ([3], "takes texts, not int"),
    ],
)
def test_inputs_of_another_kind_are_refused(texts: AdaptedClassifier, inputs: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        texts.predict(inputs)


def test_no_inputs_give_no_predictions(texts: AdaptedClassifier) -> None:
    assert texts.predict([]) == []


def test_texts_typed_files_and_mixtures_are_told_apart(texts: AdaptedClassifier, tmp_path: Path) -> None:
    file = table(tmp_path / "new.csv", ("text",), [("good",), ("bad",)])
    assert list(texts.read_inputs([str(file)]).inputs) == ["good", "bad"]
    assert list(texts.read_inputs(["good", "not/a/file but a text"]).inputs) == ["good", "not/a/file but a text"]
    with pytest.raises(OptionError, match="Name one file at a time"):
        texts.read_inputs([str(file), "good"])
    with pytest.raises(DataError, match=r"missing\.csv"):
        texts.read_inputs([str(tmp_path / "missing.csv")])
    with pytest.raises(OptionError, match="--text"):
        texts.read_inputs(["good"], text="text")
    assert list(texts.read_inputs(["x" * 300]).inputs) == ["x" * 300]


def test_a_column_that_was_typed_must_be_there(texts: AdaptedClassifier, tmp_path: Path) -> None:
    file = table(tmp_path / "new.csv", ("words", "mood"), [("good", "positive"), ("bad", "negative")])
    with pytest.raises(OptionError, match=r'no column "word".*Did you mean "words"'):
        texts.read_inputs([str(file)], text="word")
    with pytest.raises(OptionError, match=r'no column "modo"'):
        texts.evaluate(file, text="words", label="modo")
    assert texts.evaluate(file, text="words", label="mood").examples == 2


def test_damaged_rows_are_left_out_of_the_scores_and_counted(texts: AdaptedClassifier, tmp_path: Path) -> None:
    lines = [("good" if n % 2 else "bad", ("negative", "positive")[n % 2]) for n in range(20)]
    file = table(tmp_path / "labelled.csv", ("text", "label"), [*lines, ("", "positive")])
    scores = texts.evaluate(file)
    assert scores.examples == 20
    assert [damage.origin for damage in scores.left_out] == ["labelled.csv, row 22"]
    assert "1 more could not be used: labelled.csv, row 22" in str(scores)


def test_an_unknown_label_is_refused(texts: AdaptedClassifier, tmp_path: Path) -> None:
    file = table(tmp_path / "labelled.csv", ("text", "label"), [("good", "positive"), ("bad", "negativ")])
    with pytest.raises(DataError, match=r'row 3: label "negativ".*Did you mean "negative"'):
        texts.evaluate(file)


def test_a_metric_of_another_kind_is_refused(texts: AdaptedClassifier, reviews_csv: Path) -> None:
    with pytest.raises(OptionError, match="--metric"):
        texts.evaluate(reviews_csv, metric="r2")


def test_rows_keep_the_order_of_the_file() -> None:
    task = Task(Modality.TEXT, Kind.SINGLE, ("a", "b"))
    examples = Examples(["one", "three"], None, ["new.csv, row 2", "new.csv, row 10"])
    found = predictions(task, np.array([[1, 0], [0, 1]], dtype=np.float32))
    lined_up = rows(examples, found, [Damage("new.csv, row 9", "the text is empty")])
    assert [(value, origin) for value, origin, _ in lined_up] == [
        ("one", "new.csv, row 2"),
        (None, "new.csv, row 9"),
        ("three", "new.csv, row 10"),
    ]


def test_labels_of_a_multi_label_task_are_those_more_probable_than_not() -> None:
    task = Task(Modality.TEXT, Kind.MULTI, ("a", "b", "c"))
    [one] = predictions(task, np.array([[2.0, -2.0, 0.1]], dtype=np.float32))
    assert one.label == ("a", "c")
    assert one.probability is None
    assert [name for name, p in one.probabilities.items() if p >= THRESHOLD] == ["a", "c"]


def test_numbers_are_predicted_as_they_are() -> None:
    task = Task(Modality.TEXT, Kind.REGRESSION)
    assert predictions(task, np.array([[150_000.5]], dtype=np.float32)) == [Prediction(150_000.5, None, {})]


def test_pictures_that_are_missing_or_texts_are_refused(tiny_resnet: Path, tmp_path: Path) -> None:
    wanted = {"model": str(tiny_resnet), "runs": str(tmp_path / "runs"), "learning_rate": 1e-2}
    best = adapt(pictures(tmp_path / "photos"), "transfer", Options.from_mapping(wanted), QUIET).best
    with pytest.raises(DataError, match=r"input 1: .*nothing\.png: no such picture"):
        best.predict([tmp_path / "nothing.png"])
    with pytest.raises(OptionError, match=r"b\.png: no such file"):
        best.read_inputs(["a.png", "b.png"][::-1])
    with pytest.raises(DataError, match="takes pictures"):
        best.predict([("a", "b")])
    loose = best.read_inputs([str(tmp_path / "photos" / "top")])
    assert len(best.predict_examples(loose)) == 20
    assert best.evaluate(tmp_path / "photos").examples == 40


@pytest.mark.parametrize("array", [np.zeros((8, 8, 3)), np.zeros(8, dtype=np.uint8)], ids=["floats", "one dimension"])
def test_arrays_that_are_no_pictures_are_refused(array: Any) -> None:
    task = Task(Modality.IMAGE, Kind.SINGLE, ("a", "b"))
    with pytest.raises(DataError, match="uint8 of shape"):
        _check_input(array, "input 1", task)
