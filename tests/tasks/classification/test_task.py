"""Classification as a task: its subsets are fair, and its smallest one makes sense."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from alih.data.examples import Dataset, Examples
from alih.task import Kind, Modality, Task
from alih.tasks.classification.task import Classification

FIVE = Task(Modality.TEXT, Kind.SINGLE, tuple("abcde"))


def nested_order(task: Task, labels: NDArray[np.generic], seed: int) -> NDArray[np.int64]:
    texts = [str(number) for number in range(len(labels))]
    examples = Examples(texts, labels, texts)
    return Classification(Dataset("data", "data", task, examples, examples, examples)).order(seed)


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


def test_the_smallest_subset_holds_two_examples_a_class() -> None:
    assert Classification(None, Task(Modality.TEXT, Kind.SINGLE, tuple(map(str, range(50))))).least_examples == 100
    assert Classification(None, FIVE).least_examples == 16


@pytest.mark.parametrize("kind", [Kind.MULTI, Kind.REGRESSION])
def test_rows_of_other_tasks_are_shuffled_whole(kind: Kind) -> None:
    task = Task(Modality.TEXT, kind, ("a", "b") if kind is Kind.MULTI else ())
    labels = np.zeros((40, 2)) if kind is Kind.MULTI else np.linspace(0, 1, 40)
    order = nested_order(task, labels, 0)
    assert sorted(order) == list(range(40))
    assert (order != np.arange(40)).any()
