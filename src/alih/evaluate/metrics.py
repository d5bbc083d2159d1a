"""Metrics of every kind of label, from logits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alih.errors import OptionError
from alih.task import Kind, Task

Floats = NDArray[np.floating]
Labels = NDArray[np.generic]

_BINS = 15
_TINY = 1e-12

#: Metrics by kind of label; the first one decides where the user names none.
METRICS: dict[Kind, tuple[str, ...]] = {
    Kind.SINGLE: ("accuracy", "macro_f1", "log_loss", "calibration_error"),
    Kind.MULTI: ("micro_f1", "macro_f1", "subset_accuracy", "log_loss"),
    Kind.REGRESSION: ("r2", "mae", "rmse"),
}
_LOWER_IS_BETTER = frozenset({"log_loss", "calibration_error", "mae", "rmse"})


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


def metrics(task: Task, logits: Floats, labels: Labels) -> dict[str, float]:
    """Every metric of the task.

    Args:
        task: what was predicted.
        logits: (n, outputs), finite.
        labels: (n,) class indices or numbers; (n, classes) 0/1 for multi-label.

    Raises:
        ValueError: there are no examples, or a logit is not finite.
    """
    if len(logits) == 0 or len(logits) != len(labels):
        raise ValueError(f"{len(logits)} logits for {len(labels)} labels")
    if not np.isfinite(logits).all():
        raise ValueError("a logit is not a finite number: the model has diverged")
    return {name: score(task, name, logits, labels) for name in METRICS[task.kind]}


def score(task: Task, metric: str, logits: Floats, labels: Labels) -> float:
    """One metric of the task; arguments as for `metrics`."""
    if metric in MEANS:
        return float(example_scores(task, metric, logits, labels).mean())
    chances = probabilities(task, logits)
    if metric == "macro_f1":
        return float(_f1(*_counts(task, chances, labels)).mean())
    if metric == "micro_f1":
        return float(_f1(*(counts.sum(keepdims=True) for counts in _counts(task, chances, labels)))[0])
    if metric == "calibration_error":
        return _calibration_error(chances, labels)
    residuals = np.asarray(logits, dtype=np.float64)[:, 0] - np.asarray(labels, dtype=np.float64)
    if metric == "rmse":
        return float(np.sqrt((residuals**2).mean()))
    spread = np.asarray(labels, dtype=np.float64)
    total = ((spread - spread.mean()) ** 2).sum()
    return float(1.0 - (residuals**2).sum() / total) if total > 0 else 0.0


#: Metrics that are means over examples: a bootstrap needs no more than the scores of the examples.
MEANS = frozenset({"accuracy", "subset_accuracy", "log_loss", "mae"})


def example_scores(task: Task, metric: str, logits: Floats, labels: Labels) -> NDArray[np.float64]:
    """The score of each example, for a metric in `MEANS`: (n,)."""
    if metric == "mae":
        return np.abs(np.asarray(logits, dtype=np.float64)[:, 0] - np.asarray(labels, dtype=np.float64))
    chances = probabilities(task, logits)
    if metric == "accuracy":
        return np.asarray(chances.argmax(axis=1) == labels, dtype=np.float64)
    if metric == "subset_accuracy":
        return np.asarray(((chances >= 0.5) == (labels == 1)).all(axis=1), dtype=np.float64)
    if task.kind is Kind.SINGLE:
        return -np.log(np.maximum(chances[np.arange(len(labels)), labels.astype(np.int64)], _TINY))
    truth = np.where(labels == 1, chances, 1.0 - chances)
    return np.asarray(-np.log(np.maximum(truth, _TINY)).mean(axis=1))


def _counts(task: Task, chances: NDArray[np.float64], labels: Labels) -> tuple[NDArray[np.int64], ...]:
    """True positives, predicted positives, actual positives of each class."""
    if task.kind is Kind.MULTI:
        predicted, actual = chances >= 0.5, labels == 1
        return (predicted & actual).sum(axis=0), predicted.sum(axis=0), actual.sum(axis=0)
    width = len(task.classes)
    guess, truth = chances.argmax(axis=1), labels.astype(np.int64)
    hits = np.bincount(truth[guess == truth], minlength=width)
    return hits, np.bincount(guess, minlength=width), np.bincount(truth, minlength=width)


def _f1(hits: NDArray[np.int64], predicted: NDArray[np.int64], actual: NDArray[np.int64]) -> NDArray[np.float64]:
    """2·tp / (predicted + actual); classes that are neither predicted nor there are left out, as scikit-learn does."""
    total = predicted + actual
    present = total > 0
    if not present.any():
        return np.zeros(1)
    return np.asarray(2.0 * hits[present] / total[present], dtype=np.float64)


def _calibration_error(chances: NDArray[np.float64], labels: Labels) -> float:
    """Expected calibration error: mean gap of confidence and accuracy over 15 bins (arXiv 1706.04599, section 2)."""
    confidence = chances.max(axis=1)
    right = chances.argmax(axis=1) == labels
    bins = np.minimum((confidence * _BINS).astype(np.int64), _BINS - 1)
    weight = np.bincount(bins, minlength=_BINS)
    gap = np.abs(np.bincount(bins, confidence, _BINS) - np.bincount(bins, right, _BINS))
    return float(gap[weight > 0].sum() / len(labels))
