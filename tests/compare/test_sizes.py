"""The learning curve's sizes keep their promises for any number of examples."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from alih.compare.sizes import curve_sizes


@given(st.integers(1, 100_000))
def test_sizes_ascend_and_end_at_all_examples(examples: int) -> None:
    sizes = curve_sizes(examples, 16)
    assert sizes[-1] == examples
    assert list(sizes) == sorted(set(sizes))
    assert 1 <= len(sizes) <= 3
    assert all(larger >= 1.5 * smaller for smaller, larger in pairwise(sizes))


@given(st.integers(10, 100_000))
def test_the_smallest_size_is_the_least_that_makes_sense_and_steps_are_at_most_threefold(examples: int) -> None:
    sizes = curve_sizes(examples, 16)
    assert sizes[0] >= min(examples, 16)
    assert all(larger <= 3 * smaller + 3 for smaller, larger in pairwise(sizes))
