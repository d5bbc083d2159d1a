"""One variant in the running, and what was measured of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from alih.compare.state import Kept
from alih.compare.trial import Trial
from alih.metrics.base import Floats
from alih.routes.base import Variant
from alih.training.loop import FitSettings
from alih.training.search import SearchResult


@dataclass
class Contender:
    """One variant in the running, and what was measured of it.

    Args:
        variant: the route with its scope.
        settings: how it trains, with the learning rate that the search found; None before there was one.
        search: how that was found, last; None where the user gave the rate.
        searched_on: how many training examples it was found on.
        search_seconds: what the searches took that it needs: its own, and that of the head trained before its blocks.
        trials: at every size and seed.
        statistics: of the trials at full size, (n, k) by seed; the validation examples that it is judged by.
        kept: the best trained weights so far.
        stopped: why it was not measured any further; None while it is in the running.
        cannot_win: whether that was for its learning curve, and not for lack of time or a failure.
        over_limit: whether that was for a limit of the user's.
    """

    variant: Variant
    settings: FitSettings | None = None
    search: SearchResult | None = None
    searched_on: int = 0
    search_seconds: float = 0.0
    trials: list[Trial] = field(default_factory=list)
    statistics: dict[int, Floats] = field(default_factory=dict)
    kept: Kept | None = None
    stopped: str | None = None
    cannot_win: bool = False
    over_limit: bool = False

    @property
    def label(self) -> str:
        """The variant in words."""
        return self.variant.label

    @property
    def full(self) -> list[Trial]:
        """The trials on all training examples."""
        return [trial for trial in self.trials if trial.purpose == "full"]

    @property
    def curve(self) -> list[Trial]:
        """One trial a size, of one seed, ascending."""
        points = [trial for trial in self.trials if trial.purpose == "curve"]
        return sorted([*points, *self.full[:1]], key=lambda trial: trial.examples)

    @property
    def peak_memory_bytes(self) -> int:
        """Of the trials on all examples; before there is one, of those on fewer."""
        return max((trial.costs.peak_memory_bytes for trial in self.full or self.trials), default=0)

    @property
    def latency_ms(self) -> float | None:
        """Median time of one prediction; see `latencies_ms`."""
        return self.latencies_ms[0]

    @property
    def latencies_ms(self) -> tuple[float | None, float | None]:
        """Time of one prediction, median and 95th percentile, of the trial where it was shortest.

        How many examples trained a model does not change how long it takes; what else the machine does only adds. A
        prompt is another one for every number of examples: of those, the trials on all examples count.
        """
        trials = (self.full or self.trials) if self.variant.prompt is not None else self.trials
        known = [(t.costs.latency_ms, t.costs.latency_p95_ms) for t in trials if t.costs.latency_ms is not None]
        return min(known, key=lambda one: one[0], default=(None, None))

    @property
    def complete(self) -> bool:
        """Whether the time limit cut neither its search nor a full trial short."""
        searched = self.search is None or self.search.complete
        return searched and all(trial.stopped != "deadline" for trial in self.full)
