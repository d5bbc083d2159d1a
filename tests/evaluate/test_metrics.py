"""Metrics equal scikit-learn's, and closed forms where it has none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from alih.errors import ModelError, OptionError
from alih.evaluate.metrics import METRICS, higher_is_better, metrics, primary, probabilities
from alih.task import Kind, Modality, Task

FOUR = Task(Modality.TEXT, Kind.SINGLE, tuple("abcd"))
TAGS = Task(Modality.TEXT, Kind.MULTI, tuple("abc"))
NUMBER = Task(Modality.TEXT, Kind.REGRESSION)
SEEDS = st.integers(0, 10_000)


@settings(deadline=None)
@given(SEEDS, st.integers(2, 60))
def test_single_label_metrics_equal_scikit_learn(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    logits, labels = generator.normal(size=(count, 4)), generator.integers(0, 4, count)
    found = metrics(FOUR, logits, labels)
    chances = probabilities(FOUR, logits)
    assert found["accuracy"] == pytest.approx(reference.accuracy_score(labels, chances.argmax(1)))
    assert found["macro_f1"] == pytest.approx(reference.f1_score(labels, chances.argmax(1), average="macro"))
    assert found["log_loss"] == pytest.approx(reference.log_loss(labels, chances, labels=range(4)))


@settings(deadline=None)
@given(SEEDS, st.integers(2, 60))
def test_multi_label_metrics_equal_scikit_learn(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    logits, labels = generator.normal(size=(count, 3)), generator.integers(0, 2, (count, 3)).astype(np.float32)
    found, guess = metrics(TAGS, logits, labels), logits >= 0
    assert found["micro_f1"] == pytest.approx(reference.f1_score(labels, guess, average="micro", zero_division=0))
    assert found["subset_accuracy"] == pytest.approx(reference.accuracy_score(labels, guess))
    by_class = [reference.log_loss(labels[:, i], 1 / (1 + np.exp(-logits[:, i])), labels=[0, 1]) for i in range(3)]
    assert found["log_loss"] == pytest.approx(np.mean(by_class))


@settings(deadline=None)
@given(SEEDS, st.integers(3, 60))
def test_regression_metrics_equal_scikit_learn(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    labels = generator.normal(size=count) * 100
    logits = (labels + generator.normal(size=count))[:, None]
    found = metrics(NUMBER, logits, labels)
    assert found["r2"] == pytest.approx(reference.r2_score(labels, logits[:, 0]))
    assert found["mae"] == pytest.approx(reference.mean_absolute_error(labels, logits[:, 0]))
    assert found["rmse"] == pytest.approx(reference.root_mean_squared_error(labels, logits[:, 0]))


def test_a_sure_and_wrong_model_has_calibration_error_one() -> None:
    logits = np.tile([50.0, 0.0, 0.0, 0.0], (10, 1))
    assert metrics(FOUR, logits, np.ones(10, dtype=np.int64))["calibration_error"] == pytest.approx(1.0)


def test_a_model_as_right_as_it_is_sure_has_calibration_error_zero() -> None:
    logits = np.tile(np.log([0.7, 0.1, 0.1, 0.1]), (10, 1))
    labels = np.array([0] * 7 + [1, 2, 3])
    assert metrics(FOUR, logits, labels)["calibration_error"] == pytest.approx(0.0, abs=1e-9)


@given(SEEDS)
def test_calibration_error_equals_a_plain_loop_over_bins(seed: int) -> None:
    generator = np.random.default_rng(seed)
    logits, labels = generator.normal(size=(40, 4)) * 2, generator.integers(0, 4, 40)
    chances = probabilities(FOUR, logits)
    sure, right = chances.max(1), chances.argmax(1) == labels
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (sure >= low) & (sure < low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(sure[inside].mean() - right[inside].mean())
    assert metrics(FOUR, logits, labels)["calibration_error"] == pytest.approx(expected)


def test_probabilities_of_extreme_logits_are_finite_and_sum_to_one() -> None:
    chances = probabilities(FOUR, np.array([[1e4, -1e4, 0, 0], [-1e4, -1e4, -1e4, -1e4]]))
    assert np.isfinite(chances).all()
    assert chances.sum(1) == pytest.approx([1, 1])
    assert probabilities(TAGS, np.array([[1e4, -1e4, 0.0]])).tolist() == [[1.0, 0.0, 0.5]]


def test_a_metric_of_another_kind_is_refused_with_those_that_fit() -> None:
    with pytest.raises(OptionError, match=r"--metric: 'r2'.*accuracy, macro_f1"):
        primary(FOUR, "r2")


@pytest.mark.parametrize("kind", Kind)
def test_the_first_metric_decides_by_default(kind: Kind) -> None:
    assert primary(Task(Modality.TEXT, kind)) == METRICS[kind][0]
    assert higher_is_better(METRICS[kind][0])


def test_a_diverged_model_is_not_scored() -> None:
    with pytest.raises(ModelError, match="diverged"):
        metrics(FOUR, np.full((2, 4), np.nan), np.array([0, 1]))
