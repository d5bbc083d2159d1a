"""Metrics of every kind of label, from logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alih.errors import ModelError, OptionError
from alih.task import Kind, Task

Floats = NDArray[np.floating]
Labels = NDArray[np.generic]

#: Labels of a multi-label task are those at least this probable.
THRESHOLD = 0.5
_BINS = 15

#: Metrics by kind of label; the first one decides where the user names none.
METRICS: dict[Kind, tuple[str, ...]] = {
    Kind.SINGLE: ("accuracy", "macro_f1", "log_loss", "calibration_error"),
    Kind.MULTI: ("micro_f1", "macro_f1", "subset_accuracy", "log_loss"),
    Kind.REGRESSION: ("r2", "mae", "rmse"),
}
#: Metrics of written answers: the scores of the examples are given instead of logits, (n, 1); of perplexity, the
#: sum of each example's cross-entropies and how many tokens they are of, (n, 2).
WRITTEN = ("exact_match", "final_answer", "token_f1", "rouge_l", "perplexity")
_LOWER_IS_BETTER = frozenset({"log_loss", "calibration_error", "mae", "rmse", "perplexity"})
#: Shares of examples, or of an example, that are right: each example scores from 0 to 1.
PROPORTIONS = frozenset({"accuracy", "subset_accuracy", *WRITTEN[:-1]})
#: Metrics between 0 and 1, whose differences read well in hundredths ("points").
IN_POINTS = PROPORTIONS | {"micro_f1", "macro_f1", "calibration_error"}


def primary(task: Task, chosen: str | None = None) -> str:
    """The metric that decides: the chosen one, or the first of the task's kind.

    Raises:
        OptionError: the chosen metric does not fit the kind of label.
    """
    known = METRICS[task.kind]
    if chosen is None:
        return known[0]
    if chosen not in known:
        raise OptionError(f"--metric: {chosen!r} does not fit a {task.kind} task. Metrics: {', '.join(known)}.")
    return chosen


def higher_is_better(metric: str) -> bool:
    """Whether a larger value of the metric is better."""
    return metric not in _LOWER_IS_BETTER


def probabilities(task: Task, logits: Floats) -> NDArray[np.float64]:
    """Probabilities of the classes: softmax, sigmoid for multi-label; the numbers themselves for regression.

    Args:
        task: decides the function.
        logits: (…, outputs).
    """
    values = np.asarray(logits, dtype=np.float64)
    if task.kind is Kind.REGRESSION:
        return values
    if task.kind is Kind.MULTI:
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


def metrics(task: Task, logits: Floats, labels: Labels) -> dict[str, float]:
    """Every metric of the task.

    Args:
        task: what was predicted.
        logits: (n, outputs), finite.
        labels: (n,) class indices or numbers; (n, classes) 0/1 for multi-label.

    Raises:
        ValueError: there are no examples, or not as many labels.
        ModelError: a logit is not finite.
    """
    if len(logits) == 0 or len(logits) != len(labels):
        raise ValueError(f"{len(logits)} logits for {len(labels)} labels")
    check_finite(logits)
    return {name: score(task, name, logits, labels) for name in METRICS[task.kind]}


def score(task: Task, metric: str, logits: Floats, labels: Labels) -> float:
    """One metric of the task; arguments as for `metrics`."""
    return float(from_means(metric, statistics(task, metric, logits, labels).mean(axis=0, dtype=np.float64)))


def statistics(task: Task, metric: str, logits: Floats, labels: Labels) -> Floats:
    """What each example adds to a metric: (n, k); `from_means` makes the metric of the means of these columns.

    Every metric here is a function of means over examples, so that a bootstrap needs no more than weighted means.
    """
    values = np.asarray(logits, dtype=np.float64)
    if metric in WRITTEN:
        return values
    if metric in {"accuracy", "subset_accuracy", "log_loss"}:
        return _example_scores(task, metric, values, labels)[:, None]
    if metric in {"micro_f1", "macro_f1"}:
        predicted, actual = _decided(task, values, labels)
        if metric == "micro_f1":
            hits, total = (predicted & actual).sum(axis=1), predicted.sum(axis=1) + actual.sum(axis=1)
            return np.column_stack([hits, total]).astype(np.float32)
        return np.concatenate([predicted & actual, predicted.astype(np.int8) + actual], axis=1, dtype=np.float32)
    if metric == "calibration_error":
        return _confidence_gaps(probabilities(task, values), labels)
    truth = np.asarray(labels, dtype=np.float64)
    residuals = values[:, 0] - truth
    if metric == "mae":
        return np.abs(residuals)[:, None]
    if metric == "rmse":
        return residuals[:, None] ** 2
    # Centred, so that the variance below is no difference of large numbers.
    centred = truth - truth.mean() if truth.min() < truth.max() else np.zeros_like(truth)
    return np.column_stack([residuals**2, centred, centred**2])


def from_means(metric: str, means: NDArray[np.float64]) -> NDArray[np.float64]:
    """The metric from means of the columns of `statistics`: (…, k) → (…,).

    F1 is 2·tp / (predicted + actual). Classes neither predicted nor there are left out of the macro mean, as
    scikit-learn does with `zero_division=nan`. R² of labels that are all equal is 1 if they are met exactly, else 0.
    """
    if metric == "rmse":
        return np.asarray(np.sqrt(means[..., 0]))
    if metric == "perplexity":
        return np.asarray(np.exp(np.minimum(means[..., 0] / np.maximum(means[..., 1], 1e-12), 700.0)))
    if metric == "calibration_error":
        return np.asarray(np.abs(means).sum(axis=-1))
    if metric in {"micro_f1", "macro_f1"}:
        hits, total = np.split(means, 2, axis=-1)
        present = total > 0
        f1 = np.divide(2.0 * hits, total, out=np.zeros_like(hits), where=present)
        return np.asarray(f1.sum(axis=-1) / np.maximum(present.sum(axis=-1), 1))
    if metric == "r2":
        error, first, second = means[..., 0], means[..., 1], means[..., 2]
        variance = second - first**2
        varies = variance > 1e-12 * second  # anything below is rounding
        unexplained = np.divide(error, variance, out=np.asarray(error > 0, dtype=np.float64), where=varies)
        return np.asarray(1.0 - unexplained)
    return np.asarray(means[..., 0])


def _example_scores(task: Task, metric: str, values: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """The score of each example, for metrics that are means of those: (n,)."""
    if metric in PROPORTIONS:
        predicted, actual = _decided(task, values, labels)
        return np.asarray((predicted == actual).all(axis=1), dtype=np.float64)
    # Cross-entropy from the logits: probabilities would round to 0 and 1 where a model is very sure.
    if task.kind is Kind.SINGLE:
        shifted = values - values.max(axis=1, keepdims=True)
        true = np.take_along_axis(shifted, labels.astype(np.int64)[:, None], axis=1)[:, 0]
        return np.asarray(np.log(np.exp(shifted).sum(axis=1)) - true)
    return np.asarray((np.logaddexp(0.0, values) - np.where(labels == 1, values, 0.0)).mean(axis=1))


def _decided(task: Task, values: NDArray[np.float64], labels: Labels) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Predicted and actual labels as indicators: (n, classes) each."""
    chances = probabilities(task, values)
    if task.kind is Kind.MULTI:
        return chances >= THRESHOLD, labels == 1
    classes = np.arange(len(task.classes))
    return chances.argmax(axis=1)[:, None] == classes, labels[:, None] == classes


def _confidence_gaps(chances: NDArray[np.float64], labels: Labels) -> NDArray[np.float64]:
    """Confidence minus rightness of each example, in the column of its bin of confidence: (n, bins).

    The mean absolute column sum is the expected calibration error (arXiv 1706.04599, section 2), with 15 bins.
    """
    confidence = chances.max(axis=1)
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    gaps = np.zeros((len(chances), _BINS))
    gaps[np.arange(len(chances)), bins] = confidence - (chances.argmax(axis=1) == labels)
    return gaps
