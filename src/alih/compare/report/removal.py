"""Deleting a run: only a run folder, only inside the runs folder, never through a link."""

from __future__ import annotations

import shutil
from pathlib import Path

from alih import files
from alih.compare.runfolder import RunFolder
from alih.errors import RunError
from alih.pretrained.runs import LAST


def check_removal(root: Path, name: str) -> Path:
    """The folder that `delete_run` would delete.

    Args:
        root: the runs folder.
        name: of a run in it, or its path.

    Raises:
        RunError: it is no run folder directly inside `root`, or it is a link.
    """
    given = Path(name)
    parent = given.parent if given.parent != Path() else root
    folder = root / given.name
    if given.name in {"", ".."} or parent.resolve() != root.resolve():
        raise RunError(f"{name}: not inside {root}. Name a run there; alih runs lists them.")
    if folder.is_symlink():
        points_to = f" It points to {folder.readlink().name}." if given.name == LAST else ""
        raise RunError(f"{folder}: is a link, and links are not followed.{points_to} Name the run itself.")
    if not folder.is_dir() or not (folder / "spec.json").is_file():
        raise RunError(f"{folder}: no run folder. alih runs lists those there are.")
    try:
        _ = RunFolder(folder).spec
    except RunError as error:
        raise RunError(f"{error} That Alih made this folder cannot be told, so it is not deleted.") from error
    return folder


def delete_run(root: Path, name: str) -> Path:
    """Delete a run, and let `last` point to the newest one that is left with a report.

    Returns:
        The folder that was deleted.

    Raises:
        RunError: as for `check_removal`; another process is writing the run; a file in it cannot be deleted.
    """
    folder = check_removal(root, name)
    with RunFolder(folder):
        pass  # nobody is writing it
    try:
        shutil.rmtree(folder)  # one that cannot be removed whole is said
    except OSError as error:
        raise RunError(f"{error.filename or folder}: cannot be deleted ({error.strerror}).") from error
    _repoint(root, folder.name)
    return folder


def _repoint(root: Path, gone: str) -> None:
    """`last` must not point to what is gone."""
    last = root / LAST
    if last.is_symlink():
        points_to = last.readlink().name
    elif last.is_file():
        points_to = last.read_text(encoding="utf-8", errors="replace").strip()
    else:
        return
    if points_to != gone:
        return
    left = sorted(one for one in root.iterdir() if not one.is_symlink() and (one / "report.json").is_file())
    if left:
        RunFolder(left[-1]).become_last()
    else:
        files.remove(last)
