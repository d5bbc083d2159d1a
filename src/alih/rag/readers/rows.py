"""Tables (CSV, TSV, JSON, JSON Lines, Parquet): one block a row, its cells as "column: value"."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from alih.data.columnar import read_parquet
from alih.data.delimited import read_delimited
from alih.data.json_files import read_json
from alih.data.messages import counted, worst
from alih.data.table import Table, is_missing
from alih.rag.document import Composer, Document

_READERS: dict[str, Callable[[Path], Table]] = {
    ".csv": read_delimited,
    ".tsv": read_delimited,
    ".parquet": read_parquet,
}


def read_rows(path: Path, name: str) -> Document:
    """Read a table as a document; citations name the row.

    Raises:
        DataError: it is no table, or nothing in it can be read.
    """
    table = _READERS.get(path.suffix.lower(), read_json)(path)
    composer = Composer()
    single = len(table.columns) == 1
    for row, origin in enumerate(table.origins):
        cells = [
            f"{cells[row]}" if single else f"{column}: {cells[row]}"
            for column, cells in table.columns.items()
            if not is_missing(cells[row])
        ]
        place = origin.rpartition(", ")[2]
        composer.add("\n".join(cells), place=place, alone=True)
    notes = [f"{counted(len(table.damaged), 'row')} left out: {worst(table.damaged)}"] if table.damaged else []
    return composer.document(name, "rows", notes=notes)
