"""Parquet files and Arrow tables, with the class names that `datasets` stores in their schema.

Rows come in batches, and embedded pictures go to disk batch by batch: memory holds the texts, never the pictures.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alih.data.decoding import refuse_empty
from alih.data.images import MAX_FILE_BYTES
from alih.data.messages import listed
from alih.data.spill import spill
from alih.data.table import Cell, Table, refuse_size
from alih.errors import DataError
from alih.progress import Progress

#: Rows that are unpacked at a time: of tables with embedded pictures, and of others.
_PICTURE_ROWS, _ROWS = 64, 4096


def read_parquet(path: Path, progress: Progress | None = None) -> Table:
    """Read a Parquet file; rows are counted from 1.

    Raises:
        DataError: not Parquet, damaged, without rows, or more rows than memory should hold.
    """
    refuse_empty(path)
    with path.open("rb") as file:
        if not file.read(4).startswith(b"PAR1"):
            raise DataError(f"{path.name}: not a Parquet file, whatever its name says. Export it again.")
    try:
        # Read page by page: a file of one row group would otherwise be in memory as a whole.
        with pq.ParquetFile(path, pre_buffer=False, buffer_size=1 << 20) as parquet:
            schema = parquet.schema_arrow
            batches = parquet.iter_batches(batch_size=batch_rows(schema))
            return from_batches(path.name, schema, batches, parquet.metadata.num_rows, path.parent, progress)
    except (pa.ArrowException, OSError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise DataError(f"{path.name}: a damaged Parquet file ({reason}). Export or copy it again.") from error


def from_batches(
    name: str,
    schema: Any,
    batches: Iterable[Any],
    rows: int,
    folder: Path | None = None,
    progress: Progress | None = None,
) -> Table:
    """Return pyarrow record batches as a table; integer labels take the names that `datasets` stores in the schema.

    Args:
        name: of the table, for messages.
        schema: pyarrow schema of the batches.
        batches: pyarrow record batches, or tables of a few rows.
        rows: how many there are in all.
        folder: that relative picture paths start from.
        progress: where long reading reports to.

    Raises:
        DataError: no rows, two columns of one name, more than memory should hold, or a picture that is too large.
    """
    names = schema.names
    if rows == 0 or not names:
        raise DataError(f"{name}: the table has no rows. Export it again.")
    if len(set(names)) < len(names):
        raise DataError(f"{name}: two columns have the same name ({listed(names)}). Rename one.")
    columns: dict[str, list[Cell]] = {column: [] for column in names}
    pictures = {column for column in names if _holds_pictures(schema.field(column).type)}
    nbytes = count = 0
    with (progress or Progress(quiet=True)).step(f"Reading {name}", rows, "row") as advance:
        for batch in batches:
            nbytes += sum(batch.column(place).nbytes for place, column in enumerate(names) if column not in pictures)
            refuse_size(name, nbytes)
            for place, column in enumerate(names):
                cells = batch.column(place)
                columns[column] += _spilled(name, cells, count) if column in pictures else cells.to_pylist()
            count += batch.num_rows
            advance(batch.num_rows)
    class_names = _class_names(schema.metadata or {})
    for column, classes in class_names.items():
        if column in columns:
            columns[column] = [_named(cell, classes) for cell in columns[column]]
    return Table(
        name=name,
        columns=columns,
        origins=[f"{name}, row {row}" for row in range(1, count + 1)],
        folder=folder,
        class_names=class_names,
    )


def batch_rows(schema: Any) -> int:
    """Return how many rows of such a table to unpack at a time."""
    return _PICTURE_ROWS if any(_holds_pictures(field.type) for field in schema) else _ROWS


def _holds_pictures(kind: Any) -> bool:
    """Pictures as `datasets` stores them: the bytes of a file and its path."""
    return bool(pa.types.is_struct(kind) and {field.name for field in kind} == {"bytes", "path"})


def _spilled(name: str, cells: Any, before: int) -> Iterator[Cell]:
    """Yield the cells of a picture column; embedded ones are files in the temporary folder from here on.

    Raises:
        DataError: one is larger than picture files may be.
    """
    for row, cell in enumerate(cells, start=before + 1):
        data = cell["bytes"] if cell.is_valid else None
        if data is None or not data.is_valid:
            yield cell.as_py()
            continue
        origin, size = f"{name}, row {row}", data.as_buffer().size
        if size > MAX_FILE_BYTES:
            raise DataError(
                f"{origin}: the embedded picture takes {size / 1e6:,.0f} MB, more than "
                f"{MAX_FILE_BYTES // 1_000_000:,}. Scale it down, or leave the row out."
            )
        yield spill(data.as_py(), origin) if size else {"bytes": None, "path": None}


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
