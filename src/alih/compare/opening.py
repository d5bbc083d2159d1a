"""Opens adapted models, by the task that their folder names."""

from __future__ import annotations

from pathlib import Path

from alih.errors import RunError
from alih.pretrained.open import task_named
from alih.pretrained.runs import is_run, model_of
from alih.progress import Progress
from alih.task import CLASSIFICATION
from alih.tasks.adapted import Adapted, read_sidecar
from alih.tasks.registry import TASKS, task_class


def open_adapted(path: str | Path, progress: Progress | None = None) -> Adapted:
    """Open a run folder ("runs/last"), the folder of an adapted model, or a model whose kind tells what it is for.

    Raises:
        RunError: there is no adapted model in it, or one of a task that this version does not know.
    """
    folder = Path(path).expanduser()
    name: str = task_named(path)
    if name in TASKS and name != CLASSIFICATION and not is_run(path) and read_sidecar(folder) is None:
        return task_class(name).adapted(folder, progress)
    folder = folder if (folder / "config.json").is_file() else model_of(path)
    facts = read_sidecar(folder)
    name = CLASSIFICATION if facts is None else facts["task"]["name"]
    if name not in TASKS:
        raise RunError(f"{folder}: is for the task {name!r}, which this version of Alih does not know. Update Alih.")
    return task_class(name).adapted(folder, progress)
