"""Flags made from the fields of the options, so that names, defaults and help exist once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Collection
from dataclasses import Field, fields
from typing import Any, TypeAlias

from alih.compare.options import GROUPS_OF_OPTIONS, Options, readers_in_words
from alih.option import default_in_words, flag

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"

_NUMBERS: dict[str, type] = {"int": int, "int | None": int, "float": float, "float | None": float}


def typed(text: str) -> str:
    """Return a text as typed, or all of standard input for "-", without the line end behind it.

    Raises:
        DataError: standard input is empty or no UTF-8 text.
    """
    if text != "-":
        return text
    from alih.data.decoding import text_of

    return text_of(sys.stdin.buffer.read() or b" ", "standard input").removeprefix("\ufeff").rstrip("\r\n")


def add_options(parser: argparse.ArgumentParser, command: str) -> None:
    """Give `parser` a flag for every option that `command` reads, in groups."""
    for group in GROUPS_OF_OPTIONS:
        titled: Any = group
        section = parser.add_argument_group(titled.TITLE)
        for declared in fields(titled):
            if command in declared.metadata["commands"]:
                _add(section, declared)


def add_some(parser: argparse.ArgumentParser, names: Collection[str]) -> None:
    """Give `parser` a flag for each named option."""
    known = {declared.name: declared for declared in fields(Options)}
    for name in names:
        _add(parser, known[name])


def given(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the options that the user typed."""
    known = {declared.name for declared in fields(Options)}
    return {name: value for name, value in vars(arguments).items() if name in known and value is not None}


def _add(parser: argparse._ActionsContainer, declared: Field[Any]) -> None:
    told = declared.metadata
    text = told["help"]
    if readers := readers_in_words(declared):
        text += f" [{readers}]"
    if default := default_in_words(declared):
        text += f" (default: {default})"
    text = text.replace("%", "%%")
    if declared.type == "bool":
        parser.add_argument(flag(declared.name), action="store_true", default=None, help=text)
        return
    number = None if told["convert"] else _NUMBERS.get(str(declared.type))
    parser.add_argument(
        flag(declared.name),
        dest=declared.name,
        default=None,
        help=text,
        metavar=_metavar(declared),
        choices=told["choices"] if told["convert"] is None else None,
        type=number or str,
    )


def _metavar(declared: Field[Any]) -> str | None:
    told = declared.metadata
    if told["choices"]:
        return "{" + ",".join(told["choices"]) + "}"
    letter = {int: "N", float: "X"}.get(_NUMBERS.get(str(declared.type), str), declared.name.upper())
    return told["metavar"] or letter
