"""JSON and JSON Lines files: a list of objects, {"data": […]}, {column: […]}, or an object a line."""

from __future__ import annotations

import json
from pathlib import Path

from alih.data.decoding import read_text
from alih.data.examples import Damage
from alih.data.messages import quoted
from alih.data.table import Cell, Table
from alih.errors import DataError
from alih.progress import Progress

_SHAPES = 'a list of objects ([{"text": …, "label": …}, …]), {"data": [those objects]}, or {"text": […], "label": […]}'


def read_json(path: Path, progress: Progress | None = None) -> Table:
    """Read a .json, .jsonl or .ndjson file; content decides which of the two it is.

    Raises:
        DataError: not JSON (the message names line and column), or not in the shape of a table.
    """
    text = read_text(path).removeprefix("\ufeff")
    by_line = path.suffix.lower() != ".json"
    if by_line and text.lstrip()[0] != "[":
        return _read_lines(path, text, progress)
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        # "Extra data" after a whole object: one object a line under the name of .json.
        if error.msg == "Extra data" and text.lstrip()[0] == "{":
            return _read_lines(path, text, progress)
        raise DataError(
            f"{path.name}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}). "
            "Mend it there, or save the data as CSV or JSON Lines."
        ) from error
    except RecursionError as error:
        raise DataError(f"{path.name}: nested too deeply to read. Write {_SHAPES}.") from error
    except ValueError as error:
        raise DataError(f"{path.name}: not readable as JSON ({error}). Save the data as CSV or JSON Lines.") from error
    return _table(path, document)


def _read_lines(path: Path, text: str, progress: Progress | None) -> Table:
    objects: list[dict[str, Cell]] = []
    origins: list[str] = []
    damaged: list[Damage] = []
    # Not str.splitlines: that also cuts at separators which JSON allows inside strings.
    lines = text.split("\n")
    with (progress or Progress(quiet=True)).step(f"Reading {path.name}", len(lines), "line") as advance:
        for number, line in enumerate(lines, start=1):
            advance(1)
            if not line.strip():
                continue
            origin = f"{path.name}, row {number}"
            try:
                value = json.loads(line)
            except json.JSONDecodeError as error:
                damaged.append(Damage(origin, f"not valid JSON at column {error.colno} ({error.msg})"))
                continue
            except (RecursionError, ValueError):
                damaged.append(Damage(origin, "not readable as JSON (nested too deeply, or a number too long)"))
                continue
            if isinstance(value, dict):
                objects.append(value)
                origins.append(origin)
            else:
                damaged.append(Damage(origin, "not a JSON object ({…})"))
    if not objects:
        first = damaged[0]
        raise DataError(
            f'{first.origin}: {first.reason}. Write one object a line, as in {{"text": "…", "label": "…"}}.'
        )
    return _from_objects(path, objects, origins, damaged)


def _table(path: Path, document: Cell) -> Table:
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        document = document["data"]
    if isinstance(document, list):
        if not document:
            raise DataError(f"{path.name}: the list of rows is empty. Add the examples.")
        objects, origins, damaged = [], [], []
        for number, item in enumerate(document, start=1):
            origin = f"{path.name}, row {number}"
            if isinstance(item, dict):
                objects.append(item)
                origins.append(origin)
            else:
                damaged.append(Damage(origin, "not a JSON object ({…})"))
        if not objects:
            raise DataError(f"{path.name}, row 1: a list of plain values has no columns. Write {_SHAPES}.")
        return _from_objects(path, objects, origins, damaged)
    if isinstance(document, dict) and document and not _is_nested(document):
        # pandas writes {column: {"0": …, "1": …}} unless told otherwise.
        columns = {
            str(name): list(cells.values()) if isinstance(cells, dict) else cells for name, cells in document.items()
        }
        if all(isinstance(cells, list) for cells in columns.values()):
            return _from_columns(path, columns)
    if isinstance(document, dict) and isinstance(nested := document.get("data"), dict):
        raise DataError(
            f'{path.name}: "data" holds {quoted(map(str, nested))} in place of rows. Write {_SHAPES}; '
            "put splits into files of their own (train.json, test.json in one folder)."
        )
    raise DataError(f"{path.name}: the JSON is not a table. Write {_SHAPES}.")


def _is_nested(document: dict[str, Cell]) -> bool:
    """Whether rows stand one level too deep: {"data": {"train": [{…}, …]}}."""
    inner = document.get("data") if len(document) == 1 else None
    deeper = list(inner.values()) if isinstance(inner, dict) else []
    return any(isinstance(rows, list) for rows in deeper)


def _from_objects(path: Path, objects: list[dict[str, Cell]], origins: list[str], damaged: list[Damage]) -> Table:
    names = list(dict.fromkeys(str(name) for item in objects for name in item))
    if not names:
        raise DataError(f"{origins[0]}: the objects hold nothing. Write {_SHAPES}.")
    return Table(
        name=path.name,
        columns={name: [item.get(name) for item in objects] for name in names},
        origins=origins,
        folder=path.parent,
        damaged=tuple(damaged),
    )


def _from_columns(path: Path, columns: dict[str, list[Cell]]) -> Table:
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        shown = ", ".join(f'"{name}" {length}' for name, length in lengths.items())
        raise DataError(f"{path.name}: the columns differ in length ({shown}). Make them equally long.")
    count = next(iter(lengths.values()))
    if count == 0:
        raise DataError(f"{path.name}: the columns are empty. Add the examples.")
    return Table(
        name=path.name,
        columns=columns,
        origins=[f"{path.name}, row {row}" for row in range(1, count + 1)],
        folder=path.parent,
    )
