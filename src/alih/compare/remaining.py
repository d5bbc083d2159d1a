"""How long a comparison still takes: the forecast, kept up to date by what the trials took."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alih.compare.budget import Budget
from alih.compare.contender import Contender
from alih.compare.effort import Efforts
from alih.compare.forecast import Forecast
from alih.routes.base import Variant


@dataclass(frozen=True)
class Remaining:
    """What is still to run.

    Args:
        variants: all that are in the comparison.
        sizes: training examples of the curve, ascending, all of them last.
        efforts: how long each trains.
        seeds: how many there may be.
        foreseen: the forecast by label; may be empty.
    """

    variants: Sequence[Variant]
    sizes: tuple[int, ...]
    efforts: Efforts
    seeds: int
    foreseen: Mapping[str, Forecast]

    def seconds(
        self, contenders: Sequence[Contender], budget: Budget, leader: str | None
    ) -> tuple[float, float] | None:
        """From: only the leader goes on, with one seed; to: nothing stops, and every seed runs. None if unknown.

        Args:
            contenders: those that entered so far.
            budget: knows how long a pass over one example took, by variant, and when the time is over.
            leader: label of the best so far.
        """
        known = {contender.label: contender for contender in contenders}
        low = high = 0.0
        for variant in self.variants:
            contender = known.get(variant.label, Contender(variant))
            pace = self._pace(variant, budget)
            if contender.stopped is not None:
                continue
            if pace is None:
                return None
            one, every = self._passes(contender)
            high += pace * every
            if variant.label == leader:
                low = pace * one
        if budget.max_seconds is not None:
            high = min(high, max(budget.max_seconds - budget.elapsed, 0.0))
        return min(low, high), high

    def _pace(self, variant: Variant, budget: Budget) -> float | None:
        """Seconds a pass over one example: as measured last, before that as forecast."""
        found = budget.estimate(variant, 1)
        told = self.foreseen.get(variant.label)
        if found is None and told is not None:
            whole = self.sizes[-1]
            found = told.seconds / (whole * self.efforts.epochs(variant, whole))
        return found

    def _passes(self, contender: Contender) -> tuple[int, int]:
        """Passes over one example that are still to come: until it ran once on all examples, and in all."""
        variant, efforts, whole = contender.variant, self.efforts, self.sizes[-1]
        ran = {trial.examples for trial in contender.trials}
        runs = sum(size * efforts.epochs(variant, size) for size in self.sizes if size not in ran)
        one = round(runs + self._search_passes(contender))
        seeds = max(self.seeds - max(len(contender.full), 1), 0)
        return one, one + seeds * whole * efforts.epochs(variant, whole)

    def _search_passes(self, contender: Contender) -> float:
        variant, efforts = contender.variant, self.efforts
        found = 0.0
        for number, size in enumerate(efforts.searches(variant, self.sizes)):
            if size > contender.searched_on:
                runs = efforts.runs_of_search(variant, again=number > 0)
                found += runs * size * efforts.epochs(variant, size, efforts.search(variant, size)[1])
        return found
