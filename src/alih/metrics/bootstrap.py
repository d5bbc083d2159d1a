"""How sure a score is: the paired bootstrap over examples, and Student's t over seeds.

Efron and Tibshirani, *An Introduction to the Bootstrap* (1993), chapters 13 and 16; for comparing systems on one test
set, Koehn (2004), W04-3250. Differences are *paired*: all systems are scored on the same resampled examples, so that
an example that is hard for both cancels out. Examples of one group (one customer, one patient) are drawn together.

What counts right and wrong ones gets one pseudo-example each way: one right and one wrong for a score (Agresti and
Coull 1998, doi:10.1080/00031305.1998.10480550), one won and one lost for a difference (Bonett and Price 2012,
doi:10.3102/1076998611411915). Without them a model that is right on all of 150 examples would get an interval of no
width, and one that errs on one in two hundred would be inside its interval half of the time instead of 95 %. That holds
for F1 of classes as it does for accuracy, and at 70 to 90 % they change neither (tests/metrics/test_bootstrap.py).
Metrics whose examples score in between (ROUGE, token F1, nDCG) get none: their examples differ by far less than a
pseudo-example does, which would make the interval several times too wide.

Two or three seeds are too few to resample: that would find half to two thirds of their variance. What a mean over
seeds may be off by is drawn from Student's t instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from alih.metrics.base import Floats, Metric
from alih.metrics.words import INTERVAL_WORDS

_RESAMPLES = 2000
#: Resamples are drawn in chunks of about so many numbers, which bounds the memory.
_CHUNK = 4_000_000
#: How many seeds the spread that all systems share counts for, beside a system's own.
_PRIOR_FREEDOM = 2


@dataclass(frozen=True)
class Interval:
    """A score and where it lies with the stated probability."""

    low: float
    point: float
    high: float
    level: float = 0.95

    @property
    def has_width(self) -> bool:
        """False where the resamples all score the same: that is no finding, and is never printed as one."""
        return self.low < self.high

    @property
    def standard_error(self) -> float:
        """Half the width in units of the normal quantile at its level."""
        return (self.high - self.low) / 2 / NormalDist().inv_cdf((1 + self.level) / 2)

    def words(self, form: str = ".3f", language: str = "en") -> str:
        """The ends, "0.945 to 0.982", or that the interval is not known; every text takes these words from here."""
        known, unknown = INTERVAL_WORDS[language]
        return known.format(low=f"{self.low:{form}}", high=f"{self.high:{form}}") if self.has_width else unknown


@dataclass(frozen=True)
class Difference(Interval):
    """A difference of two scores, a − b; positive where a is the larger."""


class Bootstrap:
    """Scores of several systems on the same resamples of the same examples.

    Args:
        metric: what they are scored by.
        systems: the statistics of each, (n, k), or (seeds, n, k) for its mean score over seeds.
        groups: of each example; those of one group are drawn together.
        seed: of the resampling.
    """

    def __init__(
        self, metric: Metric, systems: Sequence[Floats], groups: Sequence[str] | None = None, seed: int = 0
    ) -> None:
        runs = [table if table.ndim == 3 else table[None] for table in systems]
        scores = [metric.from_sums(table.sum(axis=1, dtype=np.float64)) for table in runs]
        self.points = [float(np.mean(some)) for some in scores]
        self._in_points = metric.in_points
        resampled = _resample(metric, runs, groups, seed)
        noise = _seed_noise(scores, resampled)
        #: Whether a system's score is less certain for its seeds than for the examples.
        self.shaky = [
            len(some) > 1 and np.std(some, ddof=1) / np.sqrt(len(some)) > drawn.mean(axis=1).std()
            for some, drawn in zip(scores, resampled, strict=True)
        ]
        generator = np.random.default_rng((seed, 1))
        self._values = [
            drawn.mean(axis=1) + deviation * generator.standard_t(max(freedom, 1), _RESAMPLES)
            for drawn, (deviation, freedom) in zip(resampled, noise, strict=True)
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
        gaps = []
        for values, point in zip(self._values[1:], self.points[1:], strict=True):
            gap = self.points[0] - point
            gaps.append(Difference(*self._ends(self._values[0] - values, gap, corrected, -1.0), corrected))
        return gaps

    def _ends(
        self, values: NDArray[np.float64], point: float, level: float, least: float
    ) -> tuple[float, float, float]:
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
        # Resampling is biased for metrics that are no means (calibration error most); the score is never left out.
        low, high = min(float(low), point), max(float(high), point)
        return (max(low, least), point, min(high, 1.0)) if self._in_points else (low, point, high)


def interval(metric: Metric, statistics: Floats, groups: Sequence[str] | None = None, seed: int = 0) -> Interval:
    """The 95 % interval of one system's score; arguments as for `Bootstrap`."""
    return Bootstrap(metric, [statistics], groups, seed).interval()


def difference(
    metric: Metric, first: Floats, second: Floats, groups: Sequence[str] | None = None, seed: int = 0
) -> Difference:
    """The 95 % interval of first − second, paired; arguments as for `Bootstrap`."""
    return Bootstrap(metric, [first, second], groups, seed).differences()[0]


def _seed_noise(scores: Sequence[Floats], resampled: Sequence[NDArray[np.float64]]) -> list[tuple[float, int]]:
    """Standard error of each system's mean over seeds, and its degrees of freedom; (0, 0) where nothing is known.

    Seeds differ on these examples for two reasons: one model is better, or it is right about other examples. The second
    is in the bootstrap over examples already; half the variance of the difference of two seeds under it is taken off.

    A variance from two or three seeds is itself mostly noise. Each system's own is therefore moderated by the mean
    variance of all (Smyth 2004, doi:10.2202/1544-6115.1027, equation 3, with two prior degrees of freedom); a system
    that ran with one seed gets the shared one.
    """
    own = [(_seed_variance(some, drawn), len(some) - 1) for some, drawn in zip(scores, resampled, strict=True)]
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


def _seed_variance(scores: Floats, resampled: NDArray[np.float64]) -> float:
    """Variance of one seed's score beyond what the choice of examples explains."""
    if len(scores) < 2:
        return 0.0
    by_examples = float(np.mean(np.var(resampled - resampled.mean(axis=1, keepdims=True), axis=0, ddof=1)))
    by_examples *= len(scores) / (len(scores) - 1)
    return max(float(np.var(scores, ddof=1)) - by_examples, 0.0)


def _resample(
    metric: Metric, systems: Sequence[Floats], groups: Sequence[str] | None, seed: int
) -> list[NDArray[np.float64]]:
    """Scores of every seed of every system under the same resamples of examples: (resamples, seeds) each."""
    tables = _with_pseudo_examples(metric, systems)
    count = tables[0].shape[1]
    membership = _membership(groups, count)
    units = count if membership is None else int(membership.max()) + 1
    generator = np.random.default_rng((seed, 0))
    scores = [np.empty((_RESAMPLES, len(table))) for table in systems]
    step = max(1, _CHUNK // count)
    for start in range(0, _RESAMPLES, step):
        part = slice(start, min(start + step, _RESAMPLES))
        drawn = _draws(generator, part.stop - start, units)
        weights = drawn if membership is None else drawn[:, membership]
        by_type = {dtype: weights.astype(dtype) for dtype in {table.dtype for table in tables}}
        for found, table in zip(scores, tables, strict=True):
            for index, run in enumerate(table):
                found[part, index] = metric.from_sums((by_type[table.dtype] @ run).astype(np.float64))
    return scores


def _membership(groups: Sequence[str] | None, count: int) -> NDArray[np.int64] | None:
    """The group of each example, as a number; pseudo-examples, which come last, are groups of their own."""
    if groups is None:
        return None
    numbers = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    return np.concatenate([numbers, numbers.max() + 1 + np.arange(count - len(numbers))])


def _with_pseudo_examples(metric: Metric, systems: Sequence[Floats]) -> list[Floats]:
    """Add one example that the first system gets right and the others wrong, and the reverse, if the metric has them.

    None to a mean of which an example scores in between, as recall does where several passages are relevant.
    """
    add = metric.pseudo_examples
    if add is None or not all((table == np.floor(table)).all() for table in systems):
        return list(systems)
    extended = []
    for index, table in enumerate(systems):
        runs = []
        for run in table:
            right, wrong = add(run.sum(axis=0, dtype=np.float64))
            runs.append(np.vstack([run, [wrong, right] if index else [right, wrong]]).astype(table.dtype))
        extended.append(np.stack(runs))
    return extended


def _draws(generator: np.random.Generator, resamples: int, count: int) -> NDArray[np.int64]:
    """How often each of `count` items is drawn when `count` are drawn with replacement: (resamples, count)."""
    rows = generator.integers(0, count, (resamples, count)) + count * np.arange(resamples)[:, None]
    return np.bincount(rows.ravel(), minlength=resamples * count).reshape(resamples, count)
