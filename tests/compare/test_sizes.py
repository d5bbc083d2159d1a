"""The learning curve's sizes and subsets keep their promises for any data."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.compare.sizes import curve_sizes, nested_order
from alih.task import Kind, Modality, Task

FIVE = Task(Modality.TEXT, Kind.SINGLE, tuple("abcde"))


@given(st.integers(1, 100_000))
def test_sizes_ascend_and_end_at_all_examples(examples: int) -> None:
    sizes = curve_sizes(examples, FIVE)
    assert sizes[-1] == examples
    assert list(sizes) == sorted(set(sizes))
    assert 1 <= len(sizes) <= 3
    assert all(larger >= 1.5 * smaller for smaller, larger in pairwise(sizes))


@given(st.lists(st.integers(0, 4), min_size=1, max_size=300), st.integers(0, 5))
def test_every_prefix_is_stratified_and_misses_no_class(labels: list[int], seed: int) -> None:
    values = np.array(labels)
    order = nested_order(FIVE, values, seed)
    assert sorted(order) == list(range(len(values)))
    counts = np.bincount(values, minlength=5)
    for length in (len(values) // 3, len(values) // 2):
        taken = np.bincount(values[order[:length]], minlength=5)
        if length >= 5:
            assert (taken[counts > 0] > 0).all()
        assert np.abs(taken - length * counts / len(values)).max() <= 6


def test_the_order_depends_on_the_seed_alone() -> None:
    labels = np.arange(50) % 5
    assert (nested_order(FIVE, labels, 1) == nested_order(FIVE, labels, 1)).all()
    assert (nested_order(FIVE, labels, 1) != nested_order(FIVE, labels, 2)).any()


@given(st.integers(10, 100_000))
def test_the_smallest_size_holds_two_examples_a_class_and_steps_are_at_most_threefold(examples: int) -> None:
    sizes = curve_sizes(examples, FIVE)
    assert sizes[0] >= min(examples, 16)
    assert sizes[0] >= 2 * 5
    assert all(larger <= 3 * smaller + 3 for smaller, larger in pairwise(sizes))


@pytest.mark.parametrize("kind", [Kind.MULTI, Kind.REGRESSION])
def test_rows_of_other_tasks_are_shuffled_whole(kind: Kind) -> None:
    task = Task(Modality.TEXT, kind, ("a", "b") if kind is Kind.MULTI else ())
    labels = np.zeros((40, 2)) if kind is Kind.MULTI else np.linspace(0, 1, 40)
    order = nested_order(task, labels, 0)
    assert sorted(order) == list(range(40))
    assert (order != np.arange(40)).any()
