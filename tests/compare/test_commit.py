"""A run is complete once its record is written, and that comes last: a power cut or a kill anywhere loses nothing."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from alih import files
from alih.compare.compare import adapt, resume
from alih.compare.comparison import Comparison
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.errors import RunError
from alih.progress import Progress
from alih.tasks.classification.adapted import AdaptedClassifier

QUIET = Progress(quiet=True)


class Killed(BaseException):
    """What nothing catches, as kill -9 is caught by nothing."""


class Disk:
    """Knows what would be there after a power cut: of files and folders, what was flushed since they last changed.

    Args:
        patch: replaces the calls that flush, rename and remove.
        before: called before every renaming, with where from and where to.
    """

    def __init__(self, patch: pytest.MonkeyPatch, before: Callable[[Path, Path], None]) -> None:
        self._flushed: dict[int, tuple[int, int]] = {}
        fsync = os.fsync

        def flushing(descriptor: int) -> None:
            fsync(descriptor)
            state = os.fstat(descriptor)
            self._flushed[state.st_ino] = (state.st_size, state.st_mtime_ns)

        patch.setattr(os, "fsync", flushing)
        for name in ("replace", "rename"):
            patch.setattr(os, name, partial(_after, before, getattr(os, name)))

    def has(self, path: Path) -> bool:
        """Whether a file's content, or a folder's entries, would be there."""
        state = path.stat()
        return self._flushed.get(state.st_ino) == (state.st_size, state.st_mtime_ns)

    def lost(self, root: Path, *besides: str) -> list[str]:
        """What below a folder would be lost, but for some of its entries."""
        return [
            str(path.relative_to(root))
            for path in [root, *root.rglob("*")]
            if not path.is_symlink()
            and path.relative_to(root).parts[:1] not in {(name,) for name in (".lock", *besides)}
            and not self.has(path)
        ]


def _after(before: Callable[[Path, Path], None], real: Callable[..., None], source: Any, target: Any) -> None:
    before(Path(source), Path(target))
    real(source, target)


def run(data: Path, model: Path, runs: Path, route: str = "finetune") -> Comparison:
    """Adapt in one way: a run whose every step after the trials is that of a comparison."""
    epochs = {} if route == "transfer" else {"epochs": 1}
    return adapt(data, route, Options.from_mapping({"model": str(model), "runs": str(runs), **epochs}), QUIET)


@pytest.mark.parametrize("route", ["transfer", "lora"])
def test_nothing_that_was_not_flushed_is_vouched_for_or_relied_on(
    route: str, reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def check(source: Path, target: Path) -> None:
        if target.name == "report.json":
            seen.append("record")
            assert disk.lost(target.parent, source.name) == ["."], "only the entry of the record itself is new"
            assert disk.has(source), "the record's own bytes come before its name"
        elif source.name == "weights":
            seen.append("removal")
            assert disk.lost(source.parent, "weights") == [], "the record is there before what goes on is removed"
        elif target.parent.name == "weights":
            assert disk.has(source)

    disk = Disk(monkeypatch, check)
    found = run(reviews_csv, tiny_bert, tmp_path, route)
    assert seen == ["record", "removal"]
    assert {"model", "fingerprints.json"} <= {path.name for path in found.folder.path.iterdir()}
    assert (found.folder.path / "adapter").is_dir() == (route == "lora")


@pytest.mark.slow
def test_after_a_power_cut_at_the_hand_over_the_run_is_completed(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At every renaming, what is not flushed is emptied in a copy of the folder: the copy is gone on with."""
    copies: list[Path] = []

    def cut(source: Path, target: Path) -> None:
        if (root := tmp_path / "runs") not in target.parents or not (target.parent / "weights").is_dir():
            return
        [run] = root.glob("2*")
        copy = tmp_path / "copies" / f"{len(copies)}" / run.name
        shutil.copytree(run, copy, symlinks=True)
        for path in run.rglob("*"):
            if path.is_file() and not disk.has(path):
                (copy / path.relative_to(run)).write_bytes(b"")
        copies.append(copy)

    with monkeypatch.context() as patch:
        disk = Disk(patch, cut)
        whole = run(reviews_csv, tiny_bert, tmp_path / "runs")
    assert len(copies) >= 5
    weights = (whole.folder.model / "model.safetensors").read_bytes()
    for copy in copies:
        found = resume(copy, progress=QUIET)
        assert_complete(found)
        assert (found.folder.model / "model.safetensors").read_bytes() == weights


@pytest.mark.parametrize(
    ("where", "step"),
    [(RunFolder, "write_page"), (RunFolder, "finish"), (RunFolder, "become_last"), (files, "remove")],
)
def test_killed_after_the_record_a_run_is_completed_by_resume(
    where: Any, step: str, reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = RunFolder.create(tmp_path, "older")
    older.become_last()
    real = getattr(where, step)

    def kill(*arguments: Any, **more: Any) -> Any:
        if where is files and Path(arguments[0]).name != "weights":
            return real(*arguments, **more)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(where, step, kill)
        with pytest.raises(Killed):
            run(reviews_csv, tiny_bert, tmp_path)
    [path] = [path for path in tmp_path.glob("2*") if path.name != older.path.name]
    folder = RunFolder.open(path)
    assert folder.is_finished
    assert not folder.is_complete
    trials = (path / "trials.jsonl").read_bytes()
    assert_complete(resume(path, progress=QUIET))
    assert (path / "trials.jsonl").read_bytes() == trials, "nothing is trained again"
    with pytest.raises(RunError, match="complete"):
        resume(path, progress=QUIET)


def assert_complete(found: Comparison) -> None:
    path = found.folder.path
    assert RunFolder.open(path).is_complete
    assert (path / "report.html").stat().st_size > 0
    assert RunFolder.open(path.parent / "last").path.resolve() == path.resolve()
    assert not found.folder.weights.exists()
    assert found.handed_over is not None
    assert found.handed_over.agrees
    AdaptedClassifier.open(path)
