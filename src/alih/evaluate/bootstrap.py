"""How sure a score is: the bootstrap, over examples and over seeds.

Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapters 13 and 16; for comparing systems on one test
set, Koehn (2004), W04-3250. Differences are *paired*: both systems are scored on the same resampled examples, so that
an example that is hard for both cancels out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alih.evaluate.metrics import MEANS, Floats, Labels, example_scores, score
from alih.task import Task

_RESAMPLES = 2000
#: Metrics that are no means are computed anew for each resample, which takes longer.
_RESAMPLES_COSTLY = 500


@dataclass(frozen=True)
class Interval:
    """A score and where it lies with the stated probability."""

    low: float
    point: float
    high: float
    level: float = 0.95


@dataclass(frozen=True)
class Difference(Interval):
    """A difference of two scores, a − b; `distinguishable` where the interval leaves out zero."""

    @property
    def distinguishable(self) -> bool:
        """Whether zero lies outside the interval."""
        return self.low > 0 or self.high < 0


def interval(
    task: Task, metric: str, logits: Floats, labels: Labels, *, level: float = 0.95, seed: int = 0
) -> Interval:
    """The interval of one score.

    Args:
        task: what was predicted.
        metric: any metric of the task.
        logits: (n, outputs), or (seeds, n, outputs) for the mean score over seeds.
        labels: (n,) or (n, classes).
        level: probability.
        seed: of the resampling.
    """
    runs = _runs(logits)
    resampled = _resample(task, metric, [runs], labels, seed)[0]
    point = float(np.mean([score(task, metric, run, labels) for run in runs]))
    return Interval(*_ends(resampled, point, level), level)


def differences(
    task: Task,
    metric: str,
    first: Floats,
    others: Sequence[Floats],
    labels: Labels,
    *,
    level: float = 0.95,
    seed: int = 0,
) -> list[Difference]:
    """Differences of the first system's score to each other one's, on the same resampled examples.

    The level is corrected for the number of comparisons after Bonferroni: each interval is at 1 − (1 − level) / count,
    so that all of them hold at once with at least the stated probability. (Holm's method rejects more, but gives no
    intervals.) Arguments as for `interval`.
    """
    systems = [_runs(first), *(_runs(other) for other in others)]
    corrected = 1.0 - (1.0 - level) / max(len(others), 1)
    resampled = _resample(task, metric, systems, labels, seed)
    points = [float(np.mean([score(task, metric, run, labels) for run in runs])) for runs in systems]
    found = []
    for values, point in zip(resampled[1:], points[1:], strict=True):
        gap = points[0] - point
        found.append(Difference(*_ends(resampled[0] - values, gap, corrected), corrected))
    return found


def _runs(logits: Floats) -> NDArray[np.floating]:
    return logits if logits.ndim == 3 else logits[None]


def _ends(values: NDArray[np.float64], point: float, level: float) -> tuple[float, float, float]:
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), point, float(high)


def _resample(
    task: Task, metric: str, systems: Sequence[Floats], labels: Labels, seed: int
) -> list[NDArray[np.float64]]:
    """Scores of every system under the same resamples of examples, and under resamples of its own seeds: (resamples,).

    Seeds are resampled too, since a route's score is its mean over them; with one seed only the examples vary.
    """
    generator = np.random.default_rng(seed)
    count = len(labels)
    mean = metric in MEANS
    resamples = _RESAMPLES if mean else _RESAMPLES_COSTLY
    if mean:
        per_example = [np.stack([example_scores(task, metric, run, labels) for run in runs]) for runs in systems]
    found = [np.empty(resamples) for _ in systems]
    for number in range(resamples):
        rows = generator.integers(0, count, count)
        weights = np.bincount(rows, minlength=count)
        for index, runs in enumerate(systems):
            seeds = generator.integers(0, len(runs), len(runs))
            if mean:
                found[index][number] = (per_example[index][seeds] @ weights).mean() / count
            else:
                chosen = np.unique(seeds, return_counts=True)
                scores = [score(task, metric, runs[one][rows], labels[rows]) for one in chosen[0]]
                found[index][number] = np.average(scores, weights=chosen[1])
    return found
