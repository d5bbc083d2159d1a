"""Dataclasses are read from JSON data as they are typed."""

from __future__ import annotations

import pytest

from alih.compare.report.data import Finding, MoreCosts, Sure
from alih.compare.report.reading import read
from alih.errors import RunError


def test_whole_numbers_are_read_as_floats() -> None:
    found = read(Sure, {"point": 1}, "here")
    assert isinstance(found.point, float)


def test_null_is_read_where_a_value_may_be_missing() -> None:
    assert read(Sure, {"point": 1.0, "low": None}, "here") == Sure(1.0)
    with pytest.raises(RunError, match=r"here\.point: None is no float"):
        read(Sure, {"point": None}, "here")


def test_objects_and_lists_are_read_to_any_depth() -> None:
    found = read(dict[str, tuple[Finding, ...]], {"a": [{"title": "b", "items": ["c"]}]}, "here")
    assert found == {"a": (Finding("b", items=("c",)),)}


def test_a_misspelt_field_is_refused() -> None:
    with pytest.raises(RunError, match=r"here\.transfer: unknown field 'latency_p59_ms'"):
        read(dict[str, MoreCosts], {"transfer": {"latency_p59_ms": 1.0}}, "here")
