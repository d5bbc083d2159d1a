"""What stands where on the pages of a PDF: lines, paragraphs, tables, and what runs along at the top and the bottom."""

from __future__ import annotations

import itertools
import re
import statistics
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from alih.rag.readers.tables import Cell, Row
from alih.rag.readers.text import is_contents

#: pdfium writes a hyphen that a line break asked for as U+FFFE (older builds as U+0002).
BROKEN_WORD = re.compile("[\ufffe\x02]\\s*\n?")
_CONTENTS = re.compile(
    r"\s*(?:table of )?contents|\s*daftar isi|\s*inhalt(?:sverzeichnis)?|\s*sommaire|\s*índice", re.IGNORECASE
)
_MOST_PIECES = 20_000
#: Share of a page's height, at top and bottom, in which lines may run along, and of the pages that have them.
_MARGIN = 0.12
_SHARE = 0.4
_FIRST_LINES = 3
#: White space between two cells, in heights of the line; and between two paragraphs, in distances of lines.
_CELL_GAP = 1.5
_PARAGRAPH_GAP = 1.3
_FEWEST_ROWS = 3
#: Boxes are those of the letters that stand there, so that lines of one size differ by a third.
_TALLER = 1.6


@dataclass(frozen=True)
class Piece:
    """A run of text with its box, in points from the lower left corner."""

    text: str
    left: float
    bottom: float
    right: float
    top: float


@dataclass(frozen=True)
class Line:
    """Pieces on one line, those of a table far apart."""

    pieces: tuple[Piece, ...]

    @property
    def text(self) -> str:
        """The whole line."""
        return " ".join(piece.text for piece in self.pieces)

    @property
    def height(self) -> float:
        """Of its first piece, at least one point."""
        return max(self.pieces[0].top - self.pieces[0].bottom, 1.0)


def lines_of(text_page: Any) -> list[Line]:
    """The lines of a page in the order in which the file has them."""
    lines: list[list[Piece]] = []
    for number in range(min(text_page.count_rects(), _MOST_PIECES)):
        left, bottom, right, top = text_page.get_rect(number)
        text = text_page.get_text_bounded(left, bottom, right, top).replace("\r\n", "\n").replace("\0", " ")
        piece = Piece(text.strip("\n"), left, bottom, right, top)
        if not piece.text.strip():
            continue
        before = lines[-1][-1] if lines else None
        height = max(top - bottom, 1.0)
        same = before is not None and abs(before.bottom - bottom) < height / 2 and left > before.left
        if before is None or not same:
            lines.append([piece])
        elif left - before.right > _CELL_GAP * height:
            lines[-1].append(piece)
        else:
            between = " " if left - before.right > 0.15 * height and not before.text.endswith(" ") else ""
            joined = before.text + between + piece.text
            lines[-1][-1] = Piece(joined, before.left, min(before.bottom, bottom), right, max(before.top, top))
    return [Line(tuple(pieces)) for pieces in lines]


def without_running(pages: Sequence[list[Line]], heights: Sequence[float]) -> list[list[Line]]:
    """Pages (of these heights, in points) without the lines in their margins that come on many of them."""
    edges = [_edges(lines, height) for lines, height in zip(pages, heights, strict=True)]
    counts = Counter(key for lines in edges for key in {_key(line) for line in lines})
    running = {key for key, count in counts.items() if count > max(2, _SHARE * len(pages))}
    kept = []
    for lines, margins in zip(pages, edges, strict=True):
        gone = {id(line) for line in margins if _key(line) in running}
        kept.append([line for line in lines if id(line) not in gone])
    return kept


def without_contents(lines: list[Line]) -> list[Line]:
    """A page without the entries of a table of contents."""
    if is_contents([line.text for line in lines]):
        return []
    if not any(_CONTENTS.fullmatch(line.text) for line in lines[:_FIRST_LINES]):
        return lines
    numbered = [re.search(r"\s(\d{1,4})\s*$", line.text) for line in lines]
    numbers = [int(found[1]) for found in numbered if found]
    if len(numbers) < _FEWEST_ROWS or numbers != sorted(numbers):
        return lines
    return [line for line, found in zip(lines, numbered, strict=True) if not found]


def blocks_of(lines: Sequence[Line]) -> Iterator[str | list[Row]]:
    """Paragraphs as texts, and tables as rows."""
    pitches = [a.pieces[0].bottom - b.pieces[0].bottom for a, b in itertools.pairwise(lines)]
    usual = statistics.median_low([pitch for pitch in pitches if pitch > 0] or [0.0])
    paragraph: list[Line] = []
    at = 0
    while at < len(lines):
        rows = _rows(lines, at)
        if rows:
            yield from _joined(paragraph)
            paragraph = []
            yield _aligned(rows)
            at += len(rows)
            continue
        if paragraph and _parted(paragraph[-1], lines[at], usual):
            yield from _joined(paragraph)
            paragraph = []
        paragraph.append(lines[at])
        at += 1
    yield from _joined(paragraph)


def _edges(lines: list[Line], height: float) -> list[Line]:
    return [line for line in lines if not _MARGIN < line.pieces[0].bottom / max(height, 1.0) < 1 - _MARGIN]


def _key(line: Line) -> tuple[str, int]:
    """What a running line has in common from page to page: its words, and about its height on the page."""
    return re.sub(r"\d+|\b[ivxlc]+\b", "#", " ".join(line.text.split())), round(line.pieces[0].bottom / 10)


def _joined(paragraph: list[Line]) -> Iterator[str]:
    if paragraph:
        yield BROKEN_WORD.sub("", "\n".join(line.text for line in paragraph))


def _parted(above: Line, below: Line, usual: float) -> bool:
    """Whether a paragraph ends between two lines: by space, by another column or by another size of letters."""
    pitch = above.pieces[0].bottom - below.pieces[0].bottom
    taller = max(above.height, below.height) > _TALLER * min(above.height, below.height)
    return pitch < -usual / 2 or pitch > _PARAGRAPH_GAP * usual or (taller and len(below.text) > 3 < len(above.text))


def _rows(lines: Sequence[Line], at: int) -> list[Line]:
    """The lines of a table that begins here; empty where none does."""
    end = at
    while end < len(lines) and len(lines[end].pieces) > 1:
        end += 1
    return list(lines[at:end]) if end - at >= _FEWEST_ROWS else []


def _aligned(rows: Sequence[Line]) -> list[Row]:
    """Each piece in the column that it is nearest to, by its left side, its right side or its middle."""
    columns = max(rows, key=lambda row: len(row.pieces)).pieces
    found: list[Row] = []
    for row in rows:
        texts = [""] * len(columns)
        for piece in row.pieces:
            nearest = min(range(len(columns)), key=lambda one: _distance(piece, columns[one]))
            texts[nearest] = f"{texts[nearest]} {piece.text}".strip()
        found.append([Cell(text) for text in texts])
    return found


def _distance(one: Piece, other: Piece) -> float:
    middle = abs(one.left + one.right - other.left - other.right) / 2
    return min(abs(one.left - other.left), abs(one.right - other.right), middle)
