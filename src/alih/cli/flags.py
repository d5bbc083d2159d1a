"""Flags made from the fields of an options dataclass, so that names, defaults and help exist once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from dataclasses import Field, fields
from typing import Any, TypeAlias

from alih.compare.options import Options

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def typed(text: str) -> str:
    """Return a text as typed, or all of standard input for "-", without the line end behind it.

    Raises:
        DataError: standard input is empty or no UTF-8 text.
    """
    if text != "-":
        return text
    from alih.data.decoding import text_of

    return text_of(sys.stdin.buffer.read() or b" ", "standard input").removeprefix("\ufeff").rstrip("\r\n")


def add_options(parser: argparse._ActionsContainer, names: Collection[str], of: Any = Options) -> None:
    """Give `parser` a flag for each named field of `Options`, or of another such dataclass."""
    known = {option.name: option for option in fields(of)}
    for name in names:
        _add(parser, known[name])


def given(arguments: argparse.Namespace, of: Any = Options) -> dict[str, Any]:
    """Return the options that the user typed (those left out keep the dataclass's defaults)."""
    known = {option.name for option in fields(of)}
    return {name: value for name, value in vars(arguments).items() if name in known and value is not None}


def _add(parser: argparse._ActionsContainer, option: Field[Any]) -> None:
    flag = "--" + option.name.replace("_", "-")
    help_text = option.metadata["help"]
    if option.type == "bool":
        parser.add_argument(flag, action="store_true", default=None, help=help_text)
        return
    if option.default is not None:
        help_text += f" (default: {option.default})"
    numbers: dict[str, type] = {"int": int, "int | None": int, "float": float, "float | None": float}
    choices = option.metadata.get("choices")
    parser.add_argument(
        flag,
        dest=option.name,
        default=None,
        help=help_text.replace("%", "%%"),
        metavar=None if choices else option.metadata.get("metavar", _metavar(option)),
        choices=choices,
        type=str
        if option.metadata.get("duration") or option.metadata.get("metavar") in {"SIZE", "RATE"}
        else numbers.get(str(option.type), str),
    )


def _metavar(option: Field[Any]) -> str:
    if option.metadata.get("duration"):
        return "TIME"
    return {"int": "N", "int | None": "N", "float": "X", "float | None": "X"}.get(str(option.type), option.name.upper())
