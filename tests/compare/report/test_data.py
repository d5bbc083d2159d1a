"""A report reads back as it was written; what another version wrote is read, or refused with a remedy."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.compare.report.data import SCHEMA_VERSION, Curve, CurvePoint, ReportData, Run
from alih.errors import AlihError, RunError
from compare.report.samples import full


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_report_reads_back_as_it_was_written(word: str) -> None:
    data = full(word)
    assert ReportData.from_json(data.to_json()) == data


def test_every_part_but_the_run_may_be_missing() -> None:
    assert ReportData.from_json('{"run": {"name": "a"}, "schema": 2}') == ReportData(Run("a"))


def test_an_older_report_is_read_with_defaults_for_what_it_lacks() -> None:
    older = {"run": {"name": "a"}, "probe": [0.5], "schema": 1}
    assert ReportData.from_json(json.dumps(older)) == ReportData(Run("a"), probe=(0.5,))
    del older["schema"]
    assert ReportData.from_json(json.dumps(older)).schema == SCHEMA_VERSION


def test_a_newer_report_is_refused_with_the_way_to_upgrade() -> None:
    newer = asdict(full()) | {"schema": SCHEMA_VERSION + 1, "hologram": 1}
    with pytest.raises(AlihError, match=f"schema {SCHEMA_VERSION + 1} by a newer version.*pip install --upgrade alih"):
        ReportData.from_json(json.dumps(newer))


@pytest.mark.parametrize("schema", ["2", True, 0, None, 1.5])
def test_what_is_no_version_is_refused(schema: object) -> None:
    with pytest.raises(RunError, match="no version of a report"):
        ReportData.from_json(json.dumps({"run": {"name": "a"}, "schema": schema}))


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null"])
def test_what_is_no_report_is_refused(text: str) -> None:
    with pytest.raises(RunError, match="report"):
        ReportData.from_json(text)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"run": {}}, r"report\.run: 'name' is missing"),
        ({"run": 3}, r"report\.run: 3 is no object"),
        ({"probe": ["a"]}, r"report\.probe\[0\]: 'a' is no float"),
        ({"probe": 0.5}, r"report\.probe: 0.5 is no list"),
        ({"hologram": 1}, "unknown field 'hologram'"),
        ({"diagnosis": {"en": [{"title": "a", "severity": "fatal"}]}}, "'fatal' is none of"),
        ({"table": [{"label": "a", "curve": [[1, 0.5, 3]]}]}, "3 values where 2 belong"),
        ({"table": [{"label": "a", "complete": 1}]}, "1 is no bool"),
        ({"table": [{"label": "a", "trainable": True}]}, "True is no int"),
        ({"table": [{"label": "a", "shifted": []}]}, "is no object"),
    ],
)
def test_a_damaged_part_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(RunError, match=message):
        ReportData.from_json(json.dumps({"run": {"name": "a"}, "schema": 2} | change))


def test_numbers_that_json_does_not_know_become_null() -> None:
    data = replace(full(), curves=(Curve("a", (CurvePoint(1, 0.5, math.nan, math.inf),)),))
    point = json.loads(data.to_json())["curves"][0]["points"][0]
    assert point == {"examples": 1, "score": 0.5, "low": None, "high": None}


def test_every_field_is_documented() -> None:
    for kind in (ReportData, Run):
        assert all(f"{field.name}:" in (kind.__doc__ or "") for field in fields(kind))
