"""JSON and JSON Lines files: rows in a list, by key, by split or below "data"; columns; or an object a line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

from alih.data.decoding import read_text
from alih.data.examples import Damage
from alih.data.messages import excerpt, listed, quoted
from alih.data.table import Cell, Table, joined
from alih.data.vocabulary import Split, known, split_of
from alih.errors import DataError
from alih.progress import Progress

_SHAPES = (
    'a list of objects ([{"text": …, "label": …}, …]), the same below "data", below the names of splits or by key, or '
    '{"text": […], "label": […]}'
)
#: Below one of these, rows lie one level deeper.
_WRAPPERS = ("data", "rows", "examples", "records", "items")


def read_json(path: Path, progress: Progress | None = None) -> Table:
    """Read a .json, .jsonl or .ndjson file as one table: its splits, where it has some, are joined.

    Raises:
        DataError: as `read_json_splits`.
    """
    return joined(list(read_json_splits(path, progress).values()))


def read_json_splits(path: Path, progress: Progress | None = None) -> dict[Split | None, Table]:
    """Read a .json, .jsonl or .ndjson file; content decides which of the two it is.

    Returns:
        Tables by split; key None where the file is not split.

    Raises:
        DataError: not JSON (the message names line and column), or not in the shape of a table.
    """
    text = read_text(path).removeprefix("\ufeff")
    by_line = path.suffix.lower() != ".json"
    if by_line and text.lstrip()[0] != "[":
        return {None: _read_lines(path, text, progress)}
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        # "Extra data" after a whole object: one object a line under the name of .json.
        if error.msg == "Extra data" and text.lstrip()[0] == "{":
            return {None: _read_lines(path, text, progress)}
        raise DataError(
            f"{path.name}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}). "
            "Mend it there, or save the data as CSV or JSON Lines."
        ) from error
    except RecursionError as error:
        raise DataError(f"{path.name}: nested too deeply to read. Write {_SHAPES}.") from error
    except ValueError as error:
        raise DataError(f"{path.name}: not readable as JSON ({error}). Save the data as CSV or JSON Lines.") from error
    return _tables(path, document)


def _tables(path: Path, document: Cell) -> dict[Split | None, Table]:
    """Return the tables of a document: of each split where its keys, or those below "data", name splits."""
    for _ in range(2):
        if not isinstance(document, dict):
            break
        if splits := _splits(path, document):
            return splits
        inner = [document[name] for name in _WRAPPERS if isinstance(document.get(name), (dict, list))]
        if len(inner) != 1 or _column_cells(document) is not None or _is_split_orient(document):
            break
        document = inner[0]
    return {None: _table(path, path.name, document)}


def _splits(path: Path, document: dict[str, Cell]) -> dict[Split | None, Table]:
    """Return the tables of a document like {"train": […], "test": […]}, or none.

    Raises:
        DataError: two keys name one split.
    """
    named = {key: split for key in document if (split := split_of(str(key)))}
    if not named or not all(isinstance(document[key], (list, dict)) for key in named):
        return {}
    if "train" not in named.values() and len(named) < len(document):
        return {}
    if len(set(named.values())) < len(named):
        raise DataError(f"{path.name}: {quoted(map(str, named))} name one split twice. Join or rename them.")
    left = [str(key) for key in document if key not in named]
    notes = (f"{path.name}: left aside: {listed(left)}",) if left else ()
    tables: dict[Split | None, Table] = {}
    for key, split in named.items():
        table = _table(path, f"{path.name}, {key}", document[key])
        tables[split] = replace(table, notes=(*table.notes, *notes))
    return tables


def _is_split_orient(document: dict[str, Cell]) -> bool:
    """Whether a document is what pandas' to_json(orient="split") writes."""
    return isinstance(document.get("columns"), list) and isinstance(document.get("data"), list)


def _column_cells(document: dict[str, Cell]) -> dict[str, list[Cell]] | None:
    """Return the columns of {"text": […], "label": […]} or of pandas' {"text": {"0": …, "1": …}}, or None."""
    if document and all(isinstance(cells, list) for cells in document.values()):
        if len(document) == 1 and all(isinstance(item, dict) for cells in document.values() for item in cells):  # type: ignore[attr-defined]
            return None
        return {str(name): list(cells) for name, cells in document.items()}  # type: ignore[call-overload]
    if not document or not all(isinstance(cells, dict) for cells in document.values()):
        return None
    inner: list[dict[str, Cell]] = list(document.values())  # type: ignore[arg-type]
    keys = list(inner[0])
    if not all(list(cells) == keys for cells in inner) or not keys:
        return None
    numbered = all(str(key).lstrip("-").isdigit() for key in keys)
    if numbered or (any(known(str(name)) for name in document) and not any(known(str(key)) for key in keys)):
        return {str(name): list(cells.values()) for name, cells in zip(document, inner, strict=True)}
    return None


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


def _table(path: Path, shown: str, document: Cell) -> Table:
    if isinstance(document, list):
        if not document:
            raise DataError(f"{shown}: the list of rows is empty. Add the examples.")
        return _from_items(path, shown, {f"row {number}": item for number, item in enumerate(document, start=1)})
    if isinstance(document, dict):
        if _is_split_orient(document):
            names = [str(name) for name in document["columns"]]
            rows = document["data"]
            if all(isinstance(row, list) and len(row) == len(names) for row in rows):
                return _from_columns(path, shown, {name: [row[n] for row in rows] for n, name in enumerate(names)})
        columns = _column_cells(document)
        if columns is not None:
            return _from_columns(path, shown, columns)
        if document and sum(isinstance(item, dict) for item in document.values()) >= 0.8 * len(document):
            return _from_items(path, shown, {f'row "{excerpt(str(key))}"': item for key, item in document.items()})
        lists = [value for value in document.values() if isinstance(value, list)]
        if len(lists) == 1 and lists[0] and all(isinstance(item, dict) for item in lists[0]):
            return _table(path, shown, lists[0])  # {"version": …, "questions": [rows]}
    raise DataError(f"{shown}: the JSON is not a table. Write {_SHAPES}.")


def _from_items(path: Path, shown: str, items: dict[str, Cell]) -> Table:
    """Return rows that should be objects as a table; others are damage."""
    objects, origins, damaged = [], [], []
    for place, item in items.items():
        origin = f"{shown}, {place}"
        if isinstance(item, dict):
            row = item.get("row")
            # The Hub's own server wraps each row: {"row_idx": 0, "row": {…}}.
            objects.append(row if isinstance(row, dict) and "row_idx" in item else item)
            origins.append(origin)
        else:
            damaged.append(Damage(origin, "not a JSON object ({…})"))
    if not objects:
        raise DataError(f"{shown}, {next(iter(items))}: a list of plain values has no columns. Write {_SHAPES}.")
    return _from_objects(path, objects, origins, damaged)


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


def _from_columns(path: Path, shown: str, columns: dict[str, list[Cell]]) -> Table:
    lengths = {name: len(cells) for name, cells in columns.items()}
    if len(set(lengths.values())) > 1:
        sizes = ", ".join(f'"{name}" {length}' for name, length in lengths.items())
        raise DataError(f"{shown}: the columns differ in length ({sizes}). Make them equally long.")
    count = next(iter(lengths.values()))
    if count == 0:
        raise DataError(f"{shown}: the columns are empty. Add the examples.")
    return Table(
        name=path.name,
        columns=columns,
        origins=[f"{shown}, row {row}" for row in range(1, count + 1)],
        folder=path.parent,
    )
