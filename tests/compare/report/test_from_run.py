"""A run folder becomes a report: what is there is shown, what is missing left out, what is damaged named."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from alih.compare.report.data import CurvePoint, Epoch, Skipped, Sure
from alih.compare.report.from_run import EVIDENCE, report_data, run_date
from alih.compare.report.html import render_html
from alih.errors import RunError
from compare.report.samples import full, run_folder, told

NAME = "20261123-070000-reviews"


def test_a_run_becomes_a_report(tmp_path: Path) -> None:
    data = report_data(run_folder(tmp_path, NAME).path)
    assert (data.run.name, data.run.date) == (NAME, "2026-11-23T07:00:00Z")
    assert (data.run.data, data.run.digest, data.run.model) == ("reviews", "abc", "alih/minilm")
    assert data.run.command == "alih compare reviews.csv --max-examples=80 --seeds=1"
    assert data.choice is not None
    assert data.choice.chosen == "transfer"
    assert data.choice.test == Sure(0.88, 0.8, 0.93)
    assert data.choice.candidates[0].seconds == 2.5
    assert data.choice.candidates[0].pareto
    assert data.choice.words["en"] == ("Take transfer.",)
    assert data.choice.words["id"][0].startswith("Pilih transfer: accuracy 0.900 pada 20 contoh validasi")
    assert data.table[0].curve == ((20, 0.8), (80, 0.9))
    assert data.table[0].shifted == {"": 0.8}
    assert data.skipped == (Skipped("scratch", "the time limit was reached before its first trial"),)
    assert data.notes == ("two rows were left out",)
    assert "<!doctype html>" in render_html(data)


def test_the_interval_of_the_score_is_that_of_the_last_point_of_the_curve(tmp_path: Path) -> None:
    (curve,) = report_data(run_folder(tmp_path, NAME).path).curves
    assert curve.points[0] == CurvePoint(20, 0.8)
    assert curve.points[1].low == pytest.approx(0.8)


def test_losses_are_those_of_the_run_on_all_examples(tmp_path: Path) -> None:
    (history,) = report_data(run_folder(tmp_path, NAME).path).histories
    assert history.epochs == (Epoch(1, 0.5, 0.6), Epoch(2, 0.25, None))
    assert history.best_epoch == 1


def test_evidence_is_read(tmp_path: Path) -> None:
    data = full()
    assert data.confusion is not None
    assert data.calibration is not None
    evidence: dict[str, Any] = {
        "confusion": asdict(data.confusion),
        "calibration": asdict(data.calibration),
        "mistakes": [asdict(one) for one in data.mistakes],
        "answers": [asdict(one) for one in data.answers],
        "curves": [asdict(one) for one in data.curves],
        "diagnosis": [asdict(one) for one in data.diagnosis["en"]],
        "costs": {"transfer": {"latency_p95_ms": 4.0, "energy_joules": 7, "forgetting": -0.1}},
        "shifted": {"transfer": {"typos": 0.85, "case": 0.9}},
    }
    assert set(evidence) == set(EVIDENCE)
    found = report_data(run_folder(tmp_path, NAME, report=told(schema=2, evidence=evidence)))
    assert (found.confusion, found.calibration) == (data.confusion, data.calibration)
    assert (found.mistakes, found.answers, found.diagnosis) == (data.mistakes, data.answers, data.diagnosis)
    assert found.curves[:3] == data.curves
    assert [curve.label for curve in found.curves[3:]] == ["transfer"]  # it has none with intervals
    assert (found.table[0].latency_p95_ms, found.table[0].energy_joules, found.table[0].forgetting) == (4.0, 7.0, -0.1)
    assert found.table[0].shifted == {"typos": 0.85, "case": 0.9}


def test_a_run_that_was_stopped_before_its_report_shows_what_there_is(tmp_path: Path) -> None:
    data = report_data(run_folder(tmp_path, NAME, report={}).path)
    assert data.run.interrupted
    assert data.choice is None
    assert data.histories
    assert "<!doctype html>" in render_html(data, "id")


def test_reasons_of_another_version_are_told_in_english(tmp_path: Path) -> None:
    report = told()
    report["decision"]["reasons"].append({"key": "hologram", "values": {}})
    data = report_data(run_folder(tmp_path, NAME, report=report))
    assert data.choice is not None
    assert data.choice.words == {"en": ("Take transfer.",)}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": 3}, "newer version of Alih.*Upgrade"),
        ({"table": [{"label": "transfer"}]}, "damaged"),
        ({"decision": {"metric": "accuracy"}}, "damaged.*delete report.json, and alih resume"),
        ({"handed_over": {"test": {"interval": ["a", "b", "c"]}}}, "damaged"),
        ({"evidence": {"hologram": 1}}, r"evidence\.hologram is unknown"),
        ({"evidence": {"confusion": {"classes": ["a"]}}}, r"evidence\.confusion: 'counts' is missing"),
    ],
)
def test_what_cannot_be_read_is_named(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    folder = run_folder(tmp_path, NAME, report=told(**change))
    with pytest.raises(RunError, match=message):
        report_data(folder)


@pytest.mark.parametrize("lost", ["decision", "table"])
def test_a_report_without_its_parts_is_damaged_and_not_empty(tmp_path: Path, lost: str) -> None:
    folder = run_folder(tmp_path, NAME, report={name: value for name, value in told().items() if name != lost})
    with pytest.raises(RunError, match=rf"damaged \(no {lost} in it\).*delete report\.json, and alih resume"):
        report_data(folder)


def test_a_damaged_specification_leaves_the_report_alone(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, NAME, report=told())
    path = folder.path / "spec.json"
    spec = json.loads(path.read_text(encoding="utf-8"))
    del spec["model"]
    path.write_text(json.dumps(spec), encoding="utf-8")
    with pytest.raises(RunError, match=r"spec\.json: damaged.*put a copy of spec\.json back"):
        report_data(folder)


def test_a_folder_without_a_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no run folder"):
        report_data(tmp_path / "nothing")


def test_the_date_is_in_the_name() -> None:
    assert run_date("20261123-070000-reviews-2") == "2026-11-23T07:00:00Z"
    assert run_date("my-run") == ""


def test_findings_are_told_in_the_language_of_the_page(tmp_path: Path) -> None:
    found = {"en": [{"title": "Two labels are wrong"}], "id": [{"title": "Dua label keliru"}]}
    data = report_data(run_folder(tmp_path, NAME, report=told(evidence={"diagnosis": found})))
    assert "Two labels are wrong" in render_html(data)
    assert "Dua label keliru" in render_html(data, "id")
    assert "Two labels are wrong" not in render_html(data, "id")
