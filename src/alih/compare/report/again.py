"""The command that runs a run again, from its specification."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from alih.compare.options import ALL_BLOCKS, Options
from alih.routes.registry import ADAPTERS

#: What `alih adapt` does not ask for: it runs one route, once.
_COMPARE_ONLY = frozenset({"routes", "seeds", "plan", "prefer", "max_memory", "max_latency"})


def command_again(spec: Mapping[str, Any]) -> str:
    """The command with every option that is not left at its default, quoted for a POSIX shell.

    Args:
        spec: from `spec.json`.
    """
    if "command_line" in spec:  # a task with options of its own
        return str(spec["command_line"])
    adapts = spec.get("command") == "adapt"
    parts = ["alih", "adapt" if adapts else "compare", str(spec["data"]["source"])]
    if adapts and spec.get("routes"):
        parts.append(f"--route={spec['routes'][0]}")
    told = spec.get("options") or {}
    unasked = _COMPARE_ONLY if adapts else frozenset()
    if not {"finetune", *ADAPTERS} & set(spec.get("routes", ("finetune",))):
        unasked |= {"blocks"}  # an adaptation sets it, and a route without blocks refuses it
    for option in fields(Options):
        value = told.get(option.name, option.default)
        if value != option.default and option.name not in unasked:
            flag = "--" + option.name.replace("_", "-")
            parts.append(flag if value is True else f"{flag}={_said(option.name, value)}")
    return " ".join(shlex.quote(part) for part in parts)


def _said(name: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}={number!r}" for key, number in value.items())
    if isinstance(value, list | tuple):
        return ",".join("all" if one == ALL_BLOCKS else str(one) for one in value)
    if name in {"max_time", "max_memory"}:  # no exponents: their readers know none
        digits = f"{value:.9f}".rstrip("0").rstrip(".")
        return digits + "s" if name == "max_time" else digits
    return str(value)
