"""Stratified, seeded splits that keep groups and duplicates on one side.

Counts come first: how many examples of each stratum (class, or tenth of a regression's range) each side gets, by
largest remainders, so that every count is within one of its exact share. Groups of several examples are then placed,
largest first, where they fit best; single examples fill what is left, exactly.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alih.task import Kind

Indices = NDArray[np.int64]
_BINS = 10


@dataclass(frozen=True)
class SplitError(ValueError):
    """Why no split exists.

    Args:
        stratum: the stratum that no example is left of for training, or None where there are too few groups.
    """

    stratum: int | None


def strata(labels: NDArray[np.generic], kind: Kind) -> Indices:
    """Return a stratum for each example, int64 (n,): its class, its rarest class, or the tenth its number lies in.

    Taking the rarest label of a multi-label example stands for iterative stratification (Sechidis et al., ECML 2011,
    section 3): rare classes are what a random split loses.
    """
    if kind is Kind.SINGLE:
        classes: Indices = labels.astype(np.int64)
        return classes
    if kind is Kind.REGRESSION:
        bins = max(1, min(_BINS, len(labels) // 5))
        edges = np.quantile(labels.astype(np.float64), np.linspace(0, 1, bins + 1)[1:-1])
        tenths: Indices = np.searchsorted(edges, labels.astype(np.float64), side="right").astype(np.int64)
        return tenths
    table = labels.astype(bool)
    frequency = table.sum(axis=0)
    rarest = np.where(table, frequency, frequency.max(initial=0) + 1).argmin(axis=1)
    found: Indices = np.where(table.any(axis=1), rarest, table.shape[1]).astype(np.int64)
    return found


def shares(counts: Indices, fractions: Sequence[float]) -> Indices:
    """Return how many examples of each stratum each side gets: int64 (sides, strata).

    Every number is within one of counts × fraction; each stratum keeps at least one example for training, and a stratum
    of three or more (of n sides: n + 1 or more) has one on each side. With two examples, one is held out at most.

    Args:
        counts: examples in each stratum, (strata,).
        fractions: of each held-out side, in order; the rest is for training.
    """
    sides = np.zeros((len(fractions), len(counts)), dtype=np.int64)
    left = np.maximum(counts - 1, 0)
    for side, fraction in enumerate(fractions):
        exact = counts * fraction
        room = np.minimum(left, np.ceil(exact).astype(np.int64))
        base = np.minimum(np.floor(exact).astype(np.int64), room)
        enough = counts > len(fractions)
        base = np.where(enough, np.maximum(base, np.minimum(room, 1)), base)
        missing = round(counts.sum() * fraction) - int(base.sum())
        for stratum in np.argsort(-(exact - base), kind="stable"):
            if missing <= 0:
                break
            if base[stratum] < room[stratum]:
                base[stratum] += 1
                missing -= 1
        sides[side] = base
        left = left - base
    return sides


def split(
    stratum_of: Indices, fractions: Sequence[float], seed: int, groups: Sequence[Hashable] | None = None
) -> list[Indices]:
    """Return the indices of the training side, then of each held-out side, each in ascending order.

    Args:
        stratum_of: stratum of each example, (n,).
        fractions: share of each held-out side; they sum to less than 1.
        seed: the same seed gives the same split on every machine.
        groups: examples of one group stay together; None if each example is its own.

    Raises:
        SplitError: a stratum would have nothing for training, or there are too few groups.
    """
    rng = np.random.default_rng(seed)
    _, stratum = np.unique(stratum_of, return_inverse=True)
    counts = np.bincount(stratum).astype(np.int64)
    held_out = shares(counts, fractions)
    quota = np.vstack([counts - held_out.sum(axis=0), held_out])  # (1 + sides, strata)
    members = _members(groups if groups is not None else range(len(stratum)))
    if len(members) <= len(fractions):
        raise SplitError(None)
    order = rng.permutation(len(members))
    side_of = np.full(len(stratum), -1, dtype=np.int64)
    large = sorted((members[place] for place in order if len(members[place]) > 1), key=len, reverse=True)
    for group in large:
        needs = np.bincount(stratum[group], minlength=len(counts))
        best = _best_side(needs, quota)
        side_of[group] = best
        quota[best] -= needs
    singles = [members[place][0] for place in order if len(members[place]) == 1]
    for example in singles:
        open_sides = quota[1:, stratum[example]]
        best = int(open_sides.argmax()) + 1 if open_sides.max(initial=0) > 0 else 0
        side_of[example] = best
        quota[best, stratum[example]] -= 1
    _give_training_its_share(side_of, stratum, members, len(fractions))
    return [np.flatnonzero(side_of == side).astype(np.int64) for side in range(len(fractions) + 1)]


def _members(groups: Sequence[Hashable]) -> list[list[int]]:
    found: dict[Hashable, list[int]] = {}
    for index, group in enumerate(groups):
        found.setdefault(group, []).append(index)
    return list(found.values())


def _best_side(needs: Indices, quota: Indices) -> int:
    """Return the side where the group overshoots its shares least; then the one with most room."""
    overshoot = np.maximum(needs - np.maximum(quota, 0), 0).sum(axis=1)
    start = np.maximum(quota, 0).sum(axis=1)
    return int(min(range(len(quota)), key=lambda side: (overshoot[side], -start[side], side)))


def _give_training_its_share(side_of: Indices, stratum: Indices, members: list[list[int]], sides: int) -> None:
    """Move groups until training has every stratum, and no side is empty."""
    for missing in sorted(set(stratum.tolist()) - set(stratum[side_of == 0].tolist())):
        holders = [group for group in members if side_of[group[0]] != 0 and missing in stratum[group]]
        for group in sorted(holders, key=len):
            if len({int(side_of[other[0]]) for other in members if other is not group}) > sides - 1:
                side_of[group] = 0
                break
    for side in range(1, sides + 1):
        if not (side_of == side).any():
            _fill(side, side_of, stratum, members)
    lost = set(stratum.tolist()) - set(stratum[side_of == 0].tolist())
    if lost:
        raise SplitError(min(lost))
    if any(not (side_of == side).any() for side in range(sides + 1)):
        raise SplitError(None)


def _fill(side: int, side_of: Indices, stratum: Indices, members: list[list[int]]) -> None:
    """Give an empty side the smallest training group that training can spare."""
    for group in sorted((group for group in members if side_of[group[0]] == 0), key=len):
        rest = (side_of == 0) & ~np.isin(np.arange(len(side_of)), group)
        if set(stratum[group].tolist()) <= set(stratum[rest].tolist()):
            side_of[group] = side
            return


def subsample(stratum_of: Indices, size: int, seed: int) -> Indices:
    """Return `size` indices with every stratum in proportion and at least once, in ascending order."""
    _, stratum = np.unique(stratum_of, return_inverse=True)
    counts = np.bincount(stratum).astype(np.int64)
    if size >= len(stratum):
        return np.arange(len(stratum), dtype=np.int64)
    exact = counts * (size / len(stratum))
    take = np.minimum(np.maximum(np.floor(exact).astype(np.int64), 1), counts)
    while take.sum() < size:
        take[int(np.where(take < counts, exact - take, -np.inf).argmax())] += 1
    while take.sum() > size:
        take[int(np.where(take > 1, take - exact, -np.inf).argmax())] -= 1
    rng = np.random.default_rng(seed)
    chosen = [rng.permutation(np.flatnonzero(stratum == index))[: take[index]] for index in range(len(counts))]
    return np.sort(np.concatenate(chosen)).astype(np.int64)
