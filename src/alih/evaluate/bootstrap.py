"""How sure a score is: the bootstrap over examples, and Student's t over seeds.

Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapters 13 and 16; for comparing systems on one test
set, Koehn (2004), W04-3250. Differences are *paired*: both systems are scored on the same resampled examples, so that
an example that is hard for both cancels out. Examples of one group (one customer, one patient) are drawn together.

Shares of right examples, and F1, get one pseudo-example each way: one right and one wrong for a score (Agresti and
Coull 1998, doi:10.1080/00031305.1998.10480550), one won and one lost for a difference (Bonett and Price 2012,
doi:10.3102/1076998611411915). Without them a model that is right on all of 150 examples would get an interval of no
width, and one that errs on one in two hundred would be inside its interval half of the time instead of 95 %.

Two or three seeds are too few to resample: that would find half to two thirds of their variance. What a mean over
seeds may be off by is drawn from Student's t instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alih.evaluate.metrics import IN_POINTS, PROPORTIONS, Floats, Labels, from_means, score, statistics
from alih.task import Task

_RESAMPLES = 2000
#: Resamples are drawn in chunks of about so many numbers, which bounds the memory.
_CHUNK = 4_000_000
_F1 = frozenset({"micro_f1", "macro_f1"})
#: How many seeds the spread that all systems share counts for, beside a system's own.
_PRIOR_FREEDOM = 2


@dataclass(frozen=True)
class Interval:
    """A score and where it lies with the stated probability."""

    low: float
    point: float
    high: float
    level: float = 0.95


@dataclass(frozen=True)
class Difference(Interval):
    """A difference of two scores, a − b; positive where a is the larger."""


class Bootstrap:
    """Scores of several systems on the same resamples of the same examples.

    Args:
        task: what was predicted.
        metric: any metric of the task.
        systems: logits of each, (n, outputs), or (seeds, n, outputs) for its mean score over seeds.
        labels: (n,) or (n, classes).
        groups: of each example; those of one group are drawn together.
        seed: of the resampling.
    """

    def __init__(
        self,
        task: Task,
        metric: str,
        systems: Sequence[Floats],
        labels: Labels,
        *,
        groups: Sequence[str] | None = None,
        seed: int = 0,
    ) -> None:
        runs = [logits if logits.ndim == 3 else logits[None] for logits in systems]
        scores = [[score(task, metric, run, labels) for run in one] for one in runs]
        self.points = [float(np.mean(one)) for one in scores]
        self._in_points = metric in IN_POINTS
        resampled = _resample(task, metric, runs, labels, groups, seed)
        noise = _seed_noise(scores, resampled)
        #: Whether a system's score is less certain for its seeds than for the examples.
        self.shaky = [
            len(one) > 1 and np.std(one, ddof=1) / np.sqrt(len(one)) > found.mean(axis=1).std()
            for one, found in zip(scores, resampled, strict=True)
        ]
        generator = np.random.default_rng((seed, 1))
        self._values = [
            found.mean(axis=1) + deviation * generator.standard_t(max(freedom, 1), _RESAMPLES)
            for found, (deviation, freedom) in zip(resampled, noise, strict=True)
        ]

    def interval(self, index: int = 0, *, level: float = 0.95) -> Interval:
        """The interval of one system's score."""
        return Interval(*self._ends(self._values[index], self.points[index], level, 0.0), level)

    def differences(self, *, level: float = 0.95) -> list[Difference]:
        """Differences of the first system's score to each other one's.

        The level is corrected for the number of comparisons after Bonferroni: each interval is at
        1 − (1 − level) / count, so that all of them hold at once with at least the stated probability. (Holm's method
        rejects more, but gives no intervals.)
        """
        corrected = 1.0 - (1.0 - level) / max(len(self.points) - 1, 1)
        found = []
        for values, point in zip(self._values[1:], self.points[1:], strict=True):
            gap = self.points[0] - point
            found.append(Difference(*self._ends(self._values[0] - values, gap, corrected, -1.0), corrected))
        return found

    def _ends(
        self, values: NDArray[np.float64], point: float, level: float, least: float
    ) -> tuple[float, float, float]:
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
        # Resampling is biased for metrics that are no means (calibration error most); the score is never left out.
        low, high = min(float(low), point), max(float(high), point)
        return (max(low, least), point, min(high, 1.0)) if self._in_points else (low, point, high)


def interval(
    task: Task,
    metric: str,
    logits: Floats,
    labels: Labels,
    *,
    groups: Sequence[str] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """The interval of one system's score; arguments as for `Bootstrap`."""
    return Bootstrap(task, metric, [logits], labels, groups=groups, seed=seed).interval(level=level)


def differences(
    task: Task,
    metric: str,
    first: Floats,
    others: Sequence[Floats],
    labels: Labels,
    *,
    groups: Sequence[str] | None = None,
    level: float = 0.95,
    seed: int = 0,
) -> list[Difference]:
    """Differences of the first system's score to each other one's; arguments as for `Bootstrap`."""
    return Bootstrap(task, metric, [first, *others], labels, groups=groups, seed=seed).differences(level=level)


def _seed_noise(scores: Sequence[Sequence[float]], resampled: Sequence[NDArray[np.float64]]) -> list[tuple[float, int]]:
    """Standard error of each system's mean over seeds, and its degrees of freedom; (0, 0) where nothing is known.

    Seeds differ on these examples for two reasons: one model is better, or it is right about other examples. The second
    is in the bootstrap over examples already; half the variance of the difference of two seeds under it is taken off.

    A variance from two or three seeds is itself mostly noise. Each system's own is therefore moderated by the mean
    variance of all (Smyth 2004, doi:10.2202/1544-6115.1027, equation 3, with two prior degrees of freedom); a system
    that ran with one seed gets the shared one.
    """
    own = [(_seed_variance(one, found), len(one) - 1) for one, found in zip(scores, resampled, strict=True)]
    known = sum(freedom for _, freedom in own)
    if not known:
        return [(0.0, 0) for _ in own]
    shared = sum(variance * freedom for variance, freedom in own) / known
    noise = []
    for variance, freedom in own:
        prior = min(_PRIOR_FREEDOM, known - freedom)  # nothing is shared where there is one system
        moderated = (prior * shared + freedom * variance) / (prior + freedom)
        noise.append((float(np.sqrt(moderated / (freedom + 1))), prior + freedom))
    return noise


def _seed_variance(scores: Sequence[float], resampled: NDArray[np.float64]) -> float:
    """Variance of one seed's score beyond what the choice of examples explains."""
    if len(scores) < 2:
        return 0.0
    by_examples = float(np.mean(np.var(resampled - resampled.mean(axis=1, keepdims=True), axis=0, ddof=1)))
    by_examples *= len(scores) / (len(scores) - 1)
    return max(float(np.var(scores, ddof=1)) - by_examples, 0.0)


def _resample(
    task: Task, metric: str, systems: Sequence[Floats], labels: Labels, groups: Sequence[str] | None, seed: int
) -> list[NDArray[np.float64]]:
    """Scores of every seed of every system under the same resamples of examples: (resamples, seeds) each."""
    columns = [[_with_pseudo(task, metric, run, labels, index) for run in runs] for index, runs in enumerate(systems)]
    count = len(columns[0][0])
    membership = _membership(groups, count)
    units = count if membership is None else int(membership.max()) + 1
    generator = np.random.default_rng((seed, 0))
    scores = [np.empty((_RESAMPLES, len(runs))) for runs in systems]
    step = max(1, _CHUNK // count)
    for start in range(0, _RESAMPLES, step):
        part = slice(start, min(start + step, _RESAMPLES))
        drawn = _draws(generator, part.stop - start, units)
        weights = drawn if membership is None else drawn[:, membership]
        total = weights.sum(axis=1, keepdims=True)
        for found, runs in zip(scores, columns, strict=True):
            for index, run in enumerate(runs):
                # Sums of the small whole numbers of an F1 are nearly exact in float32, and twice as fast.
                sums = weights.astype(run.dtype) @ run
                found[part, index] = from_means(metric, sums.astype(np.float64) / total)
    return scores


def _membership(groups: Sequence[str] | None, count: int) -> NDArray[np.int64] | None:
    """The group of each example, as a number; pseudo-examples, which come last, are groups of their own."""
    if groups is None:
        return None
    found = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    return np.concatenate([found, found.max() + 1 + np.arange(count - len(found))])


def _with_pseudo(task: Task, metric: str, run: Floats, labels: Labels, index: int) -> Floats:
    """What each example adds to the metric, and one that the first system gets right and others wrong, and reverse."""
    found = statistics(task, metric, run, labels)
    if metric in PROPORTIONS:
        right, wrong = np.array([1.0]), np.array([0.0])
    elif metric in _F1:
        # Spread over the classes that are there; each of the two has one label predicted and one actual.
        total = found[:, found.shape[1] // 2 :].sum(axis=0) > 0
        share = total / max(int(total.sum()), 1)
        right, wrong = np.concatenate([share, 2 * share]), np.concatenate([0 * share, 2 * share])
    else:
        return found
    return np.vstack([found, [wrong, right] if index else [right, wrong]]).astype(found.dtype)


def _draws(generator: np.random.Generator, resamples: int, count: int) -> NDArray[np.int64]:
    """How often each of `count` items is drawn when `count` are drawn with replacement: (resamples, count)."""
    rows = generator.integers(0, count, (resamples, count)) + count * np.arange(resamples)[:, None]
    return np.bincount(rows.ravel(), minlength=resamples * count).reshape(resamples, count)
