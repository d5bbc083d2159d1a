"""The learning-rate search finds the minimum of a known curve, also outside its grid."""

from __future__ import annotations

import math
import time

import pytest

from alih.compare.search import search_learning_rate


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
