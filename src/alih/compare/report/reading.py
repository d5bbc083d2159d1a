"""Dataclasses from JSON data, field by field: what does not fit is named, nothing unknown is let through."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from typing import Any, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from alih.errors import RunError

_T = TypeVar("_T")


def read(kind: type[_T], value: Any, where: str) -> _T:
    """Build a value of type `kind` from JSON data; `where` names it in messages.

    Raises:
        RunError: the data do not fit the type.
    """
    built: _T = _read(kind, value, where)
    return built


def _read(kind: Any, value: Any, where: str) -> Any:
    origin = get_origin(kind)
    if origin in {Union, types.UnionType}:
        if value is None:
            return None
        return _read(next(one for one in get_args(kind) if one is not type(None)), value, where)
    if origin is Literal:
        if value not in get_args(kind):
            raise RunError(f"{where}: {value!r} is none of {', '.join(map(repr, get_args(kind)))}.")
        return value
    if is_dataclass(kind):
        return _read_record(kind, value, where)
    if origin is tuple:
        return _read_tuple(get_args(kind), value, where)
    if origin is dict:
        item = get_args(kind)[1]
        if not isinstance(value, Mapping):
            raise RunError(f"{where}: {_short(value)} is no object.")
        return {str(key): _read(item, one, f"{where}.{key}") for key, one in value.items()}
    if isinstance(value, bool) is not (kind is bool) or not isinstance(value, (int, float) if kind is float else kind):
        raise RunError(f"{where}: {_short(value)} is no {kind.__name__}.")
    return float(value) if isinstance(value, int) and kind is float else value


def _read_record(kind: Any, value: Any, where: str) -> Any:
    if not isinstance(value, Mapping):
        raise RunError(f"{where}: {_short(value)} is no object.")
    hints = _hints(kind)
    unknown = sorted(set(value) - set(hints))
    if unknown:
        raise RunError(f"{where}: unknown field {unknown[0]!r}; it was written by another version of Alih.")
    needed = [one.name for one in fields(kind) if one.default is MISSING and one.default_factory is MISSING]
    missing = [name for name in needed if name not in value]
    if missing:
        raise RunError(f"{where}: {missing[0]!r} is missing; the file is damaged.")
    return kind(**{name: _read(hints[name], one, f"{where}.{name}") for name, one in value.items()})


def _read_tuple(items: tuple[Any, ...], value: Any, where: str) -> tuple[Any, ...]:
    if not isinstance(value, list | tuple):
        raise RunError(f"{where}: {_short(value)} is no list.")
    kinds = [items[0]] * len(value) if items[-1] is Ellipsis else list(items)
    if len(kinds) != len(value):
        raise RunError(f"{where}: {len(value)} values where {len(kinds)} belong.")
    return tuple(_read(one, each, f"{where}[{at}]") for at, (one, each) in enumerate(zip(kinds, value, strict=True)))


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:39] + "…"
