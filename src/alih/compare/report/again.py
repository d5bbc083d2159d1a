"""The command that runs a run again, from its specification."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from alih.compare.options import command_line


def command_again(spec: Mapping[str, Any]) -> str:
    """The command with every option that is not left at its default, quoted for a POSIX shell.

    Args:
        spec: from `spec.json`.
    """
    if "command_line" in spec:  # written before all tasks had the same options
        return str(spec["command_line"])
    command = "adapt" if spec.get("command") == "adapt" else "compare"
    routes = tuple(spec.get("routes") or ())
    return command_line(command, str(spec["data"]["source"]), spec.get("options") or {}, routes)
