"""The time a comparison may take, and what it has learnt about how long things take."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from alih.routes.base import Variant


@dataclass
class Budget:
    """A time limit and a speed by variant.

    Args:
        max_seconds: the limit, or None for no limit.
    """

    max_seconds: float | None = None
    _start: float = field(default_factory=time.monotonic)
    _pace: dict[Variant, float] = field(default_factory=dict)
    _scoring: dict[Variant, float] = field(default_factory=dict)

    @property
    def deadline(self) -> float | None:
        """`time.monotonic()` at which the limit is reached."""
        return None if self.max_seconds is None else self._start + self.max_seconds

    @property
    def elapsed(self) -> float:
        """Seconds since the budget was made."""
        return time.monotonic() - self._start

    def learn(self, variant: Variant, seconds: float, example_passes: int, scoring: float = 0.0) -> None:
        """Remember how long a variant took for so many passes over one example, and how long to be scored after them.

        Scoring takes as long after few passes as after many; the longest counts, for a search is scored by less.
        """
        self._scoring[variant] = max(scoring, self._scoring.get(variant, 0.0))
        if example_passes > 0:
            self._pace[variant] = seconds / example_passes

    def estimate(self, variant: Variant, example_passes: int) -> float | None:
        """Seconds that so many passes over one example will take; None before anything was learnt."""
        pace = self._pace.get(variant)
        return None if pace is None else pace * example_passes

    def allows(self, variant: Variant, example_passes: int, *, and_then: float = 0.0) -> bool:
        """Whether so many passes, scoring, and so many seconds more would end before the limit, as far as is known."""
        if self.max_seconds is None:
            return True
        training, scoring = self.estimate(variant, example_passes) or 0.0, self._scoring.get(variant, 0.0)
        return self.elapsed + training + scoring + and_then <= self.max_seconds
