"""Numbers are read as a person would read the whole column, or the user is asked; never silently wrong."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alih.data.numbers import find_format, is_number

#: A column as people write it, and what it is worth.
CLEAR: dict[str, tuple[list[str], list[float]]] = {
    "plain": (["6405.28", "-505.6", ".5", "1e3"], [6405.28, -505.6, 0.5, 1000]),
    "US": (["6,405.28", "505.60"], [6405.28, 505.6]),
    "US, whole": (["6,405", "2,770", "505"], [6405, 2770, 505]),
    "German": (["6.405,28", "505,60"], [6405.28, 505.6]),
    "German, whole": (["6.405", "2.770", "505"], [6405, 2770, 505]),
    "Swiss": (["1'234.5", "1’234’567.8", "12"], [1234.5, 1234567.8, 12]),
    "Indian": (["1,23,456", "12,34,567.5", "999"], [123456, 1234567.5, 999]),
    "French, narrow no-break spaces": (["1\u202f234,50", "12\u00a0345,5", "7"], [1234.5, 12345.5, 7]),
    "Indonesian": (["Rp 1.250.000", "Rp5.000", "Rp. 500,-"], [1250000, 5000, 500]),
    "dollars": (["$6,405.28", "US$ 5", "-$3"], [6405.28, 5, -3]),
    "euros behind": (["1.234,56 €", "5 €", "0,5 €"], [1234.56, 5, 0.5]),
    "an account's negatives": (["(1,234)", "500", "($5)", "1,000-"], [-1234, 500, -5, -1000]),
    "a typographic minus": (["−5", "3"], [-5, 3]),
    "per cent": (["45%", "3.5 %"], [45, 3.5]),
    "decimal comma beside thousandths": (["6,405", "3,5"], [6.405, 3.5]),
    "decimal point beside thousandths": (["6.405", "3.5"], [6.405, 3.5]),
    "a leading zero": (["0,505", "1,234"], [0.505, 1.234]),
    "Arabic-Indic digits": (["١٢٣", "٣٫٥"], [123, 3.5]),
    "three decimals everywhere": (["3.142", "2.718"], [3.142, 2.718]),
}


@pytest.mark.parametrize("name", sorted(CLEAR))
def test_a_column_is_read_as_people_read_it(name: str) -> None:
    cells, values = CLEAR[name]
    written = find_format(cells)
    assert [written.number(cell) for cell in cells] == pytest.approx(values)
    assert not written.doubt


@pytest.mark.parametrize("cells", [["1,234", "2,345"], ["1.125", "2"], ["1,234", "12345"]])
def test_what_no_cell_decides_is_asked_and_the_answer_settles_it(cells: list[str]) -> None:
    written = find_format(cells)
    assert written.by_mark
    assert f'"{cells[0]}" may be' in written.doubt
    mark = "," if "," in cells[0] else "."
    grouped = find_format(cells, "." if mark == "," else ",")
    fraction = find_format(cells, mark)
    assert not grouped.doubt
    assert not fraction.doubt
    assert grouped.number(cells[0]) == pytest.approx(1000 * (fraction.number(cells[0]) or 0))


@pytest.mark.parametrize("cells", [["45%", "0.4"], ["$5", "€6"], ["Rp 5.000", "USD 3"]])
def test_different_units_in_one_column_are_not_compared(cells: list[str]) -> None:
    assert "different units" in find_format(cells).doubt


def test_one_currency_under_two_names_is_one_unit() -> None:
    assert not find_format(["Rp 5.000", "IDR 12.000", "7.500"]).doubt


@pytest.mark.parametrize(
    "cell",
    ["", "abc", "12:30", "2024-01-15", "15.01.2024", "1_000", "nan", "inf", "1,2,3", "0812 3456", "A-5", "10-20"],
)
def test_what_only_looks_like_a_number_is_none(cell: str) -> None:
    assert find_format([cell]).number(cell) is None


def test_an_odd_cell_does_not_follow_the_format_of_its_column() -> None:
    written = find_format(["1,234.50", "2,000.25", "7.5", "3,5"])
    assert written.number("3,5") is None
    assert '"1,234.50" is read as 1234.5' in written.example


def _grouped(value: float, point: str, comma: str, indian: bool = False) -> str:
    whole, _, fraction = f"{abs(value):.2f}".partition(".")
    if indian and len(whole) > 3:
        head, tail = whole[:-3], whole[-3:]
        pairs = [head[max(0, end - 2) : end] for end in range(len(head), 0, -2)][::-1]
        whole = comma.join([*pairs, tail])
    else:
        whole = f"{int(whole):,}".replace(",", comma)
    return f"{'-' if value < 0 else ''}{whole}{point}{fraction}"


WRITERS: dict[str, Callable[[float], str]] = {
    "US": lambda value: _grouped(value, ".", ","),
    "German": lambda value: _grouped(value, ",", "."),
    "French": lambda value: _grouped(value, ",", "\u202f"),
    "Swiss": lambda value: _grouped(value, ".", "’"),
    "Indian": lambda value: _grouped(value, ".", ",", indian=True),
    "rupiah": lambda value: "Rp " + _grouped(value, ",", "."),
    "euro": lambda value: _grouped(value, ",", ".") + " €",
    "an account": lambda value: f"({_grouped(-value, '.', ',')})" if value < 0 else _grouped(value, ".", ","),
    "plain": lambda value: f"{value:.2f}",
}


@pytest.mark.parametrize("name", sorted(WRITERS))
@given(cents=st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=20))
def test_every_way_of_writing_reads_back_as_the_same_numbers(name: str, cents: list[int]) -> None:
    values = [number / 100 for number in cents]
    cells = [WRITERS[name](value) for value in values]
    written = find_format(cells)
    assert not written.doubt
    assert [written.number(cell) for cell in cells] == values


@pytest.mark.parametrize("mark", [",", "."])
@given(values=st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_grouped_whole_numbers_are_read_back_or_asked(mark: str, values: list[int]) -> None:
    """They are never one thing silently where they may be another, unless every number has three decimals."""
    cells = [f"{value:,}".replace(",", mark) for value in values]
    written = find_format(cells)
    assume(not (mark == "." and all(1000 <= value < 10**6 for value in values)))
    if not written.doubt:
        assert [written.number(cell) for cell in cells] == values


@given(st.text(max_size=30))
def test_any_text_is_a_number_or_none(text: str) -> None:
    value = find_format([text]).number(text)
    assert value is None or is_number(text)
