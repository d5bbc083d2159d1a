"""The tasks by name. Adding one is one new folder and one line here.

No task is imported before it is asked for, so that the command line can list them at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, cast

if TYPE_CHECKING:
    from alih.tasks.base import Task

from alih.task import CLASSIFICATION, GENERATION, RETRIEVAL, TAGGING, TRANSLATION

#: Name → "module:class", in the order in which they are asked whether data are theirs; classification takes the rest.
TASKS = {
    TRANSLATION: "alih.tasks.translation.task:Translation",
    RETRIEVAL: "alih.tasks.retrieval.task:Retrieval",
    GENERATION: "alih.tasks.generation.task:Generation",
    TAGGING: "alih.tasks.tagging.task:Tagging",
    CLASSIFICATION: "alih.tasks.classification.task:Classification",
}


def task_class(name: str) -> type[Task]:
    """Return the task of that name.

    Raises:
        KeyError: there is none; options are checked against `TASKS` before.
    """
    module, _, attribute = TASKS[name].partition(":")
    return cast("type[Task]", getattr(importlib.import_module(module), attribute))


def recognised(data: Any) -> tuple[str, str]:
    """The task that data are for where the user names none, and why; classification without a reason for the rest."""
    for name in TASKS:
        if name != CLASSIFICATION and (reason := task_class(name).recognises(data)) is not None:
            return name, reason
    return CLASSIFICATION, ""
