"""The learning-rate search that every variant gets before it is judged.

In published comparisons of adaptation methods the learning rate alone moves one method from worst to best; a comparison
at default rates compares the defaults.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

#: The next rate tried beyond an end of the grid that won.
_FACTOR = 3.0
#: Rates tried beyond the grid, at most.
_EXTENSIONS = 2


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Args:
        learning_rate: the rate with the lowest value.
        values: what was minimised, by rate, in the order tried; infinite where training diverged.
        seconds: what training at all rates took.
        complete: False where the time limit ended it early.
    """

    learning_rate: float
    values: dict[float, float]
    seconds: float
    complete: bool


def search_learning_rate(
    grid: tuple[float, ...], value_at: Callable[[float], tuple[float, float]], deadline: float | None = None
) -> SearchResult:
    """Try the grid, then go on past an end that wins; the middle of the grid is tried first.

    Args:
        grid: rates, ascending.
        value_at: trains with a rate and returns what is minimised (infinite if training diverged), and the seconds that
            it took.
        deadline: `time.monotonic()` after which no further rate is tried.
    """
    taken = 0.0
    values: dict[float, float] = {}
    middle = len(grid) // 2
    queue = sorted(grid, key=lambda rate: abs(grid.index(rate) - middle))
    extensions = 0
    complete = True
    while queue:
        if values and deadline is not None and time.monotonic() > deadline:
            complete = False
            break
        rate = queue.pop(0)
        value, seconds = value_at(rate)
        taken += seconds
        values[rate] = value if math.isfinite(value) else math.inf
        if not queue and extensions < _EXTENSIONS:
            beyond = _beyond(values)
            if beyond is not None:
                queue.append(beyond)
                extensions += 1
    best = min(values, key=lambda rate: (values[rate], rate))
    return SearchResult(best, values, taken, complete)


def search_again(
    before: SearchResult,
    grid: tuple[float, ...],
    value_at: Callable[[float], tuple[float, float]],
    deadline: float | None = None,
) -> SearchResult:
    """See whether the rate that a search on fewer examples found is the best one on more of them, too.

    It is tried beside one neighbour; where that wins, the search goes on in that direction. More examples move the best
    rate by a step of the grid at most times, so two runs tell what a new search would take four for.

    Args:
        before: the search on fewer examples.
        grid: rates, ascending, as for the first search.
        value_at: as for `search_learning_rate`.
        deadline: `time.monotonic()` after which no further rate is tried.
    """
    rate, neighbour = before.learning_rate, _neighbour(before, grid)
    taken = 0.0
    values: dict[float, float] = {}
    complete = True
    for tried in (rate, *(neighbour * (neighbour / rate) ** power for power in range(1 + _EXTENSIONS))):
        if values and deadline is not None and time.monotonic() > deadline:
            complete = False
            break
        value, seconds = value_at(tried)
        taken += seconds
        values[tried] = value if math.isfinite(value) else math.inf
        if min(values, key=lambda one: (values[one], one)) != tried and len(values) > 1:
            break
    best = min(values, key=lambda one: (values[one], one))
    return SearchResult(best, values, taken, complete)


def _neighbour(before: SearchResult, grid: tuple[float, ...]) -> float:
    """The rate next to the one that won, on the side of the grid's middle; where that won, the better one beside it.

    On few examples low rates win often, since what hardly moves does no harm; more examples lead back to the middle.
    """
    rate, middle = before.learning_rate, grid[len(grid) // 2]
    rates = sorted({*grid, *before.values})
    place = rates.index(rate)
    if rate != middle:
        return rates[place + 1 if rate < middle else place - 1]
    beside = [*rates[max(place - 1, 0) : place], *rates[place + 1 : place + 2]]
    return min(beside, key=lambda one: before.values.get(one, math.inf), default=rate / _FACTOR)


def _beyond(values: dict[float, float]) -> float | None:
    """The next rate outside the range tried, where the best one lies at its end."""
    best = min(values, key=lambda rate: (values[rate], rate))
    if len(values) < 2:
        return None
    if best == max(values):
        return best * _FACTOR
    if best == min(values):
        return best / _FACTOR
    return None
