"""How an option is declared: once, next to what reads it. Flags, keywords, checks and docs are made from that.

A group of options is a frozen dataclass whose fields are made by `option`; `alih.compare.options.Options` puts the
groups together. Nothing here, nor in a module that declares a group, imports anything heavy: `--help` answers at once.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import Field, field
from typing import Any, TypeAlias

from alih.errors import OptionError
from alih.task import CLASSIFICATION

#: Groups of routes that a declaration may name; `alih.routes.registry.GROUPS` says which routes they hold.
TRAINED, BELOW_HEAD, PRETRAINED = "trained", "trained below the head", "pre-trained"

Readers: TypeAlias = "str | tuple[str, ...]"

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_IN_WORDS = {"int": "a whole number", "float": "a number", "bool": "True or False", "str": "a text"}


def option(
    default: Any,
    help: str,
    *,
    unset: str | None = None,
    by_task: Mapping[str, Any] | None = None,
    choices: Sequence[str] | None = None,
    metavar: str | None = None,
    convert: Callable[[Any, str], Any] | None = None,
    check: Callable[[Any], str | None] | None = None,
    tasks: tuple[str, ...] | None = None,
    routes: Readers | Mapping[str, Readers] | None = None,
    commands: tuple[str, ...] = ("compare", "adapt"),
) -> Any:
    """A field of a dataclass of options.

    Args:
        default: its value where it is not given.
        help: what it does, without its default.
        unset: what the default None means, in words; of a classification, where `by_task` has other tasks' values.
        by_task: values that stand for the default None, by task; a callable gets the options.
        choices: the values there are.
        metavar: what stands for the value in `--help`.
        convert: from what was given and the flag to the value; raises `OptionError`. By default digits in a text are
            a number, and a path is a text.
        check: what is wrong with a value, or None.
        tasks: which tasks read it; None for all.
        routes: which routes read it, or a group of them, or either by task; None for all.
        commands: which commands read it.
    """
    told = {
        "help": help,
        "unset": unset,
        "by_task": by_task or {},
        "choices": choices,
        "metavar": metavar,
        "convert": convert,
        "check": check,
        "tasks": tasks,
        "routes": routes,
        "commands": commands,
    }
    return field(default=default, metadata=told)


def flag(name: str) -> str:
    """The flag of an option's name."""
    return "--" + name.replace("_", "-")


def converted(declared: Field[Any], value: Any) -> Any:
    """The value of an option, from what a user gave.

    Raises:
        OptionError: it has the wrong form, or is none of the choices.
    """
    convert, choices = declared.metadata["convert"], declared.metadata["choices"]
    value = convert(value, flag(declared.name)) if convert else _plain(declared, value)
    if choices and value not in choices:
        raise OptionError(f"{flag(declared.name)}: {value!r} is none of {', '.join(choices)}.")
    return value


def default_in_words(declared: Field[Any]) -> str:
    """What holds where the option is not given: "8; generation: 4". Empty for a switch."""
    if declared.type == "bool":
        return ""
    if declared.default is not None:
        return str(declared.default)
    by_task = {task: value for task, value in declared.metadata["by_task"].items() if not callable(value)}
    usual = by_task.pop(CLASSIFICATION, None)
    first = declared.metadata["unset"] or usual
    parts = [] if first is None else [str(first)]
    return "; ".join([*parts, *(f"{task}: {value}" for task, value in by_task.items())])


def at_least(least: int) -> Callable[[Any], str | None]:
    """A check that a number is not below `least`."""
    return lambda value: None if value >= least else f"must be at least {least}, not {value}."


def above_zero(value: Any) -> str | None:
    """A check that a number is above zero, and finite."""
    return None if math.isfinite(value) and value > 0 else f"must be above zero, not {value}."


def _plain(declared: Field[Any], value: Any) -> Any:
    """Convert to a simple type: digits in a text are a number, a path is a text."""
    wanted = str(declared.type).removesuffix(" | None")
    try:
        if wanted == "int" and not isinstance(value, bool) and (isinstance(value, str) or int(value) == value):
            return int(value)
        if wanted == "float" and not isinstance(value, bool):
            return float(value)
        if wanted == "bool" and isinstance(value, bool):
            return value
        if wanted == "str":
            return os.fspath(value)
    except (TypeError, ValueError, OverflowError):
        pass
    else:
        if wanted not in _IN_WORDS:
            return value
    raise OptionError(f"{flag(declared.name)}: {value!r} is not {_IN_WORDS[wanted]}.")


def items(value: Any, flag: str) -> list[str]:
    """The parts of "a,b", of one number, or of a list, in lower case.

    Raises:
        OptionError: it is none of these.
    """
    if isinstance(value, str):
        return [item.strip().lower() for item in value.split(",") if item.strip()]
    if isinstance(value, int):
        return [str(value)]
    if isinstance(value, list | tuple):
        return [str(item).strip().lower() for item in value]
    raise OptionError(f"{flag}: {value!r} is no list of names or numbers.")


def names(value: Any, flag: str) -> tuple[str, ...]:
    """As `items`, as a tuple."""
    return tuple(items(value, flag))


def seconds(value: str | float, flag: str = "--max-time") -> float:
    """Read a duration: 90, "90s", "20m", "1h30m".

    Raises:
        OptionError: it is no duration.
    """
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise OptionError(f"{flag}: {value!r} is no duration. Write it as 90s, 20m or 1h30m.")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def size(value: str | float, flag: str = "--max-memory") -> float:
    """Read a size in bytes: 8000000, "8GB", "500 MB", "1.5GiB".

    Raises:
        OptionError: it is no size.
    """
    if isinstance(value, int | float):
        return float(value)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", str(value).strip().lower())
    if not found:
        raise OptionError(f"{flag}: {value!r} is no size. Write it as 500MB or 8GB.")
    number, prefix, binary = found.groups()
    return float(number) * float(1024 if binary else 1000) ** (" kmgt".index(prefix or " "))
