"""Metrics equal scikit-learn's, and closed forms where it has none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import special
from sklearn import metrics as reference

from alih.errors import ModelError, OptionError
from alih.metrics import classification
from alih.metrics.classification import METRICS, primary
from alih.metrics.names import named
from alih.task import Kind

FOUR, TAGS, NUMBER = (Kind.SINGLE, "abcd"), (Kind.MULTI, "abc"), (Kind.REGRESSION, "")
SEEDS = st.integers(0, 10_000)


def metrics(task: tuple[Kind, str], logits: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    return classification.scores(*task, logits, labels)


def score(task: tuple[Kind, str], name: str, logits: np.ndarray, labels: np.ndarray) -> float:
    return named(name).score(classification.statistics(*task, logits, labels)[name])


def probabilities(task: tuple[Kind, str], logits: np.ndarray) -> np.ndarray:
    return classification.probabilities(task[0], logits)


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


@settings(deadline=None)
@given(SEEDS, st.integers(1, 8))
def test_classes_that_are_absent_are_left_out_of_the_macro_mean(seed: int, count: int) -> None:
    generator = np.random.default_rng(seed)
    logits, labels = generator.normal(size=(count, 4)), generator.integers(0, 2, count)
    expected = reference.f1_score(labels, logits.argmax(1), average="macro", labels=range(4), zero_division=np.nan)
    assert score(FOUR, "macro_f1", logits, labels) == pytest.approx(expected)
    tags = generator.integers(0, 2, (count, 3)) * [1, 1, 0]
    guessed = generator.normal(size=(count, 3)) - [0, 0, 9]
    expected = reference.f1_score(tags, guessed >= 0, average="macro", zero_division=np.nan)
    assert score(TAGS, "macro_f1", guessed, tags) == pytest.approx(0.0 if np.isnan(expected) else expected)


def test_r2_of_equal_labels_is_one_if_met_exactly_and_else_zero() -> None:
    labels = np.full(7, 0.1, dtype=np.float32)
    assert score(NUMBER, "r2", labels[:, None], labels) == reference.r2_score(labels, labels) == 1.0
    assert score(NUMBER, "r2", labels[:, None] + 1, labels) == 0.0


def test_a_label_that_is_exactly_half_probable_counts_as_predicted() -> None:
    assert score(TAGS, "subset_accuracy", np.zeros((1, 3)), np.ones((1, 3))) == 1.0


def test_log_loss_of_a_very_sure_model_is_its_cross_entropy_and_not_a_bound() -> None:
    sure = np.array([[1000.0, 0.0, 0.0, 0.0]])
    assert metrics(FOUR, sure, np.array([1]))["log_loss"] == pytest.approx(1000.0)
    assert metrics(TAGS, np.array([[900.0, 0.0, -900.0]]), np.array([[0, 1, 1]]))["log_loss"] == pytest.approx(
        (900 + np.log(2) + 900) / 3
    )


@given(SEEDS, st.floats(0.1, 50.0))
def test_probabilities_are_those_of_scipy(seed: int, scale: float) -> None:
    logits = np.random.default_rng(seed).normal(size=(5, 4)).astype(np.float32) * scale
    assert probabilities(FOUR, logits) == pytest.approx(special.softmax(logits.astype(np.float64), axis=1))
    assert probabilities(TAGS, logits) == pytest.approx(special.expit(logits.astype(np.float64)))
    assert (probabilities(NUMBER, logits) == logits).all()


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
        primary(Kind.SINGLE, "r2")


@pytest.mark.parametrize("kind", Kind)
def test_the_first_metric_decides_by_default(kind: Kind) -> None:
    assert primary(kind) is METRICS[kind][0]
    assert primary(kind).higher_is_better


def test_a_diverged_model_is_not_scored() -> None:
    with pytest.raises(ModelError, match="diverged"):
        metrics(FOUR, np.full((2, 4), np.nan), np.array([0, 1]))
    with pytest.raises(ModelError, match="--learning-rate"):
        metrics(NUMBER, np.array([[np.inf], [0.0]]), np.array([0.0, 1.0]))


@pytest.mark.parametrize("rows", [0, 3])
def test_as_many_labels_as_outputs_are_needed_and_at_least_one(rows: int) -> None:
    with pytest.raises(ValueError, match=f"{rows} logits for"):
        metrics(FOUR, np.zeros((rows, 4)), np.zeros(0 if rows == 0 else 2, dtype=np.int64))


@pytest.mark.parametrize("kind", Kind)
def test_a_score_is_a_function_of_sums_so_that_parts_add_up(kind: Kind) -> None:
    generator = np.random.default_rng(1)
    classes = "" if kind is Kind.REGRESSION else "abc"
    labels = {
        Kind.SINGLE: generator.integers(0, 3, 40),
        Kind.MULTI: generator.integers(0, 2, (40, 3)),
        Kind.REGRESSION: generator.normal(size=40),
    }[kind]
    logits = generator.normal(size=(40, max(len(classes), 1)))
    for name, table in classification.statistics(kind, classes, logits, labels).items():
        parts = table[:13].sum(axis=0, dtype=float) + table[13:].sum(axis=0, dtype=float)
        assert named(name).from_sums(parts) == pytest.approx(named(name).score(table))
        both = np.stack([table.sum(axis=0, dtype=float), table[:13].sum(axis=0, dtype=float)])
        assert named(name).from_sums(both).shape == (2,)
