"""The learning rate follows its closed form."""

from __future__ import annotations

import pytest

from alih.training.schedule import share_of_peak


def test_the_rate_rises_to_the_peak_and_falls_linearly() -> None:
    shares = [share_of_peak(step, 10, 0.3) for step in range(10)]
    expected = [1 / 3, 2 / 3, 1, 1, 6 / 7, 5 / 7, 4 / 7, 3 / 7, 2 / 7, 1 / 7]
    assert shares == pytest.approx(expected)


def test_without_warmup_the_first_step_is_at_the_peak() -> None:
    assert [share_of_peak(step, 4, 0.0) for step in range(4)] == pytest.approx([1, 0.75, 0.5, 0.25])


@pytest.mark.parametrize("total", [1, 2, 3, 50, 997])
@pytest.mark.parametrize("warmup", [0.0, 0.1, 0.5, 0.99])
def test_no_step_is_at_zero_or_above_the_peak(total: int, warmup: float) -> None:
    shares = [share_of_peak(step, total, warmup) for step in range(total)]
    assert min(shares) > 0
    assert max(shares) == 1.0
