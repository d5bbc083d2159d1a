"""Only a run folder inside the runs folder is ever deleted, never what a link points to."""

from __future__ import annotations

from pathlib import Path

import pytest

from alih.compare.report.removal import check_removal, delete_run
from alih.errors import RunError
from compare.report.samples import run_folder

FIRST, SECOND = "20261123-070000-reviews", "20261124-070000-reviews"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    run_folder(tmp_path / "runs", FIRST)
    run_folder(tmp_path / "runs", SECOND).become_last()
    run_folder(tmp_path / "outside", FIRST)
    return tmp_path / "runs"


def everything(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root.parent)) for path in root.parent.rglob("*") if path.name != ".lock")


@pytest.mark.parametrize("by_path", [False, True])
def test_a_run_is_deleted_and_nothing_else(root: Path, by_path: bool) -> None:
    before = everything(root)
    delete_run(root, str(root / FIRST) if by_path else FIRST)
    gone = f"runs/{FIRST}"
    assert everything(root) == [path for path in before if not path.startswith(gone)]


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../outside",
        f"../outside/{FIRST}",
        "/",
        "nothing",
        "last",
        f"{FIRST}/..",
        f"{FIRST}/model",
        "link",
    ],
)
def test_what_is_no_run_of_the_folder_is_refused(root: Path, name: str) -> None:
    (root / "link").symlink_to(root.parent / "outside" / FIRST)
    before = everything(root)
    with pytest.raises(RunError):
        delete_run(root, name)
    assert everything(root) == before


def test_a_folder_that_is_no_run_is_refused(root: Path) -> None:
    (root / "notes").mkdir()
    with pytest.raises(RunError, match="no run folder"):
        check_removal(root, "notes")


def test_links_inside_a_run_are_removed_not_followed(root: Path) -> None:
    (root / FIRST / "model").symlink_to(root.parent / "outside")
    delete_run(root, FIRST)
    assert (root.parent / "outside" / FIRST / "spec.json").is_file()


def test_last_moves_to_the_newest_run_that_is_left(root: Path) -> None:
    delete_run(root, SECOND)
    assert (root / "last").resolve() == (root / FIRST).resolve()
    delete_run(root, FIRST)
    assert not (root / "last").is_symlink()


def test_last_stays_where_another_run_is_deleted(root: Path) -> None:
    delete_run(root, FIRST)
    assert (root / "last").resolve() == (root / SECOND).resolve()


def test_a_run_that_is_being_written_is_not_deleted(root: Path) -> None:
    from alih.compare.runfolder import RunFolder

    with RunFolder(root / FIRST), pytest.raises(RunError, match="another process is writing"):
        delete_run(root, FIRST)
    assert (root / FIRST / "spec.json").is_file()
