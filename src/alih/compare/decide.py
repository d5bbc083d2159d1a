"""The decision: the cheapest variant whose score cannot be told from the best one's, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alih.evaluate.bootstrap import Difference, Interval, differences, interval
from alih.evaluate.metrics import IN_POINTS, higher_is_better
from alih.task import Task


@dataclass(frozen=True, eq=False)
class Candidate:
    """One variant as the decision sees it.

    Args:
        label: the variant in words.
        logits: validation logits, (seeds, n, outputs).
        seconds: measured time to adapt, the search for its learning rate included.
        peak_memory_bytes: measured peak memory.
        disk_bytes: bytes of what training changed.
    """

    label: str
    logits: NDArray[np.float32]
    seconds: float
    peak_memory_bytes: int
    disk_bytes: int


@dataclass(frozen=True)
class Decision:
    """What was decided.

    Args:
        metric: the metric that decided.
        chosen: label of the cheapest candidate that cannot be told from the best one.
        best: label of the candidate with the best mean score.
        scores: each candidate's mean score over seeds, with its interval.
        behind: for each candidate but the best one, how far it is behind; positive = worse, whatever the metric.
        front: labels on the Pareto front of score, time, memory and bytes.
        words: the same in sentences.
    """

    metric: str
    chosen: str
    best: str
    scores: dict[str, Interval]
    behind: dict[str, Difference]
    front: tuple[str, ...]
    words: tuple[str, ...]


def decide(
    task: Task, metric: str, candidates: Sequence[Candidate], labels: NDArray[np.generic], *, seed: int = 0
) -> Decision:
    """Choose among candidates scored on the same validation examples.

    Cost is the measured time to adapt, then the bytes; "cannot be told from" means that the paired bootstrap interval
    of the difference, at 95 % for all comparisons together, contains zero.

    Args:
        task: what was predicted.
        metric: the metric that decides.
        candidates: at least one, with different labels.
        labels: of the validation split.
        seed: of the resampling.
    """
    sign = 1.0 if higher_is_better(metric) else -1.0
    scores = {c.label: interval(task, metric, c.logits, labels, seed=seed) for c in candidates}
    best = max(candidates, key=lambda c: (sign * scores[c.label].point, -c.seconds))
    others = [candidate for candidate in candidates if candidate is not best]
    gaps = differences(task, metric, best.logits, [other.logits for other in others], labels, seed=seed)
    behind = {other.label: _behind(gap, sign) for other, gap in zip(others, gaps, strict=True)}
    alike = [best, *(other for other in others if not behind[other.label].low > 0)]
    chosen = min(alike, key=lambda c: (c.seconds, c.disk_bytes))
    front = tuple(c.label for c in candidates if not any(_dominates(o, c, scores, sign) for o in candidates))
    words = _words(metric, chosen, best, alike, candidates, scores, behind, len(labels))
    return Decision(metric, chosen.label, best.label, scores, behind, front, words)


def _behind(gap: Difference, sign: float) -> Difference:
    if sign > 0:
        return gap
    return Difference(-gap.high, -gap.point, -gap.low, gap.level)


def _dominates(other: Candidate, one: Candidate, scores: dict[str, Interval], sign: float) -> bool:
    """Whether `other` is nowhere worse than `one`, and somewhere better."""
    mine = (sign * scores[one.label].point, -one.seconds, -one.peak_memory_bytes, -one.disk_bytes)
    theirs = (sign * scores[other.label].point, -other.seconds, -other.peak_memory_bytes, -other.disk_bytes)
    return theirs != mine and all(a >= b for a, b in zip(theirs, mine, strict=True))


def _words(
    metric: str,
    chosen: Candidate,
    best: Candidate,
    alike: Sequence[Candidate],
    candidates: Sequence[Candidate],
    scores: dict[str, Interval],
    behind: dict[str, Difference],
    examples: int,
) -> tuple[str, ...]:
    score = scores[chosen.label]
    found = [
        f"Take {chosen.label}: {metric} {score.point:.3f} on {examples:,} validation examples "
        f"(95 % interval {score.low:.3f} to {score.high:.3f}), adapted in {chosen.seconds:.1f} s."
    ]
    if len(candidates) == 1:
        return (*found, "Nothing was compared: it is the only variant that was measured.")
    if chosen is best:
        found.append("Its score is the best one measured, and nothing as good was cheaper.")
    else:
        gap = behind[chosen.label]
        ratio = best.seconds / max(chosen.seconds, 1e-9)
        found.append(
            f"The best score is that of {best.label}, {metric} {scores[best.label].point:.3f}: "
            f"{_told(metric, gap.point)} better, which these examples cannot tell from chance "
            f"({_told(metric, gap.low)} to {_told(metric, gap.high)}), for {ratio:.1f} times the time."
        )
    worse = [other.label for other in candidates if other not in alike]
    if worse:
        told = "; ".join(f"{label} by {_told(metric, behind[label].point)}" for label in worse)
        found.append(f"Worse beyond chance: {told}.")
    widest = float(np.median([(gap.high - gap.low) / 2 for gap in behind.values()]))
    smallest = _told(metric, widest)
    found.append(f"With {examples:,} validation examples, differences below about {smallest} cannot be seen.")
    seeds = min(len(candidate.logits) for candidate in candidates)
    if seeds < 2:
        found.append("Some variants ran with one seed only; how much they vary from run to run is not known.")
    return tuple(found)


def _told(metric: str, value: float) -> str:
    """A difference in words: in hundredths for metrics between 0 and 1, otherwise in the metric's own unit."""
    return f"{100 * value:.1f} points" if metric in IN_POINTS else f"{value:.3g}"
