"""Learning curves: the score against the number of training examples, and what it would be with more of them.

The error of a learner falls with the number of examples n as a·n^(−b) + c (Hestness et al. 2017, arXiv 1712.00409,
section 2; for exponents of pre-trained models, Hernandez et al. 2021, arXiv 2102.01293). Two or three measured sizes do
not settle three parameters, so none is picked: many curves are drawn from a broad prior and weighted by how well they
pass through the measured points, and what is predicted is a distribution.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alih.metrics.base import Metric

Floats = NDArray[np.float64]

#: Curves drawn from the prior.
_DRAWS = 20_000
#: Curves that a prediction is made of.
_KEPT = 2_000
#: Exponents: half of them between 0.25 and 0.8, nearly all between 0.09 and 2.3 (log-normal). Pre-trained models whose
#: every block trains have the higher ones: 0.95 on the scanned digits, where a new head has 0.38.
_EXPONENT, _EXPONENT_SPREAD = 0.45, 0.8
#: Share of the curves whose error falls to nothing.
_NO_FLOOR = 0.5
#: No curve passes exactly through its points: what one run differs by from the next, as a share of the error.
_WOBBLE = 0.03


@dataclass(frozen=True)
class Point:
    """One measured size.

    Args:
        examples: how many training examples.
        score: the mean score.
        deviation: its standard error, by the choice of validation examples.
        interval: that holds it with 95 % probability; None where it was not reckoned.
    """

    examples: int
    score: float
    deviation: float
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Prediction:
    """A predicted score, with the interval that holds it with 95 % probability."""

    low: float
    point: float
    high: float


class LearningCurve:
    """Curves that agree with the measured points.

    Args:
        metric: what was measured.
        points: at least one, of different sizes.
        seed: of the draws.
    """

    def __init__(self, metric: Metric, points: Sequence[Point], *, seed: int = 0) -> None:
        if not points:
            raise ValueError("a learning curve needs at least one point")
        self.metric = metric
        points = sorted(points, key=lambda point: point.examples)
        self.points = tuple(points)
        generator = np.random.default_rng(seed)
        exponents = _EXPONENT * np.exp(_EXPONENT_SPREAD * generator.standard_normal(_DRAWS))
        errors = np.array([self._error(point.score) for point in points])
        spread = np.array([point.deviation for point in points]) + _WOBBLE * np.abs(errors) + 1e-9
        sizes = np.array([float(point.examples) for point in points])
        # Where the curve is at the largest size, and how much of the error there no number of examples would remove.
        last = errors[-1] + spread[-1] * generator.standard_normal(_DRAWS)
        floor = generator.uniform(0.0, 1.0, _DRAWS) * (generator.uniform(size=_DRAWS) > _NO_FLOOR) * last
        self._largest, self._exponents, self._last, self._floor = sizes[-1], exponents, last, floor
        off = (self._errors_at(sizes[:-1]) - errors[:-1]) / spread[:-1]
        logarithms = -0.5 * (off**2).sum(axis=1)
        weights = np.exp(logarithms - logarithms.max())
        kept = generator.choice(_DRAWS, _KEPT, p=weights / weights.sum())
        self._exponents, self._last, self._floor = exponents[kept], last[kept], floor[kept]

    def scores_at(self, examples: float) -> Floats:
        """The score with so many examples, by every curve: (curves,)."""
        return self._score(self._errors_at(np.array([float(examples)]))[:, 0])

    def predict(self, examples: float) -> Prediction:
        """The score with so many examples."""
        low, point, high = np.quantile(self.scores_at(examples), [0.025, 0.5, 0.975])
        return Prediction(float(low), float(point), float(high))

    def examples_for(self, gain: float) -> tuple[float, float, float]:
        """How many examples would make the score better by `gain` than at the largest size measured, or worse if < 0.

        Returns:
            The lower end, the median and the upper end of the interval that holds it with 95 % probability; infinite
            where a curve never gets there.
        """
        wanted = self._last - gain
        ratio = np.divide(
            self._last - self._floor,
            wanted - self._floor,
            out=np.full_like(wanted, np.inf),
            where=wanted > self._floor,
        )
        ratio = np.maximum(ratio, 0.0)  # an error drawn below nothing is reached at once
        with np.errstate(over="ignore"):
            needed = np.sort(self._largest * ratio ** (1 / self._exponents))
        # Interpolating between infinite values gives no number: the nearest draw is taken.
        low, point, high = (needed[round(share * (len(needed) - 1))] for share in (0.025, 0.5, 0.975))
        return float(low), float(point), float(high)

    def _errors_at(self, sizes: Floats) -> Floats:
        """(curves, sizes)"""
        found: Floats = self._floor[:, None] + (self._last - self._floor)[:, None] * np.power(
            self._largest / sizes, self._exponents[:, None]
        )
        return found

    def _error(self, score: float) -> float:
        return 1.0 - score if self.metric.higher_is_better else score

    def _score(self, errors: Floats) -> Floats:
        found = 1.0 - errors if self.metric.higher_is_better else errors
        return np.minimum(np.maximum(found, 0.0), 1.0) if self.metric.in_points else found
