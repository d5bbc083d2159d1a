"""Where a run folder keeps its adapted model: all that opening a model needs to know of runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alih.errors import RunError

#: Beside the runs: a link, or a text file, that names the newest one.
LAST = "last"


def is_run(path: str | Path) -> bool:
    """Whether a path names a run folder, or is the pointer to the newest one."""
    folder = Path(path).expanduser()
    return (folder / "spec.json").is_file() or (folder.name == LAST and folder.is_file())


def run_folder(path: str | Path) -> Path:
    """The run folder that a path names; "runs/last" is the newest one.

    Raises:
        RunError: there is none.
    """
    folder = Path(path).expanduser()
    if folder.name == LAST and folder.is_file():
        folder = folder.parent / folder.read_text(encoding="utf-8", errors="replace").strip()
    if not (folder / "spec.json").is_file():
        raise RunError(f"{path}: {_what_instead(folder)}")
    return folder


def model_of(path: str | Path) -> Path:
    """The folder of the adapted model in a run folder.

    Raises:
        RunError: there is no such run, or it holds no model.
    """
    run = run_folder(path)
    model = run / "model"
    if (model / "config.json").is_file():
        return model
    if read_json(run / "report.json").get("interrupted") is False:
        raise RunError(f"{path}: the adapted model of this run is gone. Make it again with: alih resume {run}")
    raise RunError(f"{path}: this run holds no adapted model (it was stopped early). Go on with: alih resume {run}")


def read_json(file: Path) -> dict[str, Any]:
    """The object in a JSON file; empty where there is none that can be read."""
    try:
        contents = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return contents if isinstance(contents, dict) else {}


def _what_instead(folder: Path) -> str:
    """Why a folder is no run, and what to give in its place."""
    around = next((parent for parent in folder.absolute().parents if (parent / "spec.json").is_file()), None)
    if around is not None and not folder.exists():
        return f"there is no such folder in the run {around}. Give the run's own folder."
    if around is not None:
        return f"no run folder. It is a part of the run {around}: give that folder."
    near = sorted(entry.name for entry in folder.parent.glob("*") if (entry / "spec.json").is_file())
    instead = f"Runs there: {', '.join(near[-5:])}." if near else "Make one with: alih compare DATA"
    return f"no run folder. {instead}"
