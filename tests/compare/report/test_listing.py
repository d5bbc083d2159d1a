"""The list of runs, and two of them side by side."""

from __future__ import annotations

from pathlib import Path

import pytest

from alih.compare.report.data import SCHEMA_VERSION
from alih.compare.report.from_run import report_data
from alih.compare.report.listing import find_run, render_list, side_by_side, summaries
from alih.errors import RunError
from compare.report.samples import run_folder, told

FIRST, SECOND = "20261123-070000-reviews", "20261124-070000-reviews"


def test_runs_are_listed_oldest_first_and_the_last_one_is_marked(tmp_path: Path) -> None:
    run_folder(tmp_path, SECOND).become_last()
    run_folder(tmp_path, FIRST)
    found = summaries(tmp_path)
    assert [(one.name, one.is_last) for one in found] == [(FIRST, False), (SECOND, True)]
    lines = render_list(found).splitlines()
    assert lines[2].split("  ")[0] == f"{SECOND} *"
    assert "2026-11-24 07:00:00" in lines[2]
    assert "transfer" in lines[2]
    assert "accuracy 0.900" in lines[2]


def test_damaged_and_stopped_runs_are_listed_as_such(tmp_path: Path) -> None:
    run_folder(tmp_path, FIRST, report={})
    damaged = run_folder(tmp_path, SECOND)
    (damaged.path / "report.json").write_text("{")
    assert [one.state for one in summaries(tmp_path)] == ["stopped", "damaged"]
    assert "(damaged)" in render_list(summaries(tmp_path))
    damaged.write_report({"schema": 2})
    assert [one.state for one in summaries(tmp_path)] == ["stopped", "damaged"]


def test_a_run_of_a_newer_version_is_not_called_damaged(tmp_path: Path) -> None:
    run_folder(tmp_path, FIRST, report=told(schema=SCHEMA_VERSION + 1))
    assert "(newer Alih)" in render_list(summaries(tmp_path))


def test_links_and_other_folders_are_not_listed(tmp_path: Path) -> None:
    run_folder(tmp_path / "elsewhere", FIRST)
    (tmp_path / "runs" / "notes").mkdir(parents=True)
    (tmp_path / "runs" / SECOND).symlink_to(tmp_path / "elsewhere" / FIRST)
    assert summaries(tmp_path / "runs") == []


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"no such folder.*alih compare"):
        summaries(tmp_path / "nothing")


def test_a_run_is_found_by_path_and_by_name(tmp_path: Path) -> None:
    folder = run_folder(tmp_path, FIRST)
    folder.become_last()
    for name in (FIRST, str(folder.path), "last"):
        assert find_run(tmp_path, name).path.resolve() == folder.path.resolve()
    with pytest.raises(RunError, match="no run folder"):
        find_run(tmp_path, "nothing")


def test_two_runs_are_shown_with_their_differences(tmp_path: Path) -> None:
    one = report_data(run_folder(tmp_path, FIRST))
    other = report_data(run_folder(tmp_path, SECOND, report=told(0.85), model={"name": "alih/other"}))
    lines = {" ".join(line.split()) for line in side_by_side(one, other).splitlines()}
    assert "≠ model alih/minilm alih/other" in lines
    assert "data reviews reviews" in lines
    assert "transfer 0.900 (0.800 to 0.950) 0.850 (0.750 to 0.900) −0.050" in lines


def test_scores_on_other_data_are_not_subtracted(tmp_path: Path) -> None:
    one = report_data(run_folder(tmp_path, FIRST))
    data = {"source": "others.csv", "name": "others", "digest": "x", "examples": {"validation": 20}}
    other = report_data(run_folder(tmp_path, SECOND, data=data))
    assert "cannot be subtracted" in side_by_side(one, other)
    data["name"] = "reviews"
    third = report_data(run_folder(tmp_path, "20261125-070000-reviews", data=data))
    assert "are not the same" in side_by_side(one, third)


def test_names_cannot_break_the_lines_of_the_list(tmp_path: Path) -> None:
    run_folder(tmp_path, FIRST, data={"source": "a", "name": "a\nb\x1b[31m"})
    text = render_list(summaries(tmp_path))
    assert len(text.splitlines()) == 2
    assert "a b [31m" in text
    assert "\x1b" not in text
