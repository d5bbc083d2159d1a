"""Opens adapted models, by the task that their folder names."""

from __future__ import annotations

from pathlib import Path

from alih.errors import RunError
from alih.pretrained.runs import model_of
from alih.progress import Progress
from alih.tasks.adapted import Adapted, read_sidecar
from alih.tasks.registry import TASKS, task_class


def open_adapted(path: str | Path, progress: Progress | None = None) -> Adapted:
    """Open a run folder ("runs/last") or the folder of an adapted model.

    Raises:
        RunError: there is no adapted model in it, or one of a task that this version does not know.
    """
    folder = Path(path).expanduser()
    folder = folder if (folder / "config.json").is_file() else model_of(path)
    facts = read_sidecar(folder) or {"task": {"name": "classification"}}
    name = facts["task"]["name"]
    if name not in TASKS:
        raise RunError(f"{folder}: is for the task {name!r}, which this version of Alih does not know. Update Alih.")
    return task_class(name).adapted(folder, progress)
