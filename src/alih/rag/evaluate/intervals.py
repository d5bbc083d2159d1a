"""Intervals of means over questions, and of their paired differences, by the bootstrap.

Efron and Tibshirani 1993, chapter 13 (percentiles). Measures that are 0 or 1 on every question get one pseudo-question
each way, as everywhere in Alih (see `alih.evaluate.bootstrap`): without, an interval around 0 or 1 has no width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alih.evaluate.bootstrap import Difference, Interval

Values = NDArray[np.float64]
_RESAMPLES = 2000
_CHUNK = 4_000_000


def interval(values: Values, *, level: float = 0.95, seed: int = 0) -> Interval:
    """Mean of values, one a question (n,), and where it lies; values that are not there (NaN) do not count."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Interval(float("nan"), float("nan"), float("nan"), level)
    point = float(known.mean())
    pseudo = [0.0, 1.0] if np.isin(known, (0.0, 1.0)).all() else []
    low, high = _ends(np.concatenate([known, pseudo]), level, seed)
    return Interval(min(low, point), point, max(high, point), level)


def difference(first: Values, second: Values, *, level: float = 0.95, seed: int = 0) -> Difference:
    """Mean of first − second over the same questions, and where it lies; questions that one lacks do not count."""
    gaps = first - second
    known = gaps[~np.isnan(gaps)]
    if not len(known):
        return Difference(float("nan"), float("nan"), float("nan"), level)
    point = float(known.mean())
    pseudo = [-1.0, 1.0] if np.isin(known, (-1.0, 0.0, 1.0)).all() else []
    low, high = _ends(np.concatenate([known, pseudo]), level, seed)
    return Difference(min(low, point), point, max(high, point), level)


def _ends(values: Values, level: float, seed: int) -> tuple[float, float]:
    generator = np.random.default_rng(seed)
    step = max(1, _CHUNK // len(values))
    means = np.concatenate(
        [
            values[generator.integers(0, len(values), (min(step, _RESAMPLES - start), len(values)))].mean(1)
            for start in range(0, _RESAMPLES, step)
        ]
    )
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)
