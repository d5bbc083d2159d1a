"""CSV and TSV files: the delimiter and the header are found by content, and every row number is the file's own.

A row number is the line of the file on which the row begins (the header is row 1), as an editor counts lines.
"""

from __future__ import annotations

import csv
import io
import itertools
import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from alih.data.decoding import read_text
from alih.data.examples import EMPTY_LINE, Damage
from alih.data.messages import counted, quoted
from alih.data.numbers import is_number
from alih.data.table import MAX_CELL, Table
from alih.data.vocabulary import known, partly_known
from alih.errors import DataError
from alih.progress import Advance, Progress

_DELIMITERS = (",", "\t", ";", "|")
_NAMES = {",": "comma", "\t": "tab", ";": "semicolon", "|": "vertical bar"}
_SAMPLE = 200

#: How the files begin that `alih predict` writes: their texts are guarded.
_PREDICTIONS = (["input", "prediction", "probability"], ["text_a", "text_b", "prediction", "probability"])
#: What a spreadsheet takes for a formula, where a cell begins with it.
_FORMULA = re.compile("'*[=+\\-@−＝＋－＠\t\r\n]")

#: The line on which a record begins (from 1), its cells, and the number of lines it spans.
Record = tuple[int, list[str], int]


def read_delimited(path: Path, expected: Collection[str] = (), progress: Progress | None = None) -> Table:
    """Read a CSV or TSV file.

    Args:
        path: the file; delimiter comma, tab, semicolon or vertical bar.
        expected: column names that the caller looks for; if the first row holds one, it is a header.
        progress: where long reading reports to; silent by default.

    Raises:
        DataError: wrong encoding, nothing in it, or two columns of one name.
    """
    lines = io.StringIO(read_text(path), newline="").readlines()
    # Excel's own first line, sep=; names the delimiter; it stays a line, so that rows keep their numbers.
    told = re.fullmatch(r"\ufeff?sep=(.)\s*", lines[0], re.IGNORECASE) if lines else None
    if told and told[1] in _DELIMITERS:
        lines[0] = "\n"
    delimiter = told[1] if told and told[1] in _DELIMITERS else _delimiter(lines, path.suffix.lower())
    with (progress or Progress(quiet=True)).step(f"Reading {path.name}", len(lines), "line") as advance:
        records, damaged, notes = _parse(path.name, lines, delimiter, advance)
    if not records:
        first = f" {damaged[0].origin}: {damaged[0].reason}." if damaged else ""
        raise DataError(f"{path.name}: no readable row.{first} Export the file again as CSV UTF-8.")
    width = _width(records)
    comments = sum(1 for _ in itertools.takewhile(lambda one: _is_comment(one[1], width), records))
    if comments:
        notes = (*notes, f"{path.name}: left out {counted(comments, 'line')} at the top that begin with #")
        records = records[comments:]
    header = has_header([cells for _, cells, _ in records[: _SAMPLE + 1]], expected)
    if header:
        names = _names(path.name, records[0], width)
        width = len(names)
        records = records[1:]
    else:
        names = [f"column {number}" for number in range(1, width + 1)]
    if width == 1:
        damaged += _blank(path.name, lines, records)
    if header and not records and not damaged:
        raise DataError(f"{path.name}: there is a header line (row 1) but no row below it. Add the examples.")
    rows: list[list[str]] = []
    origins: list[str] = []
    for row, cells, _ in records:
        fault = _fault(cells, width, delimiter)
        if fault:
            damaged.append(Damage(f"{path.name}, row {row}", fault))
        else:
            rows.append(cells[:width])
            origins.append(f"{path.name}, row {row}")
    if names[: names.index("probability") + 1 if "probability" in names else 0] in _PREDICTIONS:
        rows = [[unguarded(cell) for cell in cells] for cells in rows]
    columns = [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in names]
    return Table(
        name=path.name,
        columns={name: list(column) for name, column in zip(names, columns, strict=True)},
        origins=origins,
        header=header,
        folder=path.parent,
        damaged=tuple(damaged),
        notes=notes,
    )


def _blank(name: str, lines: Sequence[str], records: Sequence[Record]) -> list[Damage]:
    """Return the empty lines between the rows of a file of one column: there, one is a row without a text."""
    taken = {line for row, _, count in records for line in range(row, row + count)}
    first, last = (records[0][0], records[-1][0]) if records else (0, 0)
    return [Damage(f"{name}, row {row}", EMPTY_LINE) for row in range(first, last) if row not in taken]


def _is_comment(cells: Sequence[str], width: int) -> bool:
    return len(cells) < width and cells[0].lstrip("\ufeff ").startswith("#")


def guarded(text: str) -> str:
    """Return a text as a cell that no spreadsheet takes for a formula: with "'" in front where it begins like one.

    Where apostrophes are in front already, one more comes before them, so that `unguarded` gives back every text.
    """
    return f"'{text}" if _FORMULA.match(text) else text


def unguarded(cell: str) -> str:
    """Return the text that `guarded` made a cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def has_header(rows: Sequence[Sequence[str]], expected: Collection[str] = ()) -> bool:
    """Say whether the first of these rows names the columns rather than being an example.

    It does when it holds one of `expected`, or a name that people use for a column and that does not come again below.
    Otherwise it does not when a cell is empty, a number, long, or comes again further down its column, as a class does.
    """
    first = [cell.strip() for cell in rows[0]]
    wanted = {name.casefold() for name in expected}
    below = [{row[place].strip() for row in rows[1:] if place < len(row)} for place in range(len(first))]
    recurs = [bool(cell) and cell in values for cell, values in zip(first, below, strict=True)]
    if any(cell.casefold() in wanted for cell in first):
        return True
    if any(known(cell) and not again for cell, again in zip(first, recurs, strict=True)):
        return True
    if any(recurs):
        return False
    if any(partly_known(cell) for cell in first):
        return True
    odd = any(not cell or is_number(cell) or len(cell) > 60 for cell in first)
    return not odd and len(set(first)) == len(first)


def _delimiter(lines: Sequence[str], suffix: str) -> str:
    """Return the delimiter that splits most of the first records into as many cells as the first record."""
    order = ("\t", *(mark for mark in _DELIMITERS if mark != "\t")) if suffix in (".tsv", ".txt") else _DELIMITERS

    def score(mark: str) -> float:
        reader = csv.reader(iter(lines[: _SAMPLE * 4]), delimiter=mark)
        counts: list[int] = []
        with _large_cells():
            for cells in reader:
                if cells:
                    counts.append(len(cells))
                if len(counts) == _SAMPLE:
                    break
        if not counts or counts[0] < 2:
            return 0.0
        return counts.count(counts[0]) / len(counts)

    best = max(order, key=score)  # the first of equals, so `order` breaks ties
    return best if score(best) > 0 else order[0]


@contextmanager
def _large_cells() -> Iterator[None]:
    """Lift the csv module's own limit (131,072 characters) while we read: ours is applied cell by cell, by row."""
    before = csv.field_size_limit(2**31 - 1)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _parse(
    name: str, lines: list[str], delimiter: str, advance: Advance
) -> tuple[list[Record], list[Damage], tuple[str, ...]]:
    with _large_cells():
        records, damaged = _records(name, lines, delimiter, csv.QUOTE_MINIMAL, advance)
        spans = any(count > 1 for _, _, count in records)
        if delimiter == "\t" and (damaged or spans) and _splits_evenly(lines, delimiter):
            # Tab-separated files often hold bare quotes: every line is a whole row, so quotes are only characters.
            records, damaged = _records(name, lines, delimiter, csv.QUOTE_NONE, lambda _lines: None)
            return records, damaged, (f"{name}: quotes are taken as plain characters",)
    notes: list[str] = []
    width = _width(records) if records else 0
    last_cells = {cells[-1].strip() for _, cells, count in records if count == 1 and len(cells) == width}
    swallowed = [
        row
        for row, _, count in records
        if count > 1
        and width > 1
        and lines[row - 1].rstrip("\r\n").rsplit(delimiter, 1)[-1].strip() in last_cells - {""}
    ]
    if swallowed:
        notes.append(
            f"{name}, row {swallowed[0]}: a quoted cell runs over several lines, the first like a whole row "
            f"({len(swallowed)} such); check for a quote that is never closed"
        )
    return records, damaged, tuple(notes)


def _records(
    name: str, lines: list[str], delimiter: str, quoting: int, advance: Advance
) -> tuple[list[Record], list[Damage]]:
    """Parse line by line; a record that breaks the quoting rules is put aside and parsing resumes on its next line."""
    records: list[Record] = []
    damaged: list[Damage] = []
    start = 0
    while start < len(lines):
        rest = (lines[place] for place in range(start, len(lines)))
        reader = csv.reader(rest, delimiter=delimiter, strict=True, quoting=quoting)  # type: ignore[arg-type]
        done = start
        try:
            for cells in reader:
                begin, done = done, start + reader.line_num
                advance(done - begin)
                if cells and not (len(cells) == 1 and not cells[0].strip()):
                    records.append((begin + 1, cells, done - begin))
            break
        except csv.Error as error:
            damaged.append(Damage(f"{name}, row {done + 1}", _csv_fault(str(error))))
            start = done + 1
    return records, damaged


def _csv_fault(error: str) -> str:
    if "unexpected end" in error:
        return 'a quote " opens a cell and is never closed'
    if "expected after" in error:
        return 'a quote " stands inside a quoted cell; write it twice ("")'
    return error


def _splits_evenly(lines: Sequence[str], delimiter: str) -> bool:
    counts = {line.count(delimiter) for line in lines if line.strip()}
    return len(counts) == 1 and counts.pop() > 0


def _width(records: Sequence[Record]) -> int:
    """Return the most frequent number of cells; the first row decides between equals."""
    counts = Counter(len(cells) for _, cells, _ in records[: _SAMPLE * 50])
    first = len(records[0][1])
    return max(counts, key=lambda width: (counts[width], width == first))


def _names(file: str, first: Record, width: int) -> list[str]:
    row, cells, _ = first
    names = [cell.strip().removeprefix("\ufeff") for cell in cells]
    while len(names) > width and not names[-1]:
        names.pop()
    twice = [name for name, count in Counter(names).items() if name and count > 1]
    if twice:
        raise DataError(
            f"{file}, row {row}: the header names {quoted(twice)} more than once. Rename one of the columns."
        )
    return [name or f"column {number}" for number, name in enumerate(names, start=1)]


def _fault(cells: list[str], width: int, delimiter: str) -> str | None:
    if len(cells) != width and (len(cells) < width or any(cell.strip() for cell in cells[width:])):
        mark = "" if len(cells) < width else f"; put quotes around a cell that holds a {_NAMES[delimiter]}"
        return f"{counted(len(cells), 'cell')} where {width} were expected{mark}"
    for place, cell in enumerate(cells[:width], start=1):
        if len(cell) > MAX_CELL:
            return f"column {place} holds {len(cell):,} characters, more than {MAX_CELL:,}; shorten or split it"
        if "\0" in cell:
            return f"column {place} holds a NUL byte; export the file again"
    return None
