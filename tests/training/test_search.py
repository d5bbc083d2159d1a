"""The learning-rate search finds the minimum of a known curve, also outside its grid."""

from __future__ import annotations

import itertools
import math
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.training.search import SearchResult, search_again, search_learning_rate


def bowl(best: float):
    """What is minimised, and the seconds it took."""
    return lambda rate: (math.log(rate / best) ** 2, 2.0)


@pytest.mark.parametrize("best", [1e-4, 3e-4, 1e-3])
def test_the_best_rate_of_the_grid_wins(best: float) -> None:
    assert search_learning_rate((1e-4, 3e-4, 1e-3), bowl(best)).learning_rate == best


def test_the_search_goes_on_past_an_end_that_wins() -> None:
    result = search_learning_rate((1e-4, 3e-4, 1e-3), bowl(1e-2))
    assert result.learning_rate == pytest.approx(9e-3)
    assert len(result.values) == 5
    assert result.seconds == 10.0


def test_it_stops_extending_once_the_end_loses() -> None:
    result = search_learning_rate((1e-4, 3e-4, 1e-3), bowl(8e-4))
    assert result.learning_rate == 1e-3
    assert len(result.values) == 4


def test_a_diverging_rate_never_wins() -> None:
    def diverging(rate: float) -> tuple[float, float]:
        return (math.nan, 0.0) if rate > 5e-4 else bowl(1e-3)(rate)

    assert search_learning_rate((1e-4, 3e-4, 1e-3), diverging).learning_rate == 3e-4


def test_where_every_rate_diverges_lower_ones_are_tried_and_the_lowest_is_taken() -> None:
    result = search_learning_rate((1e-3, 1e-2), lambda _: (math.inf, 0.0))
    assert result.learning_rate == min(result.values) == pytest.approx(1e-3 / 9)
    assert all(math.isinf(loss) for loss in result.values.values())


def test_one_rate_is_tried_even_after_the_deadline() -> None:
    result = search_learning_rate((1e-4, 3e-4, 1e-3), bowl(1e-4), deadline=time.monotonic() - 1)
    assert (result.learning_rate, result.complete) == (3e-4, False)


GRID = (1e-4, 3e-4, 1e-3)
BEFORE = search_learning_rate(GRID, bowl(4e-4))


def test_a_rate_that_is_still_the_best_one_takes_two_runs() -> None:
    found = search_again(BEFORE, GRID, bowl(4e-4))
    assert found.learning_rate == 3e-4
    assert list(found.values) == [3e-4, 1e-3]  # of its neighbours the one that came next before
    assert found.seconds == 4.0


def test_a_best_rate_that_moved_is_followed() -> None:
    found = search_again(BEFORE, GRID, bowl(4e-3))
    assert found.learning_rate == pytest.approx(3e-3)
    assert list(found.values)[:2] == [3e-4, 1e-3]


def test_what_few_examples_led_out_of_the_grid_more_of_them_lead_back_into_it() -> None:
    low = search_learning_rate(GRID, bowl(1e-6))
    assert low.learning_rate < GRID[0]
    assert search_again(low, GRID, bowl(3e-5)).learning_rate == pytest.approx(1e-4 / 3)
    high = search_learning_rate(GRID, bowl(1e-1))
    assert list(search_again(high, GRID, bowl(1e-1)).values) == pytest.approx([9e-3, 3e-3])


def test_where_only_one_rate_was_tried_its_neighbours_are_those_of_the_grid() -> None:
    cut_short = SearchResult(3e-4, {3e-4: 0.0}, 2.0, False)
    assert search_again(cut_short, GRID, bowl(1e-4)).learning_rate == 1e-4


def test_searching_again_ends_at_the_deadline_with_what_it_has() -> None:
    found = search_again(BEFORE, GRID, bowl(4e-3), deadline=time.monotonic() - 1)
    assert (found.learning_rate, found.complete) == (3e-4, False)


def test_searching_again_past_rates_that_diverge_keeps_the_rate() -> None:
    assert search_again(BEFORE, GRID, lambda rate: (math.nan if rate > 5e-4 else 1.0, 0.0)).learning_rate == 3e-4


def test_where_the_rate_itself_diverges_a_lower_one_is_found() -> None:
    def diverging(rate: float) -> tuple[float, float]:
        return (math.nan, 0.0) if rate > 2e-4 else bowl(1e-4)(rate)

    assert search_again(BEFORE, GRID, diverging).learning_rate == 1e-4


@pytest.mark.parametrize("grid", [GRID, (3e-5, 1e-4, 3e-4), (3e-4, 1e-3, 3e-3), (1e-3, 3e-3, 1e-2, 3e-2)])
@given(bests=st.lists(st.floats(1e-6, 1e-1), min_size=3, max_size=3))
def test_searches_in_a_row_never_compare_a_rate_with_itself(grid: tuple[float, ...], bests: list[float]) -> None:
    found = search_learning_rate(grid, bowl(bests[0]))
    for best in bests[1:]:
        found = search_again(found, grid, bowl(best))
        tried = sorted(found.values)
        assert 2 <= len(tried) <= 4
        assert all(higher > 1.5 * lower for lower, higher in itertools.pairwise(tried))
        assert found.values[found.learning_rate] == min(found.values.values())
