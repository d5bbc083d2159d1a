"""A document as every format is read into: its text, and where each block of it stands."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True)
class Block:
    """A paragraph, list item, table row or the like.

    Args:
        start, end: where it lies in the document's text, in characters.
        headings: the headings above it, the outermost first.
        page: of a PDF, from 1.
        place: how a person finds it ("page 3", "row 12", "line 40"); empty where the format has no such thing.
        alone: it never shares a chunk with a neighbour (a row of a table).
    """

    start: int
    end: int
    headings: tuple[str, ...] = ()
    page: int | None = None
    place: str = ""
    alone: bool = False


@dataclass(frozen=True)
class Document:
    """One document.

    Args:
        name: its path from the folder that was given, with forward slashes; what citations show.
        kind: "pdf", "docx", "html", "markdown", "text", "rows" or "docstrings".
        text: everything that was read, in reading order. For text, Markdown and docstrings offsets into it are offsets
            into the decoded file; for the other formats they are offsets into the text that was extracted.
        blocks: in order, not overlapping.
        title: as the document itself states it; empty where it does not.
        notes: what was odd (rows left out, …).
    """

    name: str
    kind: str
    text: str
    blocks: tuple[Block, ...]
    title: str = ""
    notes: tuple[str, ...] = ()

    @cached_property
    def _starts(self) -> list[int]:
        return [block.start for block in self.blocks]

    def block_at(self, offset: int) -> Block:
        """The block that holds a character, or the last one before it."""
        return self.blocks[max(bisect.bisect_right(self._starts, offset) - 1, 0)]


@dataclass(frozen=True)
class Skipped:
    """A file that did not go in, and why."""

    name: str
    reason: str


@dataclass
class Composer:
    """Puts a text together block by block, for formats whose text is extracted."""

    _parts: list[str] = field(default_factory=list)
    _blocks: list[Block] = field(default_factory=list)
    _length: int = 0

    def add(
        self, text: str, headings: Sequence[str] = (), *, page: int | None = None, place: str = "", alone: bool = False
    ) -> None:
        """Append one block; blocks are two line breaks apart. White space alone is no block."""
        text = text.strip()
        if not text:
            return
        if self._parts:
            self._parts.append("\n\n")
            self._length += 2
        block = Block(self._length, self._length + len(text), tuple(headings), page, place, alone)
        self._parts.append(text)
        self._blocks.append(block)
        self._length = block.end

    def document(self, name: str, kind: str, *, title: str = "", notes: Sequence[str] = ()) -> Document:
        """Everything added so far, as a document."""
        return Document(name, kind, "".join(self._parts), tuple(self._blocks), title, tuple(notes))


@dataclass
class HeadingPath:
    """The headings above the place that reading has reached."""

    _levels: list[tuple[int, str]] = field(default_factory=list)

    def enter(self, level: int, heading: str) -> None:
        """Go below a heading of a level (1 is the outermost); deeper and equal ones end."""
        while self._levels and self._levels[-1][0] >= level:
            self._levels.pop()
        shown = " ".join(heading.split())[:200]
        if shown:
            self._levels.append((level, shown))

    @property
    def path(self) -> tuple[str, ...]:
        """The headings, the outermost first."""
        return tuple(heading for _, heading in self._levels)
