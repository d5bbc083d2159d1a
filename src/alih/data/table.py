"""A table as every file format is read into: named columns of cells, and where each row came from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from alih.data.examples import Damage
from alih.errors import DataError

#: What a cell can hold: text from CSV; numbers, lists and objects from JSON and Parquet; pictures; None where missing.
Cell = object

#: Longest cell that is accepted, in characters: about 200,000 words, more than any encoder reads.
MAX_CELL = 1_000_000

#: Most bytes of one file of rows, pictures not counted: all rows are in memory at once, at several times their size.
MAX_BYTES = 1_000_000_000


def refuse_size(name: str, nbytes: int) -> None:
    """Stop before a file fills the memory.

    Raises:
        DataError: it holds more than `MAX_BYTES`.
    """
    if nbytes > MAX_BYTES:
        raise DataError(
            f"{name}: {nbytes / 1e9:,.1f} GB of rows, more than the {MAX_BYTES / 1e9:,.1f} GB that are kept in memory "
            "(--max-examples chooses among all of them, so it does not help). Give a part of the file: a sample of its "
            "rows, without the columns that are not needed."
        )


@dataclass(frozen=True)
class Table:
    """Columns of equal length, with the origin of each row.

    Args:
        name: the file's name, for messages.
        columns: cells by column name, in the file's order.
        origins: "reviews.csv, row 812" for each row.
        header: False where the file has no header line and columns are called "column 1", "column 2", …
        folder: the folder that relative picture paths start from.
        damaged: rows that could not be taken in.
        class_names: names behind integer labels, where the format stores them.
        pictures: True where rows are the pictures of class folders, with columns "image" and "label".
        notes: what was odd, for the user.
    """

    name: str
    columns: Mapping[str, list[Cell]]
    origins: list[str]
    header: bool = True
    folder: Path | None = None
    damaged: tuple[Damage, ...] = ()
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pictures: bool = False
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.origins)

    def select(self, rows: Sequence[int]) -> Table:
        """Return the table of these rows alone; damage stays with the whole."""
        return replace(
            self,
            columns={name: [cells[row] for row in rows] for name, cells in self.columns.items()},
            origins=[self.origins[row] for row in rows],
            damaged=(),
        )


def is_missing(cell: Cell) -> bool:
    """Say whether a cell holds nothing: None, NaN, or only white space."""
    if cell is None:
        return True
    if isinstance(cell, float):
        return cell != cell
    return isinstance(cell, str) and not cell.strip()


def joined(tables: Sequence[Table]) -> Table:
    """Return several tables of one split (shards) as one; a column that a shard lacks is missing there."""
    if len(tables) == 1:
        return tables[0]
    names = list(dict.fromkeys(name for table in tables for name in table.columns))
    first = tables[0]
    return replace(
        first,
        columns={
            name: [cell for table in tables for cell in table.columns.get(name) or [None] * len(table)]
            for name in names
        },
        origins=[origin for table in tables for origin in table.origins],
        damaged=tuple(damage for table in tables for damage in table.damaged),
        notes=tuple(dict.fromkeys(note for table in tables for note in table.notes)),
    )
