"""A run folder: everything one command produced, written so that a crash loses nothing that was acknowledged.

runs/20261123-070000-reviews/
    spec.json       what was run, on what, with which versions
    trials.jsonl    one trial a line, flushed to the disk one by one
    predictions/    statistics and predictions of the trials on what judges them (safetensors)
    weights/        trained weights until the decision falls
    report.json     table, decision, hand-over
    report.html     the same as a page
    model/          the adapted model: a plain Hugging Face folder

`report.json` is the record that the run is complete. It is written after everything that it vouches for was forced to
the disk; what is needed to go on (weights, states of training) is removed last of all. A run that still has both was
stopped in between: `alih resume` repeats the hand-over.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import stat
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from filelock import FileLock, Timeout
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from alih import files
from alih.compare.trial import DELETE_LINE, Trial, finite, from_json, to_json
from alih.errors import RunError
from alih.pretrained.runs import LAST, run_folder

#: What a trial's file of predictions holds, by the beginning of the array's name: the table of statistics of a metric,
#: by which it was judged, and what its weights say of the same examples (see `alih.tasks.base.Predictions`).
STATISTICS, PREDICTIONS = "statistics/", "predictions/"
#: What is kept to go on with: weights of the contenders, routes of text generation, the state of a training.
_TO_GO_ON = ("weights", "routes", "training.pt")
_KEPT = "Every trial is kept:"
_NAME = re.compile(r"\d{8}-\d{6}-[\w.-]+")
#: What to do about a damaged specification: nothing else says what was run.
COPY_BACK = (
    "The trials in trials.jsonl are untouched: put a copy of spec.json back to go on, or start anew with alih compare."
)


class RunFolder:
    """One run folder; as a context manager it is locked against a second writer.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = FileLock(path / ".lock")

    @classmethod
    def create(cls, root: str | Path, name: str) -> RunFolder:
        """Make a new folder named after the time and `name`.

        Raises:
            RunError: it cannot be made there, or `last` there is something else than a pointer to a run.
        """
        root = Path(root)
        if not _is_pointer(root / LAST):
            raise RunError(
                f"--runs {root}: {LAST} there is no pointer to a run, and is not written over. Name another folder."
            )
        clean = re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "run"
        stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
        try:
            root.mkdir(parents=True, exist_ok=True)
            for number in range(1000):
                path = root / f"{stamp}-{clean}{f'-{number}' if number else ''}"
                try:
                    path.mkdir()
                except FileExistsError:
                    continue
                return cls(path)
        except OSError as error:
            raise RunError(f"--runs {root}: cannot make a run folder there ({error.strerror}).") from error
        raise RunError(f"--runs {root}: a thousand runs were started in this second.")

    @classmethod
    def open(cls, path: str | Path) -> RunFolder:
        """Open an existing run folder; "runs/last" is the newest one.

        Raises:
            RunError: there is none.
        """
        return cls(run_folder(path))

    def __enter__(self) -> RunFolder:
        try:
            self._lock.acquire(timeout=0)
        except Timeout as error:
            raise RunError(f"{self.path}: another process is writing this run. Wait for it, or stop it.") from error
        except OSError as error:
            raise RunError(f"{self.path}: cannot be written to ({error.strerror}).") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()

    @property
    def model(self) -> Path:
        """Folder of the adapted model."""
        return self.path / "model"

    @property
    def weights(self) -> Path:
        """Folder of weights that are kept until the decision falls."""
        return self.path / "weights"

    def weights_of(self, trial: Trial) -> Path:
        """Where the weights of a trial on all examples are kept until the decision falls."""
        return self.weights / f"{trial.id}.safetensors"

    def become_last(self) -> None:
        """Let `last`, beside this folder, point to it: once it holds what the user came for."""
        path = self.path.resolve()  # opened as runs/last, it would point to itself
        if _is_pointer(path.parent / LAST):
            _point(path.parent, path)

    def write_spec(self, told: dict[str, Any]) -> None:
        """Write `spec.json`."""
        _write(self.path / "spec.json", told, "Make room, or give another folder with --runs.")

    @property
    def spec(self) -> dict[str, Any]:
        """What was run, as `write_spec` wrote it.

        Raises:
            RunError: it is damaged.
        """
        path = self.path / "spec.json"
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: damaged ({error}). {COPY_BACK}") from error
        if not isinstance(told, dict) or not told.get("versions"):
            raise RunError(f"{path}: damaged (no specification in it). {COPY_BACK}")
        for part in ("versions", "data", "options"):
            if not isinstance(told.get(part), dict):
                raise RunError(f"{path}: damaged (no {part} in it). {COPY_BACK}")
        return told

    @property
    def is_finished(self) -> bool:
        """Whether the report of a run that was not interrupted is there."""
        try:
            return not self.report["interrupted"]
        except (RunError, KeyError):
            return False

    @property
    def is_complete(self) -> bool:
        """Whether it is finished, holds its model, and every step after the record was done."""
        left = any((self.path / name).exists() for name in _TO_GO_ON)
        return self.is_finished and not left and (self.model / "config.json").is_file()

    def write_report(self, told: dict[str, Any]) -> None:
        """Flush everything in the folder, then write `report.json`: whole, or not at all.

        Raises:
            RunError: the disk is full, or cannot be written to; what is needed to go on is kept.
        """
        path = self.path / "report.json"
        remedy = f"{_KEPT} make room, then go on with: alih resume {self.path}"
        try:
            files.flush_tree(self.path)
        except OSError as error:
            raise RunError(f"{path}: cannot be written ({error.strerror}). {remedy}") from error
        _write(path, told, remedy)

    def write_page(self, page: str) -> None:
        """Write `report.html`: whole, or not at all."""
        remedy = f"{_KEPT} make room, then write it with: alih report {self.path}"
        _write_text(self.path / "report.html", page, remedy)

    def finish(self, *, interrupted: bool) -> None:
        """Point `last` here, then remove what was kept to go on with; where the run was interrupted, keep it."""
        self.become_last()
        if not interrupted:
            for name in _TO_GO_ON:
                files.remove(self.path / name)

    @property
    def report(self) -> dict[str, Any]:
        """The report.

        Raises:
            RunError: there is none, or it is damaged.
        """
        path = self.path / "report.json"
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise RunError(
                f"{self.path}: this run was stopped before its report was written. Go on with: alih resume {self.path}"
            ) from error
        except ValueError as error:
            raise RunError(f"{path}: damaged ({error}). {self.rebuild}") from error
        if not isinstance(told, dict):
            raise RunError(f"{path}: damaged (no report in it). {self.rebuild}")
        return told

    @property
    def rebuild(self) -> str:
        """What to do about a damaged report, in words."""
        return f"The trials in trials.jsonl are untouched: delete report.json, and alih resume {self.path} makes it."

    def append(self, trial: Trial, arrays: Mapping[str, NDArray[Any]] | None = None) -> None:
        """Write a trial down; when this returns, it is on the disk.

        Args:
            trial: the trial.
            arrays: its statistics and predictions; written first, so that an acknowledged trial has them.

        Raises:
            RunError: the disk is full, or cannot be written to; earlier trials are untouched.
        """
        try:
            if arrays:
                self._write_predictions(trial, arrays)
            path = self.path / "trials.jsonl"
            fresh = not path.exists()
            with files.open_to_append(path) as file:
                _drop_cut_line(file)
                file.write(to_json(trial).encode() + b"\n")
            files.flush(path)
            if fresh:
                files.flush(self.path)
        except (OSError, SafetensorError) as error:
            raise RunError(
                f"{self.path}: this trial could not be written ({error}). Earlier ones are kept: make room, then go on "
                f"with: alih resume {self.path}"
            ) from error

    def trials(self) -> list[Trial]:
        """Every acknowledged trial, in order; a last line cut off by a crash is left out.

        Raises:
            RunError: another line is damaged; the message names it.
        """
        path = self.path / "trials.jsonl"
        if not path.is_file():
            return []
        *lines, last = path.read_bytes().split(b"\n")
        found = []
        for number, line in enumerate([*lines, *([last] if _is_json(last) else [])], start=1):
            if not line.strip():
                continue
            try:
                found.append(from_json(line.decode()))
            except RunError as error:
                raise RunError(f"{path}, line {number}: {error}") from error
            except ValueError as error:
                raise RunError(f"{path}, line {number}: damaged ({error}). {DELETE_LINE}") from error
        return found

    def statistics(self, trial: Trial, metric: str) -> NDArray[Any]:
        """The table (n, k) of a metric, by which a curve or full trial was judged.

        Raises:
            RunError: it is missing or damaged.
        """
        return self._arrays(trial, f"{STATISTICS}{metric}")[f"{STATISTICS}{metric}"]

    def predictions(self, trial: Trial) -> dict[str, NDArray[Any]]:
        """What the weights of a curve or full trial say of the examples that judge.

        Raises:
            RunError: it is missing or damaged.
        """
        arrays = self._arrays(trial, PREDICTIONS)
        return {name.removeprefix(PREDICTIONS): array for name, array in arrays.items() if name.startswith(PREDICTIONS)}

    def _arrays(self, trial: Trial, needed: str) -> dict[str, NDArray[Any]]:
        path = self._predictions(trial)
        try:
            arrays: dict[str, NDArray[Any]] = load_file(path)
            if not any(name.startswith(needed) for name in arrays):
                raise KeyError(needed)
        except (FileNotFoundError, SafetensorError, KeyError) as error:
            raise RunError(
                f"{path}: missing or damaged ({error}). Delete {self._line_of(trial)}: alih resume {self.path} then "
                "runs this trial again, and keeps every other one."
            ) from error
        except OSError as error:  # it may be whole
            raise RunError(f"{path}: cannot be read ({error}).") from error
        return arrays

    def has_predictions(self, trial: Trial) -> bool:
        """Whether statistics and predictions of a curve or full trial can be read."""
        try:
            return bool(self._arrays(trial, STATISTICS) and self._arrays(trial, PREDICTIONS))
        except RunError:
            return False

    def _line_of(self, trial: Trial) -> str:
        """Where a trial stands in `trials.jsonl`, in words: more than once where it was run again."""
        path = self.path / "trials.jsonl"
        lines = path.read_bytes().split(b"\n") if path.is_file() else []
        found = [str(number) for number, line in enumerate(lines, start=1) if trial.id.encode() in line]
        return f"line {' and '.join(found)} of {path}" if found else f"the line with {trial.id} from {path}"

    def _predictions(self, trial: Trial) -> Path:
        return self.path / "predictions" / f"{trial.id}.safetensors"

    def _write_predictions(self, trial: Trial, arrays: Mapping[str, NDArray[Any]]) -> None:
        path = self._predictions(trial)
        if not path.parent.is_dir():
            path.parent.mkdir(exist_ok=True)
            files.flush(self.path)
        with files.replacing(path) as part:
            save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, part)


def newest_unfinished(root: str | Path) -> Path:
    """The newest run below `root` that can be gone on with.

    Raises:
        RunError: there is none.
    """
    runs = sorted((path.parent for path in Path(root).glob("*/spec.json")), key=lambda path: path.name, reverse=True)
    for path in runs:
        if path.name != LAST and not RunFolder(path).is_complete:
            return path
    raise RunError(f"{root}: no run there was stopped before its end. Start one with: alih compare DATA")


def _point(root: Path, path: Path) -> None:
    """Let `last` point to the newest run: a link, or a text file where links cannot be made."""
    fresh = root / f"{files.PARTIAL}{LAST}-{secrets.token_hex(8)}"
    try:
        fresh.symlink_to(path.name)
    except OSError:
        files.write_text(root / LAST, path.name)
    else:
        fresh.replace(root / LAST)
        files.flush(root)


def _is_pointer(last: Path) -> bool:
    """Whether `last` is one that `_point` made, or nothing is there."""
    try:
        if stat.S_ISLNK(last.lstat().st_mode):
            return len(last.readlink().parts) == 1
        return _NAME.fullmatch(last.read_text(encoding="utf-8").strip()) is not None
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        return False


def _write(path: Path, told: dict[str, Any], remedy: str) -> None:
    _write_text(path, json.dumps(finite(told), indent=1, ensure_ascii=False, allow_nan=False) + "\n", remedy)


def _write_text(path: Path, text: str, remedy: str) -> None:
    try:
        files.write_text(path, text, errors="backslashreplace")
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}). {remedy}") from error


def _drop_cut_line(file: BinaryIO) -> None:
    """Cut off what a crash left after the last line break: it was never acknowledged, and no line may follow it."""
    if not file.seek(0, os.SEEK_END) or _last_byte(file) == b"\n":
        return
    file.seek(0)
    tail = file.read().rpartition(b"\n")[2]
    if _is_json(tail):
        file.write(b"\n")
    else:
        file.truncate(file.seek(-len(tail), os.SEEK_END))


def _last_byte(file: BinaryIO) -> bytes:
    file.seek(-1, os.SEEK_END)
    return file.read(1)


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
