"""Report and runs at the command line: what is written where, and what is refused before anything is touched."""

from __future__ import annotations

import argparse
import io
import json
import webbrowser
from pathlib import Path

import pytest

from alih.cli import reporting
from alih.errors import AlihError
from compare.report.samples import run_folder

FIRST, SECOND = "20261123-070000-reviews", "20261124-070000-reviews"


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    reporting.add_commands(parser.add_subparsers(required=True))
    options = parser.parse_args(arguments)
    return int(options.run(options))


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with two runs."""
    run_folder(tmp_path / "runs", FIRST)
    run_folder(tmp_path / "runs", SECOND).become_last()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_report_is_written_into_the_run_folder(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("report", "runs/last") == 0
    assert Path(capsys.readouterr().out.strip()).samefile(place / "runs" / SECOND / "report.html")
    assert '<html lang="en">' in (place / "runs" / SECOND / "report.html").read_text(encoding="utf-8")


def test_a_damaged_report_leaves_the_page_that_is_there(place: Path) -> None:
    run("report", f"runs/{FIRST}")
    page = (place / "runs" / FIRST / "report.html").read_bytes()
    (place / "runs" / FIRST / "report.json").write_text('{"schema": 2}')
    with pytest.raises(AlihError, match=r"report\.json: damaged"):
        run("report", f"runs/{FIRST}")
    assert (place / "runs" / FIRST / "report.html").read_bytes() == page


def test_a_report_is_written_where_one_says_in_indonesian(place: Path) -> None:
    assert run("report", f"runs/{FIRST}", "--lang", "id", "-o", "page.html") == 0
    assert '<html lang="id">' in (place / "page.html").read_text(encoding="utf-8")
    assert not list(place.rglob(".alih*"))


def test_what_json_prints_can_be_rendered_later(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("report", "runs/last", "-o", "one.html")
    capsys.readouterr()
    run("report", "runs/last", "--json")
    (place / "kept.json").write_text(capsys.readouterr().out, encoding="utf-8")
    assert json.loads((place / "kept.json").read_text(encoding="utf-8"))["schema"] == 2
    run("report", "kept.json")
    assert (place / "kept.html").read_text(encoding="utf-8") == (place / "one.html").read_text(encoding="utf-8")


def test_the_page_is_opened_on_request(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda uri: bool(opened.append(uri)) or True)
    run("report", "runs/last", "-o", "page.html", "--open")
    assert opened == [(place / "page.html").resolve().as_uri()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "runs/nothing"], "no run folder"),
        (["report", "runs/last", "-o", "page.txt"], r"--output page.txt: .*ends in \.html"),
        (["report", "runs/last", "-o", "nowhere/page.html"], "there is no folder nowhere"),
        (["report", "runs/last", "--json", "--open"], "--open"),
        (["runs", "--runs", "nowhere"], "nowhere: no such folder"),
        (["runs", "compare", FIRST, "nothing"], "no run folder"),
        (["runs", "delete", "last", "--yes"], f"link.*It points to {SECOND}"),
        (["runs", "delete", "../runs2/x", "--yes"], "not inside runs"),
        (["runs", "delete", FIRST], "Add --yes"),
    ],
)
def test_a_mistake_is_named_and_nothing_is_touched(
    place: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    before = sorted(place.rglob("*"))
    with pytest.raises(AlihError, match=message):
        run(*arguments)
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize("arguments", [["runs"], ["runs", "list"], ["runs", "list", "--runs", "runs"]])
def test_runs_are_listed(place: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run(*arguments) == 0
    out = capsys.readouterr().out
    assert FIRST in out
    assert f"{SECOND} *" in out


@pytest.mark.parametrize("before", [True, False])
def test_the_runs_folder_may_be_named_before_or_after_the_action(
    place: Path, capsys: pytest.CaptureFixture[str], before: bool
) -> None:
    (place / "runs").rename(place / "elsewhere")
    flag, action = ["--runs", "elsewhere"], ["compare", FIRST, SECOND]
    assert run("runs", *flag, *action) == 0 if before else run("runs", *action, *flag) == 0
    assert "difference" in capsys.readouterr().out


def test_a_run_is_deleted_on_request(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("runs", "delete", FIRST, "--yes") == 0
    assert not (place / "runs" / FIRST).exists()
    assert "deleted" in capsys.readouterr().out


@pytest.mark.parametrize(("answer", "there"), [("y", False), ("yes", False), ("n", True), ("", True)])
def test_one_is_asked_before_a_run_is_deleted(
    place: Path, monkeypatch: pytest.MonkeyPatch, answer: str, there: bool
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("builtins.input", lambda prompt: answer)
    assert run("runs", "delete", FIRST) == 0
    assert (place / "runs" / FIRST).exists() == there
