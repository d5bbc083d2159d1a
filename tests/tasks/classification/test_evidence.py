"""Confusions, calibration and confident errors, against scikit-learn and against what Alih measures elsewhere."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sklearn.calibration import calibration_curve
from sklearn.metrics import confusion_matrix

from alih.compare.report.reading import read
from alih.data.examples import Examples
from alih.errors import ModelError
from alih.metrics.classification import CALIBRATION_ERROR, probabilities, table
from alih.task import Kind, Modality, Task
from alih.tasks.classification.evidence import calibration, confident_errors, confusion, evidence, picture_uri
from alih.tasks.evidence import Calibration, Confusion, Mistake

SEEDS = st.integers(0, 2**32 - 1)


def task(classes: int, kind: Kind = Kind.SINGLE) -> Task:
    return Task(Modality.TEXT, kind, tuple(f"class {i}" for i in range(classes)))


def drawn(seed: int, n: int = 200, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, n)
    logits = random.normal(size=(n, classes)) * random.uniform(0.5, 3)
    logits[np.arange(n), labels] += 1
    return logits, labels


def texts(labels: np.ndarray) -> Examples:
    return Examples([f"text {i}" for i in range(len(labels))], labels, [f"row {i}" for i in range(len(labels))])


@given(SEEDS)
def test_confusions_are_those_of_scikit_learn(seed: int) -> None:
    logits, labels = drawn(seed, n=30, classes=5)
    predicted = logits.argmax(axis=1)
    expected = confusion_matrix(labels, predicted, labels=range(5))
    assert confusion(labels, predicted, task(5).classes).counts == tuple(map(tuple, expected.tolist()))


@given(SEEDS)
def test_calibration_is_that_of_scikit_learn(seed: int) -> None:
    logits, labels = drawn(seed)
    chances = probabilities(Kind.SINGLE, logits)
    right = chances.argmax(axis=1) == labels
    share, confidence = calibration_curve(right, chances.max(axis=1), n_bins=15, strategy="uniform")
    found = calibration(chances, labels)
    assert [one.accuracy for one in found.bins] == pytest.approx(share.tolist())
    assert [one.confidence for one in found.bins] == pytest.approx(confidence.tolist())
    assert sum(one.count for one in found.bins) == len(labels)


@given(SEEDS)
def test_the_calibration_error_is_the_metric_of_that_name(seed: int) -> None:
    logits, labels = drawn(seed)
    error = table(CALIBRATION_ERROR, Kind.SINGLE, task(4).classes, logits, labels)
    found = calibration(probabilities(Kind.SINGLE, logits), labels)
    assert found.error == pytest.approx(CALIBRATION_ERROR.score(error))


@given(SEEDS, st.integers(1, 20))
def test_errors_come_by_falling_confidence_and_are_errors(seed: int, limit: int) -> None:
    logits, labels = drawn(seed, n=40)
    chances = probabilities(Kind.SINGLE, logits)
    found = confident_errors(chances, labels, task(4), texts(labels), limit)
    wrong = np.flatnonzero(chances.argmax(axis=1) != labels)
    assert len(found) == min(limit, len(wrong))
    assert [one.probability for one in found] == sorted(chances[wrong].max(axis=1).tolist(), reverse=True)[:limit]
    for one in found:
        row = int(one.origin.removeprefix("row "))
        assert one.text == f"text {row}"
        assert (one.actual, one.predicted) == (f"class {labels[row]}", f"class {chances[row].argmax()}")


def test_a_multi_label_error_is_the_surest_wrong_decision_of_its_example() -> None:
    logits = np.array([[3.0, -3.0], [-2.0, 2.0], [1.0, -4.0], [5.0, 5.0]])
    labels = np.array([[1, 0], [1, 0], [1, 1], [1, 1]], dtype=np.float32)
    told = evidence(task(2, Kind.MULTI), logits, texts(labels))
    found = read(tuple[Mistake, ...], told["mistakes"], "mistakes")
    assert [(one.origin, one.actual, one.predicted) for one in found] == [
        ("row 2", "class 0, class 1", "class 0"),
        ("row 1", "class 0", "class 1"),
    ]
    assert found[0].probability == pytest.approx(1 / (1 + np.exp(-4)))
    assert set(told) == {"mistakes"}


def test_the_evidence_of_a_single_label_task_reads_as_parts_of_a_report() -> None:
    logits, labels = drawn(0)
    told = evidence(task(4), logits, texts(labels))
    assert read(Confusion, told["confusion"], "c") == confusion(labels, logits.argmax(axis=1), task(4).classes)
    assert read(Calibration, told["calibration"], "c").bins
    assert len(told["mistakes"]) == 12


def test_nothing_is_said_of_regression() -> None:
    labels = np.zeros(3, dtype=np.float32)
    assert evidence(Task(Modality.TEXT, Kind.REGRESSION), np.zeros((3, 1)), texts(labels)) == {}


def test_a_model_that_diverged_is_refused() -> None:
    with pytest.raises(ModelError, match="diverged"):
        evidence(task(2), np.full((2, 2), np.nan), texts(np.array([0, 1])))


def test_long_texts_are_cut_and_pairs_joined() -> None:
    logits, labels = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([1, 1])
    examples = Examples(["word " * 1000, ("premise", "hypothesis")], labels, ["a", "b"])
    first, second = read(tuple[Mistake, ...], evidence(task(2), logits, examples)["mistakes"], "mistakes")
    assert len(first.text or "") <= 400
    assert (first.text or "").endswith("…")
    assert second.text == "premise ⟂ hypothesis"


def opened(uri: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,"))))


@pytest.mark.parametrize(("shape", "size"), [((8, 8), (128, 128)), ((500, 1000, 3), (128, 64)), ((100, 60), (60, 100))])
def test_pictures_are_embedded_at_a_size_to_look_at(shape: tuple[int, ...], size: tuple[int, int]) -> None:
    assert opened(picture_uri(np.zeros(shape, dtype=np.uint8))).size == size


def test_a_picture_file_that_is_gone_is_left_out(tmp_path: Path) -> None:
    there = tmp_path / "there.png"
    Image.new("RGB", (50, 50), (255, 0, 0)).save(there)
    examples = Examples([there, tmp_path / "gone.png"], np.array([1, 1]), ["a", "b"])
    told = evidence(task(2), np.array([[1.0, 0.0], [1.0, 0.0]]), examples)["mistakes"]
    assert opened(told[0]["picture"]).getpixel((0, 0)) == (255, 0, 0)
    assert told[1]["picture"] is None
    assert told[1]["text"] is None
