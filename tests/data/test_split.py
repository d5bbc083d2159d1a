"""Splits are disjoint, exhaustive, stratified within one example, safe for groups, and the same on every machine."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alih.data.split import SplitError, shares, split, strata, subsample
from alih.task import Kind

LABELS = st.lists(st.integers(0, 5), min_size=30, max_size=300).map(
    # No class is seen once: reading refuses that before splitting.
    lambda labels: np.array([label for label in labels if labels.count(label) > 1] + [0, 0, 1, 1] * 3)
)
FRACTIONS = st.tuples(st.floats(0.05, 0.4), st.floats(0.05, 0.4)).filter(lambda both: sum(both) <= 0.5)


@given(labels=LABELS, fractions=FRACTIONS, seed=st.integers(0, 2**32))
@settings(deadline=None)
def test_sides_are_disjoint_and_hold_everything(labels: np.ndarray, fractions: tuple[float, float], seed: int) -> None:
    sides = split(labels, fractions, seed)
    assert sorted(np.concatenate(sides).tolist()) == list(range(len(labels)))
    assert all(len(side) for side in sides)


@given(labels=LABELS, fractions=FRACTIONS, seed=st.integers(0, 2**32))
@settings(deadline=None)
def test_held_out_counts_are_within_one_of_the_exact_share(
    labels: np.ndarray, fractions: tuple[float, float], seed: int
) -> None:
    sides = split(labels, fractions, seed)
    counts = np.bincount(labels, minlength=6)
    for side, fraction in zip(sides[1:], fractions, strict=True):
        got = np.bincount(labels[side], minlength=6)
        assert (np.abs(got - counts * fraction) <= 1 + 1e-9).all()
    assert set(labels[sides[0]]) == set(labels)


@given(labels=LABELS, seed=st.integers(0, 2**32), group_count=st.integers(8, 40))
@settings(deadline=None)
def test_a_group_never_sits_on_two_sides(labels: np.ndarray, seed: int, group_count: int) -> None:
    groups = np.random.default_rng(seed).integers(0, group_count, len(labels)).tolist()
    try:
        sides = split(labels, (0.2, 0.2), seed, groups)
    except SplitError:
        return  # some class lives in one group only
    of_side = [{groups[row] for row in side} for side in sides]
    for one, other in ((0, 1), (0, 2), (1, 2)):
        assert of_side[one].isdisjoint(of_side[other])
    assert sorted(np.concatenate(sides).tolist()) == list(range(len(labels)))
    assert set(labels[sides[0]]) == set(labels)


def test_many_small_groups_come_close_to_the_shares() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 600)
    groups = (np.arange(600) // 4).tolist()
    sides = split(labels, (0.2, 0.2), 1, groups)
    for side in sides[1:]:
        assert abs(len(side) - 120) <= 8
        assert np.abs(np.bincount(labels[side]) / len(side) - np.bincount(labels) / 600).max() < 0.06


def test_classes_of_three_are_on_every_side_and_classes_of_two_in_training() -> None:
    labels = np.array([0] * 60 + [1] * 3 + [2] * 2)
    train, validation, test = split(labels, (0.2, 0.2), 0)
    assert [int((labels[side] == 1).sum()) for side in (train, validation, test)] == [1, 1, 1]
    assert (labels[train] == 2).any()


def test_shares_sum_to_the_whole_share() -> None:
    counts = np.full(77, 130)
    held_out = shares(counts, (0.2, 0.2))
    assert held_out.sum(axis=1).tolist() == [2002, 2002]


def test_seeds_decide_and_repeat() -> None:
    labels = np.arange(200) % 4
    first, again, other = (split(labels, (0.2, 0.2), seed) for seed in (0, 0, 1))
    assert all((one == two).all() for one, two in zip(first, again, strict=True))
    assert any((one != two).any() for one, two in zip(first, other, strict=True))


def test_the_split_does_not_depend_on_the_hash_seed() -> None:
    program = (
        "import numpy as np; from alih.data.split import split;"
        "print([s.tolist() for s in split(np.arange(60) % 3, (.2, .2), 0, [str(n // 2) for n in range(60)])])"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(printed) == 1


def test_one_group_cannot_be_split() -> None:
    with pytest.raises(SplitError):
        split(np.arange(20) % 2, (0.2, 0.2), 0, ["same"] * 20)


def test_regression_is_stratified_by_tenths() -> None:
    values = np.random.default_rng(0).normal(size=1000).astype(np.float32)
    stratum = strata(values, Kind.REGRESSION)
    assert np.bincount(stratum).tolist() == [100] * 10
    assert (np.sort(values[stratum == 0])[-1] <= values[stratum > 0]).all()


def test_multi_label_is_stratified_by_the_rarest_class() -> None:
    labels = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 0], [1, 0, 1], [0, 0, 0]], dtype=np.float32)
    assert strata(labels, Kind.MULTI).tolist() == [0, 1, 1, 2, 3]


@given(labels=LABELS, size=st.integers(6, 400), seed=st.integers(0, 2**32))
@settings(deadline=None)
def test_a_subsample_has_its_size_and_every_class_in_proportion(labels: np.ndarray, size: int, seed: int) -> None:
    chosen = subsample(labels, size, seed)
    assert len(chosen) == min(size, len(labels))
    assert len(set(chosen.tolist())) == len(chosen)
    assert set(labels[chosen]) == set(labels)
    if size < len(labels):
        exact = np.bincount(labels, minlength=6) * size / len(labels)
        got = np.bincount(labels[chosen], minlength=6)
        assert (got <= np.ceil(np.maximum(exact, 1)) + 1e-9).all()
