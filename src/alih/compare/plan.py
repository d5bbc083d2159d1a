"""The plan: which variants go on to more examples, and which need more seeds.

Small sizes first: what cannot win any more on all examples stops there, and says so. Learning curves are compared, not
scores at one size, since curves cross: fine-tuning needs more examples than a new head does, and may overtake it. (The
idea is that of successive halving, Jamieson and Talwalkar 2016, arXiv 1502.07943, with the learning curve deciding in
place of a fixed share; Domhan et al. 2015 stop runs by extrapolation in the same spirit.)

Nothing here looks at a clock: the same trials give the same plan, so that a resumed comparison goes on as it would
have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alih.compare.curve import LearningCurve, Point
from alih.compare.decide import Prefer
from alih.metrics.base import Floats, Metric
from alih.metrics.bootstrap import Bootstrap, Difference, difference

#: A variant goes on while its learning curve (after one size: what curves are like in general) leaves it at least this
#: chance of being chosen.
_CHANCE = 0.15
#: A dearer variant goes on, and further seeds run, where that can be expected to bring at least half a point; for
#: metrics without points, this many standard errors.
_WORTH_POINTS, _WORTH_ERRORS = 0.005, 0.2
#: Standard errors of a difference that two variants have to be apart to be told apart, at 95 %.
_APART = 1.96
#: Seeds run where the choice changes in this share of draws at least; draws.
_CHANCE_TO_FLIP, _DRAWS = 0.1, 4000
#: What seeds are taken to differ by before two have run, in standard errors of a score: 0.1 to 1.0 in
#: benchmarks/decision.py.
_SPREAD_BEFORE_KNOWN = 0.7
#: Standard errors that a dearer variant has to be ahead to be chosen.
_APART_TO_PREFER: dict[Prefer, float] = {"cheap": _APART, "balanced": 1.0, "best": 0.0}


@dataclass(frozen=True, eq=False)
class Standing:
    """What is known of one variant half way.

    Args:
        label: the variant in words.
        rank: its place in the order of costs; the cheapest is 0.
        statistics: on the validation examples, (n, k) by number of training examples, all of one seed.
    """

    label: str
    rank: int
    statistics: dict[int, Floats]


@dataclass(frozen=True)
class Stop:
    """Why a variant is not measured any further.

    Args:
        label: the variant.
        rival: the variant that it cannot overtake.
        examples: the largest size that it was measured at.
        chance: the probability that it would be chosen over the rival.
        gain: what it would bring over the rival on average, where it is chosen or not; None where the chance decided.
        perfect: the rival has the best score there is.
    """

    label: str
    rival: str
    examples: int
    chance: float
    gain: str | None = None
    perfect: bool = False

    def __str__(self) -> str:
        if self.perfect:
            return f"{self.rival} is cheaper and right about every validation example"
        if self.gain is None:
            return (
                f"with {self.examples:,} examples its learning curve leaves it a chance of {100 * self.chance:.0f} % "
                f"of being chosen over {self.rival}"
            )
        return (
            f"with {self.examples:,} examples its learning curve promises {self.gain} over {self.rival} on average, "
            "which is not worth going on"
        )


def stops(
    metric: Metric,
    standings: Sequence[Standing],
    full_size: int,
    *,
    prefer: Prefer = "balanced",
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> list[Stop]:
    """The variants that need not be measured on all examples.

    A variant stops where it is all but sure that, on all examples, a cheaper one is not distinguishably worse than it,
    or a dearer one is distinguishably better: neither way would it be chosen. A dearer one stops, too, where going on
    with it promises next to nothing; over one that is right about every validation example, nothing can be gained.
    Rivals that stop themselves stop nobody.

    Args:
        metric: the metric that decides.
        standings: the variants in the running, each with at least one size.
        full_size: how many training examples there are in all.
        prefer: how it is decided; see `alih.compare.decide`.
        groups: of the validation examples.
        seed: of the draws.
    """
    ahead = {
        standing.label: metric.sign * _curve(metric, standing, seed + index).scores_at(full_size)
        for index, standing in enumerate(standings)
    }
    generator = np.random.default_rng((seed, 2))
    # The strongest first: what it stops cannot stop others.
    order = sorted(standings, key=lambda s: (-float(np.median(ahead[s.label])), s.rank))
    found: dict[str, Stop] = {}
    for rival in order:
        if rival.label in found:
            continue
        room = _room_above(metric, rival, full_size)
        for standing in order:
            if standing is rival or standing.label in found:
                continue
            error = _paired_error(metric, standing, rival, groups, seed)
            noise = error * generator.standard_normal(len(ahead[rival.label]))
            gap = np.minimum(ahead[standing.label] - ahead[rival.label] + noise, room)
            dearer = rival.rank < standing.rank
            needed = _APART_TO_PREFER[prefer] * error * (1 if dearer else -1)
            chance, gain = float((gap > needed).mean()), float((gap * (gap > max(needed, 0))).mean())
            largest = max(standing.statistics)
            if chance < _CHANCE:
                perfect = dearer and room == 0
                found[standing.label] = Stop(standing.label, rival.label, largest, chance, perfect=perfect)
            elif dearer and len(standing.statistics) > 1 and gain < _worth(metric, prefer, error):
                found[standing.label] = Stop(standing.label, rival.label, largest, chance, _said(metric, gain))
    return [found[s.label] for s in standings if s.label in found]


def contested(
    metric: Metric,
    finalists: dict[str, Floats],
    *,
    seeds: int,
    prefer: Prefer = "balanced",
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> set[str]:
    """The finalists whose further seeds could change which one is chosen; none, where that would hardly matter.

    A mean over `seeds` seeds will lie off the mean over those that ran by what seeds differ. Means are drawn so, and
    each draw is decided as the decision will be. What more seeds cannot settle, since it is the validation examples
    that are too few, is left alone.

    Args:
        metric: the metric that decides.
        finalists: statistics (seeds, n, k) of what trained on all examples, by label, the cheapest first.
        seeds: how many there may be in all.
        prefer: how it is decided; see `alih.compare.decide`.
        groups: of the validation examples.
        seed: of the resampling.
    """
    names = list(finalists)
    scores = [np.array([metric.sign * metric.score(run) for run in finalists[name]]) for name in names]
    means = np.array([found.mean() for found in scores])
    best = int(means.argmax())
    order = [best, *(index for index in range(len(names)) if index != best)]
    bootstrap = Bootstrap(metric, [finalists[names[index]] for index in order], groups, seed)
    gaps = bootstrap.differences()
    needed = np.zeros(len(names))
    needed[order[1:]] = [_needed(gap, prefer) for gap in gaps]
    spread = _seed_spread(scores, bootstrap.interval().standard_error)
    ran = np.array([len(found) for found in scores])
    moves = spread * np.sqrt(np.maximum(1 / ran - 1 / seeds, 0))
    generator = np.random.default_rng((seed, 3))
    drawn = means + moves * generator.standard_normal((_DRAWS, len(names)))
    chosen, now = _chosen(drawn, needed), int(_chosen(means[None], needed)[0])
    ahead = np.take_along_axis(drawn, chosen[:, None], axis=1)[:, 0] - drawn[:, now]
    matters = np.abs(ahead).mean() >= _worth(metric, prefer, bootstrap.interval().standard_error)
    if (chosen != now).mean() < _CHANCE_TO_FLIP or not matters:
        return set()
    others = {index for index in range(len(names)) if (chosen == index).mean() >= _CHANCE_TO_FLIP}
    return {names[index] for index in {best, now} | others}


def _worth(metric: Metric, prefer: Prefer, error: float) -> float:
    """The least difference worth training for; any, where the best is wanted."""
    if prefer == "best":
        return 0.0
    return _WORTH_POINTS if metric.in_points else _WORTH_ERRORS * error


def _said(metric: Metric, gain: float) -> str:
    return f"{100 * gain:.2f} points" if metric.in_points else f"{gain:.2g}"


def _needed(gap: Difference, prefer: Prefer) -> float:
    """How far behind the best one a cheaper variant may be to be chosen; as in `decide`."""
    return {"cheap": (gap.high - gap.low) / 2, "balanced": gap.standard_error, "best": 0.0}[prefer]


def _chosen(scores: NDArray[np.float64], needed: NDArray[np.float64]) -> NDArray[np.int64]:
    """The first, hence cheapest, of those that are no further behind the best than `needed`: one index a draw."""
    behind = scores.max(axis=1, keepdims=True) - scores
    chosen: NDArray[np.int64] = np.argmax(behind <= needed, axis=1)
    return chosen


def _seed_spread(scores: Sequence[NDArray[np.float64]], error: float) -> float:
    """Standard deviation of a score over seeds: of those that ran twice, before that a share of its standard error."""
    freedom = sum(len(found) - 1 for found in scores)
    prior = (_SPREAD_BEFORE_KNOWN * error) ** 2
    squares = sum(float(((found - found.mean()) ** 2).sum()) for found in scores)
    return float(np.sqrt((prior + squares) / (1 + freedom)))


def _curve(metric: Metric, standing: Standing, seed: int) -> LearningCurve:
    """Its learning curve; what the choice of validation examples adds is in the paired error, once for both."""
    points = [Point(size, metric.score(table), 0.0) for size, table in standing.statistics.items()]
    return LearningCurve(metric, points, seed=seed)


def _room_above(metric: Metric, rival: Standing, full_size: int) -> float:
    """How far ahead of a variant another one can be on all examples at most."""
    if not metric.in_points or not metric.higher_is_better or full_size not in rival.statistics:
        return np.inf
    return 1.0 - metric.score(rival.statistics[full_size])


def _paired_error(metric: Metric, one: Standing, other: Standing, groups: Sequence[str] | None, seed: int) -> float:
    """Standard error of the difference of two variants at the largest size that both were measured at."""
    size = max(one.statistics.keys() & other.statistics.keys())
    gap = difference(metric, one.statistics[size], other.statistics[size], groups, seed)
    return (gap.high - gap.low) / 2 / _APART
