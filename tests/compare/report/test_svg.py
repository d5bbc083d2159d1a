"""Markup is escaped, scales and ticks are exact, and the series can be told apart without colours."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.compare.report.svg import DASHES, SERIES, apart, linear, logarithmic, marker, swatch, tag, text, ticks

POSITIVE = st.floats(1e-3, 1e6)


@given(st.text(), st.text())
def test_no_text_leaves_its_place(inner: str, value: str) -> None:
    element = ElementTree.fromstring(tag("p", text(inner), title=value))
    assert list(element) == []
    assert set(element.attrib) == {"title"}


@given(st.text(alphabet=st.characters(exclude_categories=["Cc", "Cs", "Cn"])))
def test_printable_text_reads_back_as_it_was(inner: str) -> None:
    assert (ElementTree.fromstring(tag("p", text(inner))).text or "") == inner


@pytest.mark.parametrize("name", ["p onclick=x", "", "p>", "1"])
def test_names_of_tags_are_never_data(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a tag"):
        tag(name)


@given(st.lists(POSITIVE, min_size=1), st.booleans())
def test_scales_keep_the_order_and_stay_within(values: list[float], log: bool) -> None:
    scale = (logarithmic if log else linear)(values, 10, 90)
    at = [scale(value) for value in sorted(values)]
    assert at == sorted(at)
    assert all(10 <= one <= 90 for one in at)


def test_a_logarithmic_scale_puts_equal_factors_at_equal_distances() -> None:
    scale = logarithmic([1, 100], 0, 100)
    assert scale(10) - scale(1) == pytest.approx(scale(100) - scale(10))


@given(st.lists(POSITIVE, min_size=1), st.booleans())
def test_ticks_are_few_ascending_and_on_the_axis(values: list[float], log: bool) -> None:
    scale = (logarithmic if log else linear)(values, 0, 400)
    found = ticks(scale)
    assert found == sorted(set(found))
    assert 1 <= len(found) <= 14
    assert all(scale.low * (1 - 1e-9) <= value <= scale.high * (1 + 1e-9) for value in found)


def test_ticks_are_round_numbers() -> None:
    assert ticks(linear([0.0, 1.0], 0, 100, (0.0, 1.0))) == pytest.approx([0, 0.2, 0.4, 0.6, 0.8, 1.0])
    assert ticks(logarithmic([1, 1000], 0, 100)) == pytest.approx([1, 3, 10, 30, 100, 300, 1000])


def test_labels_that_would_touch_are_dropped_but_never_the_last() -> None:
    scale = linear([0.0, 10.0], 0, 100, (0.0, 10.0))
    assert apart([0.0, 1.0, 5.0, 9.0, 10.0], scale, 30) == [1.0, 5.0, 10.0]


def test_eight_series_differ_by_dash_and_by_marker() -> None:
    assert len(set(DASHES)) == SERIES == 8
    shapes = {marker(series, 0, 0).replace(f"s{series}", "") for series in range(SERIES)}
    assert len(shapes) == SERIES
    assert all(ElementTree.fromstring(swatch(series)) is not None for series in range(20))


def test_a_short_logarithmic_axis_has_round_numbers_too() -> None:
    assert ticks(logarithmic([2.1, 2.3], 0, 100)) == pytest.approx([2.0, 2.2, 2.4, 2.6])
