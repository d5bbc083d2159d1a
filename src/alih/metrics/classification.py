"""Metrics of classification and regression, from logits; equal to scikit-learn's."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alih.errors import ModelError, OptionError
from alih.metrics.base import Floats, Metric, f1_of, mean_of, mean_where, means, ratio
from alih.task import Kind

Labels = NDArray[np.generic]

#: Labels of a multi-label task are those at least this probable.
THRESHOLD = 0.5
_BINS = 15


def _micro_f1(sums: Floats) -> Floats:
    return f1_of(sums[..., 0], sums[..., 1])[0]


def _macro_f1(sums: Floats) -> Floats:
    """Classes that are neither predicted nor there are left out of the mean."""
    hits, labels = np.split(sums, 2, axis=-1)
    return mean_where(*f1_of(hits, labels))


def _one_label(sums: Floats) -> Floats:
    """A label predicted rightly, and one predicted in place of another, spread over the classes that are there."""
    half = len(sums) // 2
    there = sums[half:] > 0
    share = there / max(int(there.sum()), 1)
    return np.array([np.concatenate([share, 2 * share]), np.concatenate([0 * share, 2 * share])])


def _calibration_error(sums: Floats) -> Floats:
    """Expected calibration error: the mean over examples of |confidence − rightness|, summed within 15 bins first.

    Guo et al. 2017, arXiv 1706.04599, section 2.
    """
    return np.asarray(np.abs(sums[..., :-1]).sum(axis=-1) / sums[..., -1])


def _rmse(sums: Floats) -> Floats:
    return np.asarray(np.sqrt(ratio(sums)))


def _r2(sums: Floats) -> Floats:
    """1 − Σ residual² / Σ (label − mean)²; labels that are all equal give 1 if they are met exactly, else 0."""
    error, first, second = (sums[..., column] / sums[..., 3] for column in range(3))
    variance = second - first**2
    varies = variance > 1e-12 * second  # anything below is rounding
    unexplained = np.divide(error, variance, out=np.asarray(error > 0, dtype=np.float64), where=varies)
    return np.asarray(1.0 - unexplained)


ACCURACY = mean_of("accuracy", is_share=True, in_points=True)
SUBSET_ACCURACY = mean_of("subset_accuracy", is_share=True, in_points=True)
MICRO_F1 = Metric("micro_f1", _micro_f1, pseudo_examples=_one_label, in_points=True)
MACRO_F1 = Metric("macro_f1", _macro_f1, pseudo_examples=_one_label, in_points=True)
LOG_LOSS = mean_of("log_loss", higher_is_better=False)
CALIBRATION_ERROR = Metric("calibration_error", _calibration_error, higher_is_better=False, in_points=True)
R2 = Metric("r2", _r2)
MAE = mean_of("mae", higher_is_better=False)
RMSE = Metric("rmse", _rmse, higher_is_better=False)

#: Metrics by kind of label; the first one decides where the user names none.
METRICS: dict[Kind, tuple[Metric, ...]] = {
    Kind.SINGLE: (ACCURACY, MACRO_F1, LOG_LOSS, CALIBRATION_ERROR),
    Kind.MULTI: (MICRO_F1, MACRO_F1, SUBSET_ACCURACY, LOG_LOSS),
    Kind.REGRESSION: (R2, MAE, RMSE),
}


def primary(kind: Kind, chosen: str | None = None) -> Metric:
    """The metric that decides: the chosen one, or the first of the kind.

    Raises:
        OptionError: the chosen metric does not fit the kind of label.
    """
    known = {metric.name: metric for metric in METRICS[kind]}
    if chosen is None:
        return METRICS[kind][0]
    if chosen not in known:
        raise OptionError(f"--metric: {chosen!r} does not fit a {kind} task. Metrics: {', '.join(known)}.")
    return known[chosen]


def scores(kind: Kind, classes: Sequence[str], logits: Floats, labels: Labels) -> dict[str, float]:
    """Every metric of the kind, by name; arguments as for `statistics`.

    Raises:
        ValueError: there are no examples, or not as many labels.
        ModelError: a logit is not finite.
    """
    if len(logits) == 0 or len(logits) != len(labels):
        raise ValueError(f"{len(logits)} logits for {len(labels)} labels")
    check_finite(logits)
    return {metric.name: metric.score(table(metric, kind, classes, logits, labels)) for metric in METRICS[kind]}


def statistics(kind: Kind, classes: Sequence[str], logits: Floats, labels: Labels) -> dict[str, Floats]:
    """The tables (n, k) of every metric of the kind, by name.

    Args:
        kind: of label.
        classes: in the order of the outputs; empty for regression.
        logits: (n, outputs).
        labels: (n,) class indices or numbers; (n, classes) 0/1 for multi-label.
    """
    return {metric.name: table(metric, kind, classes, logits, labels) for metric in METRICS[kind]}


def table(metric: Metric, kind: Kind, classes: Sequence[str], logits: Floats, labels: Labels) -> Floats:
    """The table of one metric, (n, k); arguments as for `statistics`."""
    values = np.asarray(logits, dtype=np.float64)
    if metric in (ACCURACY, SUBSET_ACCURACY):
        predicted, actual = _decided(kind, classes, values, labels)
        return means((predicted == actual).all(axis=1))
    if metric is LOG_LOSS:
        return means(_cross_entropy(kind, values, labels))
    if metric in (MICRO_F1, MACRO_F1):
        # Whole numbers, whose sums are exact in float32: half the memory and time of a resampling.
        predicted, actual = _decided(kind, classes, values, labels)
        if metric is MICRO_F1:
            labelled = predicted.sum(axis=1) + actual.sum(axis=1)
            return np.column_stack([(predicted & actual).sum(axis=1), labelled]).astype(np.float32)
        return np.concatenate([predicted & actual, predicted.astype(np.int8) + actual], axis=1, dtype=np.float32)
    if metric is CALIBRATION_ERROR:
        return _confidence_gaps(probabilities(kind, values), labels)
    truth = np.asarray(labels, dtype=np.float64)
    residuals = values[:, 0] - truth
    if metric is MAE:
        return means(np.abs(residuals))
    if metric is RMSE:
        return means(residuals**2)
    if metric is not R2:
        raise ValueError(f"{metric.name} is no metric of classification")
    # Centred, so that the variance is no difference of large numbers.
    centred = truth - truth.mean() if truth.min() < truth.max() else np.zeros_like(truth)
    return np.column_stack([residuals**2, centred, centred**2, np.ones_like(truth)])


def probabilities(kind: Kind, logits: Floats) -> NDArray[np.float64]:
    """Probabilities of the classes: softmax, sigmoid for multi-label; the numbers themselves for regression.

    Args:
        kind: decides the function.
        logits: (…, outputs).
    """
    values = np.asarray(logits, dtype=np.float64)
    if kind is Kind.REGRESSION:
        return values
    if kind is Kind.MULTI:
        return 0.5 * (1.0 + np.tanh(0.5 * values))  # the sigmoid, without overflow
    exponentials = np.exp(values - values.max(axis=-1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))


def check_finite(logits: Floats) -> None:
    """Refuse outputs that nothing can be concluded from.

    Raises:
        ModelError: a logit is not a finite number.
    """
    if not np.isfinite(logits).all():
        raise ModelError(
            "the model's outputs are no finite numbers: it has diverged, or its weights are damaged. "
            "Adapt it again with a lower --learning-rate, or with --precision fp32."
        )


def _decided(
    kind: Kind, classes: Sequence[str], values: NDArray[np.float64], labels: Labels
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Predicted and actual labels as indicators: (n, classes) each."""
    chances = probabilities(kind, values)
    if kind is Kind.MULTI:
        return chances >= THRESHOLD, labels == 1
    indices = np.arange(len(classes))
    return chances.argmax(axis=1)[:, None] == indices, labels[:, None] == indices


def _cross_entropy(kind: Kind, values: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """Of each example, from its logits: probabilities would round to 0 and 1 where a model is very sure."""
    if kind is Kind.SINGLE:
        shifted = values - values.max(axis=1, keepdims=True)
        true = np.take_along_axis(shifted, labels.astype(np.int64)[:, None], axis=1)[:, 0]
        return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - true)
    return np.asarray((np.logaddexp(0.0, values) - np.where(labels == 1, values, 0.0)).mean(axis=1))


def _confidence_gaps(chances: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """Confidence minus rightness of each example in the column of its bin of confidence, and 1: (n, bins + 1)."""
    confidence = chances.max(axis=1)
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.zeros((len(chances), _BINS + 1))
    gaps[np.arange(len(chances)), bins] = confidence - (chances.argmax(axis=1) == labels)
    gaps[:, -1] = 1.0
    return gaps
