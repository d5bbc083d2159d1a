"""Parquet files and Arrow tables, with the class names that `datasets` stores in their schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alih.data.decoding import read_bytes
from alih.data.messages import listed
from alih.data.table import Cell, Table
from alih.errors import DataError


def read_parquet(path: Path) -> Table:
    """Read a Parquet file; rows are counted from 1.

    Raises:
        DataError: not Parquet, damaged, or without rows.
    """
    if not read_bytes(path).startswith(b"PAR1"):
        raise DataError(f"{path.name}: not a Parquet file, whatever its name says. Export it again.")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path.name}: a damaged Parquet file ({reason}). Export or copy it again.") from error
    return from_arrow(path.name, table, path.parent)


def from_arrow(name: str, table: Any, folder: Path | None = None) -> Table:
    """Return a pyarrow Table as ours; integer labels take the names that `datasets` stores in the schema.

    Raises:
        DataError: the table has no rows, or two columns of one name.
    """
    if table.num_rows == 0 or not table.column_names:
        raise DataError(f"{name}: the table has no rows. Export it again.")
    if len(set(table.column_names)) < len(table.column_names):
        raise DataError(f"{name}: two columns have the same name ({listed(table.column_names)}). Rename one.")
    columns: dict[str, list[Cell]] = {column: table.column(column).to_pylist() for column in table.column_names}
    class_names = _class_names(table.schema.metadata or {})
    for column, names in class_names.items():
        if column in columns:
            columns[column] = [_named(cell, names) for cell in columns[column]]
    return Table(
        name=name,
        columns=columns,
        origins=[f"{name}, row {row}" for row in range(1, table.num_rows + 1)],
        folder=folder,
        class_names=class_names,
    )


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Read the names of `ClassLabel` columns, which `datasets` keeps as JSON in the Arrow schema."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    found = {}
    for column, feature in features.items():
        for inner in (feature, feature.get("feature")) if isinstance(feature, dict) else ():
            if isinstance(inner, dict) and inner.get("_type") == "ClassLabel" and inner.get("names"):
                found[column] = tuple(str(name) for name in inner["names"])
    return found


def _named(cell: Cell, names: tuple[str, ...]) -> Cell:
    if isinstance(cell, list):
        return [_named(item, names) for item in cell]
    if isinstance(cell, int):
        # -1 is how `datasets` marks a row without a label.
        return names[cell] if 0 <= cell < len(names) else None
    return cell
