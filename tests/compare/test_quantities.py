"""Numbers are written as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.compare.quantities import count, duration, size_of


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "0"),
        (770, "770"),
        (999, "999"),
        (1000, "1k"),
        (269_722, "270k"),
        (999_499, "999k"),
        (999_999, "1M"),
        (22_566_146, "22.6M"),
        (70_000_000_000, "70B"),
        (10**12, "1T"),
    ],
)
def test_parameters_are_counted_in_thousands_and_millions(number: int, written: str) -> None:
    assert count(number) == written


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "0 B"),
        (12, "12 B"),
        (999_999, "1 MB"),
        (90_900_000, "90.9 MB"),
        (2_000_000_000, "2 GB"),
        (3 * 10**12, "3 TB"),
    ],
)
def test_bytes_are_decimal(number: int, written: str) -> None:
    assert size_of(number) == written


@given(st.integers(0, 10**14))
def test_three_digits_are_enough_and_never_an_exponent(number: int) -> None:
    written = size_of(number)
    value, unit = written.split(" ")
    scale = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}[unit]
    assert "e" not in value
    assert float(value) < 1000
    assert float(value) * scale == pytest.approx(number, rel=0.005)


@pytest.mark.parametrize(
    ("number", "written"),
    [
        (0, "0.0 s"),
        (0.42, "0.4 s"),
        (9.96, "10 s"),
        (12.3, "12 s"),
        (119.7, "2.0 min"),
        (210, "3.5 min"),
        (7199, "2.0 h"),
        (9000, "2.5 h"),
    ],
)
def test_durations_are_short(number: float, written: str) -> None:
    assert duration(number) == written
