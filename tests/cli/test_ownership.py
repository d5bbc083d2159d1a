"""What the program did not make stays as it is: in a folder full of other people's files, whatever command runs."""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from alih.cli.main import main
from alih.compare.report.removal import delete_run
from alih.compare.runfolder import RunFolder
from alih.errors import AlihError, RunError
from alih.rag.library import Library
from alih.training.cache import Cache
from compare.report.samples import run_folder
from rag.files import broken, folder

Content = dict[str, str]


def content(root: Path) -> Content:
    """Every file and link below a folder, by hash or by where it points to."""
    return {
        str(path.relative_to(root)): os.readlink(path)
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def untouched(before: Content, root: Path) -> bool:
    """Whether everything that was there is there, byte for byte; there may be more."""
    return before.items() <= content(root).items()


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty."""
    place = tmp_path / "here"
    place.mkdir()
    monkeypatch.chdir(place)
    monkeypatch.delenv("ALIH_HOME", raising=False)
    return place


@pytest.mark.parametrize("make", [folder, broken])
@pytest.mark.parametrize(
    ("docs", "options"),
    [("libraries/handbook", ("--library", "handbook")), ("docs", ("--library", "docs", "--root", "."))],
)
def test_documents_in_a_librarys_place_are_neither_deleted_nor_made_a_library(
    make: Callable[[Path], object],
    docs: str,
    options: tuple[str, ...],
    here: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (here / docs).parent.mkdir(exist_ok=True)
    make(here / docs)
    before = content(here)
    assert main(["rag", "index", docs, *options]) == 2
    assert content(here) == before
    assert "--library" in capsys.readouterr().err


def test_a_deleted_library_leaves_what_others_put_beside_it(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder(here / "docs")
    assert main(["rag", "index", "docs", "--library", "handbook"]) == 0
    place = here / "libraries" / "handbook"
    (place / "my notes.txt").write_text("precious")
    (place / "vectors.bak").mkdir()
    (place / "vectors.bak" / "a").write_text("precious")
    assert main(["rag", "delete", "--whole-library", "--library", "handbook"]) == 0
    assert set(content(place)) == {"my notes.txt", "vectors.bak/a"}
    assert f"stays in {Path('libraries/handbook')}" in capsys.readouterr().out


def test_a_deleted_library_leaves_no_folder_where_nothing_else_was_in_it(here: Path) -> None:
    folder(here / "docs")
    assert main(["rag", "index", "docs", "--library", "handbook"]) == 0
    assert main(["rag", "delete", "--whole-library", "--library", "handbook"]) == 0
    assert not (here / "libraries" / "handbook").exists()
    broken(here / "bad")
    assert main(["rag", "index", "bad", "--library", "handbook"]) == 2
    assert not (here / "libraries" / "handbook").exists(), "one that came to nothing leaves nothing"


def test_a_cache_in_a_folder_that_others_use_removes_only_its_own(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIH_CACHE", str(here))
    for name in ("tmp-work", "tmp-aa-12345678", "tmp-aa", "cc", ".alih-aa-0123", "0123456789abcdef"):
        (here / name).mkdir()
        (here / name / "data").write_text("precious")
    (here / "dd").mkdir()
    (here / "dd" / "manifest.json").write_text('{"name": "of another program"}')
    (here / "linked").mkdir()
    (here / ".alih-bb-4567").symlink_to("linked")
    before = content(here)
    cache = Cache(here, limit_bytes=10)
    for key in ("aa", "bb"):
        with cache.locked([key]):
            draft = cache.draft(key)
            draft.path("values.bin").write_bytes(b"content")
            draft.commit({})
    assert cache.open("cc") is None
    assert cache.open("dd") is None
    with pytest.raises(OSError, match="not made by Alih"):
        cache.draft("cc")
    assert main(["cache", "clear"]) == 0
    assert untouched(before, here)


@pytest.mark.parametrize(
    "name",
    [".report.html.part", "report.part", "spec.part", "report.html", "report.json", "spec.json"],
)
def test_links_in_a_run_folder_are_replaced_and_not_followed(name: str, here: Path) -> None:
    run = run_folder(here / "runs", "20261123-070000-reviews")
    spec, report = run.spec, run.report
    victim = here / "precious"
    victim.write_text("precious")
    (run.path / name).unlink(missing_ok=True)
    (run.path / name).symlink_to(victim)
    run.write_spec(spec)
    run.write_report(report)
    assert main(["report", str(run.path)]) == 0
    assert victim.read_text() == "precious"
    assert run.spec == spec


def test_trials_are_not_appended_through_a_link(here: Path) -> None:
    run = run_folder(here / "runs", "20261123-070000-reviews")
    trial, victim = run.trials()[0], here / "precious"
    victim.write_text("precious, and no line break at its end")
    (run.path / "trials.jsonl").unlink()
    (run.path / "trials.jsonl").symlink_to(victim)
    with pytest.raises(RunError, match="link"):
        run.append(trial)
    assert victim.read_text() == "precious, and no line break at its end"


@pytest.mark.parametrize("name", [".holder.json", ".lock", ".library.json.part", "lexical.npz", ".lexical.part.npz"])
def test_links_in_a_library_are_not_followed(name: str, here: Path, tiny_bert: Path) -> None:
    folder(here / "docs")
    library = Library("handbook", here, model=str(tiny_bert))
    library.add(here / "docs")
    victim = here / "precious"
    victim.write_text("precious")
    (library.folder / name).unlink(missing_ok=True)
    (library.folder / name).symlink_to(victim)
    again = Library("handbook", here)
    try:
        again.configure(threshold=0.5)
        again.add(here / "docs")
        again.search("Cuti")
    except AlihError:
        assert name == ".lock", "whoever cannot lock does not write"
    assert victim.read_text() == "precious"


def test_a_folder_of_somebody_else_with_a_spec_json_is_no_run_to_delete(here: Path) -> None:
    project = here / "runs" / "project"
    project.mkdir(parents=True)
    (project / "spec.json").write_text('{"openapi": "3.1"}')
    before = content(here)
    with pytest.raises(RunError, match="not deleted"):
        delete_run(here / "runs", "project")
    assert content(here) == before


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.write_text("my last will")])
def test_what_is_called_last_and_is_no_pointer_stays(make: Callable[[Path], object], here: Path) -> None:
    make(here / "last")
    before = content(here)
    with pytest.raises(RunError, match="last"):
        RunFolder.create(here, "reviews")
    assert content(here) == before
    assert (here / "last").exists()


def test_in_a_folder_full_of_other_peoples_files_no_command_changes_one(
    here: Path, reviews_csv: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(here / "docs")
    for name in (
        *("spec.json", "report.json", "report.html", "report.part", "trials.jsonl", "fingerprints.json", "alih.json"),
        *("library.json", "catalogue.sqlite", "lexical.npz", "manifest.json", ".holder.json", "last.txt", "README.md"),
        *("model/config.json", "model/model.safetensors", "weights/a.safetensors", "adapter/a", "routes/a", "onnx/a"),
        *("vectors/a", "predictions/a", "tmp-a/a", "tmp-00ff-1/a", ".tune-1/a", ".onnx/a", ".partial/a", "aa/a"),
        *(".alih-1/a", "runs.txt", "libraries/a/a", "locks/mine", "search.pt", "training.pt", "training.new"),
    ):
        (here / name).parent.mkdir(parents=True, exist_ok=True)
        (here / name).write_text(f"precious {name}")
    monkeypatch.setenv("ALIH_CACHE", str(here))
    before = content(here)
    model, data = ["--model", str(tiny_bert)], str(reviews_csv)
    quick = ["--runs", ".", "--seeds", "1"]
    library = ["--library", "handbook", "--root", "."]
    assert main(["compare", data, *model, *quick, "--routes", "transfer"]) == 0
    assert main(["predict", "last", "good", "-o", "said.csv"]) == 0
    assert main(["evaluate", "last", data]) == 0
    assert main(["report", "last"]) == 0
    assert main(["report", "last", "-o", "page.html"]) == 0
    assert main(["runs", "list", "--runs", "."]) == 0
    assert main(["resume", "last"]) == 2
    assert main(["explain", str(tiny_bert), "good", "-o", "explained.html"]) == 0
    assert main(["rag", "index", "docs", *library, *model]) == 0
    assert main(["ask", "Berapa hari cuti tahunan?", *library]) == 0
    assert main(["rag", "delete", "docs/handbook.md", *library]) == 0
    assert main(["rag", "sync", *library]) == 0
    assert main(["rag", "delete", "--whole-library", *library]) == 0
    for name in ("docs", "model", "libraries"):
        assert main(["rag", "index", "docs", "--library", name, "--root", ".", *model]) == 2
    [run] = here.glob("2*")
    assert main(["runs", "delete", run.name, "--runs", ".", "--yes"]) == 0
    assert main(["cache", "clear"]) == 0
    assert untouched(before, here)
    assert set(os.listdir(here)) - {name.partition("/")[0] for name in before} == {
        "said.csv",
        "page.html",
        "explained.html",
    }


@pytest.mark.parametrize(
    ("fault", "remedy"),
    [("read-only", "read and written"), ("locked", "wait"), ("full", "Make room"), ("torn", "alih rag sync")],
)
def test_no_message_advises_to_delete_a_library(
    fault: str, remedy: str, here: Path, tiny_bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(here / "docs")
    library = Library("handbook", here, model=str(tiny_bert))
    library.add(here / "docs")
    library.close()
    catalogue = library.folder / "catalogue.sqlite"
    if fault == "torn":
        catalogue.write_bytes(b"no database at all " * 300)
    else:
        code, said = {
            "read-only": (sqlite3.SQLITE_READONLY, "attempt to write a readonly database"),
            "locked": (sqlite3.SQLITE_BUSY, "database is locked"),
            "full": (sqlite3.SQLITE_FULL, "database or disk is full"),
        }[fault]

        def connect(*_arguments: object, **_options: object) -> sqlite3.Connection:
            error = sqlite3.OperationalError(said)
            error.sqlite_errorcode = code
            raise error

        monkeypatch.setattr(sqlite3, "connect", connect)
    with pytest.raises(RunError, match=remedy) as caught:
        Library("handbook", here).search("Cuti")
    assert "elete" not in str(caught.value)
    if fault != "torn":  # what cannot be opened may be whole: it is not made anew
        kept = catalogue.read_bytes()
        with pytest.raises(RunError, match=remedy):
            Library("handbook", here).sync()
        assert catalogue.read_bytes() == kept


@pytest.mark.parametrize("text", ["{", "[]", json.dumps({"schema": 1})])
def test_damaged_settings_of_a_library_do_not_cost_the_library(text: str, here: Path) -> None:
    (here / "handbook").mkdir()
    (here / "handbook" / "library.json").write_text(text)
    with pytest.raises(RunError, match="new library") as caught:
        _ = Library("handbook", here).settings
    assert "elete" not in str(caught.value)
