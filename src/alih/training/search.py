"""The search for a learning rate that every way of adapting gets before it is judged.

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
#: Two rates that are less than this factor apart count as one.
_STEP = 1.5


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

    It is tried beside one neighbour; where that wins, the search goes on in that direction, and where the rate itself
    diverges, downwards. More examples move the best rate by a step of the grid at most times, so two runs tell what a
    new search would take four for.

    Args:
        before: the search on fewer examples.
        grid: rates, ascending, as for the first search.
        value_at: as for `search_learning_rate`.
        deadline: `time.monotonic()` after which no further rate is tried.
    """
    ladder = sorted({*grid, *before.values})
    rate = before.learning_rate
    upwards = _looks_upwards(before, grid)
    taken = 0.0
    values: dict[float, float] = {}
    complete = True
    tried: float | None = rate
    while tried is not None and len(values) < 2 + _EXTENSIONS:
        if values and deadline is not None and time.monotonic() > deadline:
            complete = False
            break
        value, seconds = value_at(tried)
        taken += seconds
        values[tried] = value if math.isfinite(value) else math.inf
        if values[rate] == math.inf:
            upwards = False
        best = min(values, key=lambda one: (values[one], one))
        goes_on = len(values) == 1 or best == tried or values[best] == math.inf
        tried = _next(min(values) if not upwards else tried, upwards, ladder) if goes_on else None
    best = min(values, key=lambda one: (values[one], one))
    return SearchResult(best, values, taken, complete)


def _looks_upwards(before: SearchResult, grid: tuple[float, ...]) -> bool:
    """Where the neighbour is: on the side of the grid's middle, or, where that won, the better one beside it.

    On few examples low rates win often, since what hardly moves does no harm; more examples lead back to the middle.
    """
    rate, middle = before.learning_rate, grid[len(grid) // 2]
    if not math.isclose(rate, middle, rel_tol=1e-6):
        return rate < middle
    below = before.values.get(max((one for one in before.values if one < rate), default=0.0), math.inf)
    above = before.values.get(min((one for one in before.values if one > rate), default=0.0), math.inf)
    return above < below


def _next(rate: float, upwards: bool, ladder: list[float]) -> float:
    """The next rate of those on the ladder, or one step beyond its end; rates next to the same do not count."""
    if upwards:
        return min((one for one in ladder if one > _STEP * rate), default=rate * _FACTOR)
    return max((one for one in ladder if one < rate / _STEP), default=rate / _FACTOR)


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
