"""How sure a score is: the bootstrap, over examples and over seeds.

Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapters 13 and 16; for comparing systems on one test
set, Koehn (2004), W04-3250. Differences are *paired*: both systems are scored on the same resampled examples, so that
an example that is hard for both cancels out.

Shares of right examples get one pseudo-example each way: one right and one wrong for a score (Agresti and Coull 1998,
doi:10.1080/00031305.1998.10480550), one won and one lost for a difference (Bonett and Price 2012,
doi:10.3102/1076998611411915). Without them a model that is right on all of 150 examples would get an interval of no
width, and one that errs on one in two hundred would be inside its interval half of the time instead of 95 %.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alih.evaluate.metrics import PROPORTIONS, Floats, Labels, from_means, score, statistics
from alih.task import Task

_RESAMPLES = 2000
#: Resamples are drawn in chunks of about so many numbers, which bounds the memory.
_CHUNK = 4_000_000
#: Pseudo-examples: what the first system and every other one score on them.
_RIGHT_AND_WRONG, _WRONG_AND_RIGHT = np.array([[1.0], [0.0]]), np.array([[0.0], [1.0]])


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
    # Resampling is biased for metrics that are no means (calibration error most); the score itself is never left out.
    return min(float(low), point), point, max(float(high), point)


def _resample(
    task: Task, metric: str, systems: Sequence[Floats], labels: Labels, seed: int
) -> list[NDArray[np.float64]]:
    """Scores of every system under the same resamples of examples, and under resamples of its own seeds: (resamples,).

    Seeds are resampled too, since a route's score is its mean over them; with one seed only the examples vary.
    """
    columns = [[_with_pseudo(task, metric, run, labels, index) for run in runs] for index, runs in enumerate(systems)]
    count = len(columns[0][0])
    of_examples, of_seeds = np.random.default_rng((seed, 0)), np.random.default_rng((seed, 1))
    scores = [np.empty((_RESAMPLES, len(runs))) for runs in systems]
    step = max(1, _CHUNK // count)
    for start in range(0, _RESAMPLES, step):
        part = slice(start, min(start + step, _RESAMPLES))
        weights = _draws(of_examples, part.stop - start, count)
        for found, runs in zip(scores, columns, strict=True):
            for index, run in enumerate(runs):
                # Sums of the small whole numbers of an F1 are exact in float32, and twice as fast.
                sums = weights.astype(run.dtype) @ run
                found[part, index] = from_means(metric, sums.astype(np.float64) / count)
    return [
        (found * _draws(of_seeds, _RESAMPLES, found.shape[1])).mean(axis=1) if found.shape[1] > 1 else found[:, 0]
        for found in scores
    ]


def _with_pseudo(task: Task, metric: str, run: Floats, labels: Labels, index: int) -> Floats:
    found = statistics(task, metric, run, labels)
    if metric not in PROPORTIONS:
        return found
    return np.concatenate([found, _WRONG_AND_RIGHT if index else _RIGHT_AND_WRONG])


def _draws(generator: np.random.Generator, resamples: int, count: int) -> NDArray[np.int64]:
    """How often each of `count` items is drawn when `count` are drawn with replacement: (resamples, count)."""
    rows = generator.integers(0, count, (resamples, count)) + count * np.arange(resamples)[:, None]
    return np.bincount(rows.ravel(), minlength=resamples * count).reshape(resamples, count)
