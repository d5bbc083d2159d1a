"""The tasks by name. Adding one is one new folder and one line here.

No task is imported before it is asked for, so that the command line can list them at once.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from alih.tasks.base import Task

#: Name → "module:class".
TASKS = {
    "classification": "alih.tasks.classification.task:Classification",
}


def task_class(name: str) -> type[Task]:
    """Return the task of that name.

    Raises:
        KeyError: there is none; options are checked against `TASKS` before.
    """
    module, _, attribute = TASKS[name].partition(":")
    return cast("type[Task]", getattr(importlib.import_module(module), attribute))
