"""The diagnosis finds what was put into the data, and nothing where nothing is."""

from __future__ import annotations

import numpy as np
import pytest

from alih.data.examples import Examples
from alih.task import Kind, Modality, Task
from alih.tasks.classification.diagnosis import Diagnosis, diagnose

THREE = Task(Modality.TEXT, Kind.SINGLE, ("a", "b", "c"))


def blobs(count: int = 300, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Features in three clear clusters, and the right labels."""
    generator = np.random.default_rng(seed)
    labels = np.arange(count) % 3
    return 6 * np.eye(3)[labels] + generator.normal(size=(count, 3)), labels.astype(np.int64)


def examples(labels: np.ndarray, inputs: list[str] | None = None) -> Examples:
    texts = inputs or [f"text {n}" for n in range(len(labels))]
    return Examples(texts, labels, [f"data.csv, row {n + 2}" for n in range(len(labels))])


def keys(found: list[Diagnosis]) -> list[str]:
    return [one.text.key for one in found]


def test_labels_that_were_swapped_are_found() -> None:
    features, labels = blobs()
    swapped = np.random.default_rng(1).choice(300, 9, replace=False)
    labels[swapped] = (labels[swapped] + 1) % 3
    [found] = diagnose(THREE, examples(labels), features, ())
    assert found.text.key == "label_errors"
    named = {int(item.split(":")[0].split()[-1]) - 2 for item in found.items}
    assert len(named & set(swapped.tolist())) >= 8
    assert len(named - set(swapped.tolist())) <= 1


def test_clean_balanced_data_have_no_findings() -> None:
    features, labels = blobs()
    assert diagnose(THREE, examples(labels), features, ()) == []


def test_equal_inputs_with_different_labels_are_named_together() -> None:
    labels = np.array([0, 1, 2] * 20)
    texts = [f"text {n}" for n in range(60)]
    texts[7] = texts[0]
    [found] = diagnose(THREE, examples(labels, texts), None, ())
    assert (found.text.key, found.severity) == ("contradictions", "warning")
    assert found.items == ("data.csv, row 2 = data.csv, row 9",)


def test_rare_classes_are_named_with_their_counts() -> None:
    labels = np.array([0] * 200 + [1] * 150 + [2] * 12)
    [found] = diagnose(THREE, examples(labels), None, ())
    assert found.text.key == "imbalance"
    assert found.items == ("c: 12",)


def test_the_best_depth_is_said() -> None:
    _, labels = blobs()
    middle = diagnose(THREE, examples(labels), None, (0.5, 0.8, 0.7))[0].text
    assert "block 1 of 2" in middle.say()
    assert keys(diagnose(THREE, examples(labels), None, (0.5, 0.6, 0.7))) == ["depth_last"]


@pytest.mark.parametrize(("validation", "key"), [(52, "depth_level"), (2000, "depth")])
def test_a_depth_stands_out_only_where_the_examples_can_tell_it(validation: int, key: str) -> None:
    _, labels = blobs()
    found = diagnose(THREE, examples(labels), None, (0.5, 0.9, 0.85), validation=validation)
    assert keys(found) == [key]


def test_classes_too_small_to_cross_validate_are_left_out() -> None:
    features, labels = blobs(30)
    labels[:] = 0
    labels[:2] = 1
    assert "label_errors" not in keys(diagnose(THREE, examples(labels), features, ()))


def test_regression_and_several_labels_are_no_trouble() -> None:
    number, several = Task(Modality.TEXT, Kind.REGRESSION), Task(Modality.TEXT, Kind.MULTI, ("a", "b"))
    features = np.random.default_rng(0).normal(size=(30, 4))
    assert diagnose(number, examples(np.arange(30, dtype=np.float32)), features, ()) == []
    assert diagnose(several, examples(np.ones((30, 2), dtype=np.float32)), features, ()) == []
