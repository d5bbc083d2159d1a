"""The decision: the cheapest variant whose score cannot be told from the best one's, and how sure that is.

By default it must not be further behind than one standard error, either: on few validation examples almost nothing can
be told from anything, and what is probably five points worse would be taken for being cheap (benchmarks/decision.py
has both rules).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from alih.compare.limits import Limits
from alih.messages import Reason
from alih.metrics.base import Floats, Metric
from alih.metrics.bootstrap import Bootstrap, Difference, Interval

Prefer = Literal["cheap", "balanced", "best"]


@dataclass(frozen=True, eq=False)
class Candidate:
    """One variant as the decision sees it.

    Args:
        label: the variant in words.
        statistics: of the metric that decides, on the validation examples: (seeds, n, k).
        seconds: measured time to adapt, the search for its learning rate included.
        peak_memory_bytes: measured peak memory.
        disk_bytes: bytes of what training changed.
        latency_ms: measured time of one prediction; None where it was not measured.
        complete: False where the time limit cut its training short.
        forgetting: how much worse it became at what the pre-trained model could do; None where that is not known.
    """

    label: str
    statistics: Floats
    seconds: float
    peak_memory_bytes: int
    disk_bytes: int
    latency_ms: float | None = None
    complete: bool = True
    forgetting: float | None = None


@dataclass(frozen=True)
class Decision:
    """What was decided.

    Args:
        metric: the metric that decided.
        chosen: label of the candidate to take.
        best: label of the candidate with the best mean score, of those within the limits.
        scores: each candidate's mean score over seeds, with its interval.
        behind: for each candidate but the best one, how far it is behind; positive = worse, whatever the metric.
        front: labels on the Pareto front of score, time, memory, bytes and, where all are known, forgetting.
        reasons: why, sentence by sentence.
    """

    metric: str
    chosen: str
    best: str
    scores: dict[str, Interval]
    behind: dict[str, Difference]
    front: tuple[str, ...]
    reasons: tuple[Reason, ...]

    @property
    def resolution(self) -> float:
        """The smallest difference that these validation examples can show, between the best one and its nearest rival.

        Half the interval of that difference; of the score itself where there is no rival.
        """
        if not self.behind:
            own = self.scores[self.best]
            return (own.high - own.low) / 2
        nearest = min(self.behind.values(), key=lambda gap: abs(gap.point))
        return (nearest.high - nearest.low) / 2

    @property
    def words(self) -> tuple[str, ...]:
        """The reasons in English."""
        return tuple(reason.say() for reason in self.reasons)


def decide(
    metric: Metric,
    candidates: Sequence[Candidate],
    *,
    groups: Sequence[str] | None = None,
    limits: Limits | None = None,
    prefer: Prefer = "balanced",
    stopped: Sequence[str] = (),
    unmeasured: Sequence[str] = (),
    beyond: Sequence[str] = (),
    seed: int = 0,
) -> Decision:
    """Choose among candidates scored on the same validation examples.

    Cost is the measured time to adapt, then the bytes; "cannot be told from" means that the paired bootstrap interval
    of the difference, at 95 % for all comparisons together, contains zero.

    Args:
        metric: the metric that decides.
        candidates: at least one, with different labels.
        groups: of the validation examples; those of one group are drawn together.
        limits: what the chosen one may cost.
        prefer: `cheap` takes the cheapest that cannot be told from the best; `balanced` only where it is not further
            behind than one standard error of the difference (the rule of Breiman et al. 1984, section 3.4.3); `best`
            the best score.
        stopped: labels of variants that were out of the running before they were measured on all examples.
        unmeasured: labels of those that failed, or that there was no time for.
        beyond: labels of those that were over a limit on fewer examples already.
        seed: of the resampling.
    """
    sign = metric.sign
    means = [metric.mean_score(c.statistics) for c in candidates]
    limits = limits or Limits()
    within = [c for c in candidates if limits.excess(c) <= 1] or [min(candidates, key=limits.excess)]
    mean = dict(zip((c.label for c in candidates), means, strict=True))
    best = max(within, key=lambda c: (sign * mean[c.label], -c.seconds))
    ranked = [best, *(c for c in candidates if c is not best)]
    bootstrap = Bootstrap(metric, [c.statistics for c in ranked], groups, seed)
    scores = {c.label: bootstrap.interval(index) for index, c in enumerate(ranked)}
    gaps = bootstrap.differences()
    behind = {other.label: _behind(gap, sign) for other, gap in zip(ranked[1:], gaps, strict=True)}
    alike = [best, *(c for c in within if c is not best and _is_alike(behind[c.label], prefer))]
    chosen = best if prefer == "best" else min(alike, key=lambda c: (c.seconds, c.disk_bytes))
    verdict = Decision(
        metric.name,
        chosen.label,
        best.label,
        {c.label: scores[c.label] for c in candidates},
        behind,
        _front(candidates, scores, sign),
        (),
    )
    seeds = {c.label: [metric.score(run) for run in c.statistics] for c in candidates}
    shaky = [c.label for index, c in enumerate(ranked) if bootstrap.shaky[index]]
    alone = not (stopped or unmeasured or beyond)
    reasons = _reasons(verdict, metric, candidates, limits, prefer, seeds, shaky, alone=alone)
    if stopped:
        reasons.append(Reason("others_stopped", {"told": list(stopped)}))
    if beyond:
        reasons.append(Reason("beyond", {"told": list(beyond)}))
    if unmeasured:
        reasons.append(Reason("unmeasured", {"told": list(unmeasured)}))
    return Decision(**{**vars(verdict), "reasons": tuple(reasons)})


def _behind(gap: Difference, sign: float) -> Difference:
    if sign > 0:
        return gap
    return Difference(-gap.high, -gap.point, -gap.low, gap.level)


def _is_alike(gap: Difference, prefer: Prefer) -> bool:
    return gap.low <= 0 and (prefer != "balanced" or gap.point <= gap.standard_error)


def _front(candidates: Sequence[Candidate], scores: dict[str, Interval], sign: float) -> tuple[str, ...]:
    """Labels of the candidates that no other one is nowhere worse than, and somewhere better."""
    known = all(one.forgetting is not None for one in candidates)

    def merits(one: Candidate) -> tuple[float, ...]:
        costs = (one.seconds, one.peak_memory_bytes, one.disk_bytes, one.forgetting or 0.0 if known else 0.0)
        return (sign * scores[one.label].point, *(-cost for cost in costs))

    def dominated(mine: tuple[float, ...]) -> bool:
        return any(
            theirs != mine and all(a >= b for a, b in zip(theirs, mine, strict=True))
            for theirs in map(merits, candidates)
        )

    return tuple(one.label for one in candidates if not dominated(merits(one)))


def _reasons(
    verdict: Decision,
    metric: Metric,
    candidates: Sequence[Candidate],
    limits: Limits,
    prefer: Prefer,
    seeds: dict[str, list[float]],
    shaky: Sequence[str],
    *,
    alone: bool,
) -> list[Reason]:
    by_label, examples = {c.label: c for c in candidates}, candidates[0].statistics.shape[1]
    chosen, best = by_label[verdict.chosen], by_label[verdict.best]
    mine = verdict.scores[chosen.label]
    told = {
        "chosen": chosen.label,
        "metric": metric.name,
        "score": f"{mine.point:.3f}",
        "examples": f"{examples:,}",
        "interval": _interval(mine, f"{mine.low:.3f}", f"{mine.high:.3f}"),
        "seconds": f"{chosen.seconds:.1f}",
    }
    over = [c for c in candidates if limits.excess(c) > 1]
    breaks = _limits_broken(verdict, metric, over, limits, every=len(over) == len(candidates))
    if len(candidates) == 1:
        single = [Reason("alone", told), Reason("nothing_compared")] if alone else [Reason("take", told)]
        return [*single, *breaks]
    found = [Reason("take", told)]
    outdone = any(verdict.behind[c.label].point < 0 for c in over if c is not best)
    if chosen is best:
        if not outdone:
            found.append(Reason("preferred" if prefer == "best" else "best"))
        elif len(over) < len(candidates):
            found.append(Reason("preferred_within" if prefer == "best" else "best_within"))
    elif verdict.behind[chosen.label].low <= 0:
        found += _cheaper(verdict, metric, chosen, best, examples, prefer, outdone=outdone)
    found += breaks
    behind = verdict.behind
    worse = [c for c in candidates if c.label in behind and behind[c.label].low > 0 and c is not chosen]
    if any(c.complete for c in worse):
        gaps = [
            Reason("by", {"label": c.label, "gap": _told(metric, behind[c.label].point)}) for c in worse if c.complete
        ]
        found.append(Reason("worse", {"told": gaps}))
    if any(not c.complete for c in candidates):
        found.append(Reason("cut_short", {"told": [c.label for c in candidates if not c.complete]}))
    if chosen is best and prefer != "best":
        cheaper = [c for c in candidates if c.label in behind and c.seconds < chosen.seconds and c.complete]
        found += _flips(verdict, metric, [c.label for c in cheaper if c not in over], prefer)
    if verdict.resolution > 0:
        found.append(Reason("resolution", {"examples": f"{examples:,}", "smallest": _told(metric, verdict.resolution)}))
    if min(len(scores) for scores in seeds.values()) < 2:
        found.append(Reason("one_seed" if max(map(len, seeds.values())) < 2 else "some_one_seed"))
    spread = [
        Reason("by", {"label": label, "gap": _told(metric, max(seeds[label]) - min(seeds[label]))}) for label in shaky
    ]
    return [*found, Reason("seeds_vary", {"told": spread})] if spread else found


def _limits_broken(
    verdict: Decision, metric: Metric, over: Sequence[Candidate], limits: Limits, *, every: bool
) -> list[Reason]:
    """What is over the limits, by how much, and what keeping to them costs."""
    if not over:
        return []
    taken = verdict.behind[verdict.chosen].point if verdict.chosen in verdict.behind else 0.0
    gains = {c.label: taken - verdict.behind[c.label].point for c in over if c.label in verdict.behind}
    gaps = [Reason("by", {"label": label, "gap": _told(metric, gain)}) for label, gain in gains.items() if gain > 0]
    cost = [Reason("limits_cost", {"told": gaps})] if gaps else []
    if every:
        [chosen] = [c for c in over if c.label == verdict.chosen]
        return [Reason("all_over_limit_by", {"needs": limits.broken(chosen)}), *cost]
    told = [Reason("needs", {"label": c.label, "needs": limits.broken(c)}) for c in over]
    return [Reason("over_limit", {"told": told}), *cost]


def _flips(verdict: Decision, metric: Metric, cheaper: Sequence[str], prefer: Prefer) -> list[Reason]:
    """What would have a cheaper candidate taken in place of the best one."""
    behind = verdict.behind
    if not cheaper:
        return []
    margins = {
        label: max(behind[label].low, behind[label].point - behind[label].standard_error)
        if prefer == "balanced"
        else behind[label].low
        for label in cheaper
    }
    near = min(margins, key=lambda label: margins[label])
    found = [Reason("flip_margin", {"other": near, "margin": _told(metric, margins[near])})]
    unsure = [label for label in cheaper if behind[label].low <= 0]
    if unsure:  # the balanced rule alone keeps these from being taken
        gaps = [Reason("by", {"label": label, "gap": _told(metric, behind[label].point)}) for label in unsure]
        found.insert(0, Reason("probably_worse", {"told": gaps}))
    return found


def _cheaper(
    verdict: Decision,
    metric: Metric,
    chosen: Candidate,
    best: Candidate,
    examples: int,
    prefer: Prefer,
    *,
    outdone: bool,
) -> list[Reason]:
    """Why a candidate is taken that is not the best one, and how many examples would tell them apart.

    `outdone` says that something over the limits scored higher than either.
    """
    gap = verdict.behind[chosen.label]
    told = {
        "best": best.label,
        "metric": metric.name,
        "score": f"{verdict.scores[best.label].point:.3f}",
        "gap": _told(metric, gap.point),
        "interval": _interval(gap, _told(metric, gap.low), _told(metric, gap.high)),
        "ratio": f"{best.seconds / max(chosen.seconds, 1e-9):.1f}",
    }
    found = [Reason("cheaper_within" if outdone else "cheaper", told)]
    if gap.point > 0:
        # The width of an interval falls with the root of the number of examples.
        width = gap.standard_error if prefer == "balanced" else max(gap.point - gap.low, 0.0)
        needed = examples * (width / gap.point) ** 2
        if needed < 1000 * examples:
            rounded = float(f"{max(needed, examples):.2g}")
            found.append(Reason("flip_examples", {"examples": f"{rounded:,.0f}", "best": best.label}))
    return found


def _interval(found: Interval, low: Reason | str, high: Reason | str) -> Reason:
    """Its ends, or that it has no width; in the words of `Interval.words`."""
    return Reason("interval", {"low": low, "high": high}) if found.has_width else Reason("no_interval")


def _told(metric: Metric, value: float) -> Reason | str:
    """A difference in words: in hundredths for metrics between 0 and 1, otherwise in the metric's own unit."""
    return Reason("points", {"value": f"{100 * value:.1f}"}) if metric.in_points else f"{value:.3g}"
