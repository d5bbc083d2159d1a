"""Tables inside documents: each row is a block that says its cells as "column: value", under the table's caption."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from alih.data.delimited import has_header
from alih.rag.document import Composer

_MOST_COLUMNS = 1000
_MOST_CELLS = 2_000_000
_MOST_NAME = 120
_SAMPLE = 50


@dataclass(eq=False)
class Cell:
    """A cell; one that spans columns or rows stands in the grid once for each, and is compared by identity.

    Args:
        text: white space collapsed when it is shown.
        header: the format itself marks it as a column's name.
    """

    text: str
    header: bool = False

    def __post_init__(self) -> None:
        self.text = " ".join(self.text.split())


Row = list[Cell | None]


@dataclass
class Grid:
    """A table that is put together cell by cell, as HTML, Word and OpenDocument write them.

    Args:
        header_rows: how many rows at the top name the columns, where the format says so.
    """

    header_rows: int = 0
    rows: list[Row] = field(default_factory=list)
    _hanging: dict[int, tuple[Cell, int]] = field(default_factory=dict)
    _cells: int = 0

    def start_row(self) -> None:
        """Begin a row; cells that hang down from rows above are in it already."""
        self.rows.append([])
        self._hang()

    def put(self, cell: Cell | None, columns: int = 1, rows: int = 1) -> None:
        """Append a cell that spans so many columns and rows; None for a place without any."""
        row = self.rows[-1]
        room = max(min(_MOST_COLUMNS - len(row), _MOST_CELLS - self._cells), 0)
        for _ in range(min(max(columns, 1), room)):
            if cell is not None and rows > 1:
                self._hanging[len(row)] = (cell, rows - 1)
            row.append(cell)
            self._cells += 1
        self._hang()

    def above(self) -> Cell | None:
        """The cell over the place that is filled next."""
        if len(self.rows) < 2 or len(self.rows[-1]) >= len(self.rows[-2]):
            return None
        return self.rows[-2][len(self.rows[-1])]

    def _hang(self) -> None:
        row = self.rows[-1]
        while len(row) in self._hanging and self._cells < _MOST_CELLS:
            cell, left = self._hanging.pop(len(row))
            if left > 1:
                self._hanging[len(row)] = (cell, left - 1)
            row.append(cell)
            self._cells += 1


def add_table(
    composer: Composer,
    rows: Sequence[Row],
    *,
    header_rows: int = 0,
    caption: str = "",
    page: int | None = None,
    place: Callable[[int], str] = lambda _row: "",
) -> None:
    """Add a table, each row a block of its own.

    Where nothing marks the row of names, it is recognised: by numbers below words, or as in delimited files. A table
    without one keeps its cells side by side, the empty ones too; a table of one column is a list of paragraphs.

    Args:
        composer: that the rows are added to.
        rows: of the table, as `Grid` has them.
        header_rows: how many of them name the columns, where that is marked; cells that are marked count too.
        caption: becomes a heading of the rows.
        page, place: where each row stands, by its number from 0.
    """
    numbered = [(number, row) for number, row in enumerate(rows) if any(cell and cell.text for cell in row)]
    width = max((len(row) for _, row in numbered), default=0)
    while width > 1 and len(numbered) > 1 and len(_distinct(numbered[0][1])) == 1 and len(numbered[0][1]) == width:
        title = _distinct(numbered.pop(0)[1])[0].text  # one cell over all columns
        caption = f"{caption}. {title}" if caption else title
        header_rows = max(header_rows - 1, 0)
    if not numbered:
        composer.add(caption, page=page)
        return
    above = (*composer.path, caption[:_MOST_NAME]) if caption else composer.path
    composer.settle()
    if width == 1:
        for number, row in numbered:
            composer.add(_distinct(row)[0].text, above, page=page, place=place(number))
        return
    beside = all(row[0] and row[0].header and not all(one.header for one in _distinct(row)) for _, row in numbered)
    count = 0 if beside else _header_rows([row for _, row in numbered], header_rows, width)
    names = [_name([row for _, row in numbered[:count]], column) for column in range(width)]
    first = numbered[0][1]
    unsure = not count and not beside and len(numbered) > 2 and width == 2 and all(cell and cell.text for cell in first)
    for number, row in numbered[count:]:
        if count and _texts(row) in [_texts(head) for _, head in numbered[:count]]:
            continue  # repeated at the top of a page
        told = _lines(row, names) if count else " | ".join(_texts(row)).strip()
        if beside:  # the names stand in the first column
            told = f"{_texts(row)[0]}: {' | '.join(_texts(row)[1:])}"
        if unsure and row is not first:  # it may name the columns, or be a pair like the others
            told = " | ".join(_texts(first)) + "\n" + told
        composer.add(told, above, page=page, place=place(number), alone=True)


def plain_rows(rows: Sequence[Sequence[str]]) -> list[Row]:
    """Rows of texts, none of which spans anything."""
    return [[Cell(text) for text in row] for row in rows]


def _distinct(row: Row) -> list[Cell]:
    return list(dict.fromkeys(cell for cell in row if cell is not None))


def _texts(row: Row) -> list[str]:
    return [cell.text for cell in _distinct(row)]


def _header_rows(rows: Sequence[Row], marked: int, width: int) -> int:
    """How many rows at the top name the columns; 0 where none does."""
    if len(rows) < 2:
        return 0
    if 0 < marked < len(rows):
        return marked
    marks = 0
    while marks < len(rows) and all(cell.header for cell in _distinct(rows[marks]) if cell.text):
        marks += 1
    if 0 < marks < len(rows):
        return marks
    first = rows[0]
    if marked or marks or any(cell is None or len(cell.text) > _MOST_NAME for cell in first):
        return 0
    told = [[cell.text if cell else "" for cell in row] for row in rows[: _SAMPLE + 1]]
    names = [name for name in told[0] if name]
    if len(names) < len(told[0]) - 1 or len(set(names)) < len(names) or len(told[0]) < width:
        return 0
    numbers_below = any(
        name
        and not re.search(r"\d", name)
        and 2 * sum(bool(re.search(r"\d", row[at])) for row in told[1:] if at < len(row)) > len(told) - 1
        for at, name in enumerate(told[0])
    )
    if width == 2:  # pairs ("Name | Budi") look like a table of two columns
        return int(numbers_below and len(rows) > 2)
    return int(numbers_below or has_header(told))


def _name(header: Sequence[Row], column: int) -> str:
    cells = dict.fromkeys(row[column] for row in header if column < len(row))
    return " / ".join(dict.fromkeys(cell.text for cell in cells if cell is not None and cell.text))


def _lines(row: Row, names: Sequence[str]) -> str:
    lines = []
    for cell in _distinct(row):
        if cell.text:
            over = dict.fromkeys(names[at] for at, one in enumerate(row) if one is cell and names[at])
            lines.append(f"{', '.join(over)}: {cell.text}" if over else cell.text)
    return "\n".join(lines)
