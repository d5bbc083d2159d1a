"""A document as every format is read into: its text, and where each block of it stands."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

from alih.rag.visible import visible


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
        kind: "pdf", "docx", "html", "markdown", "text", "rows", "docstrings" and so on; see `alih.rag.ingest.READERS`.
        text: everything that was read, in reading order. For text and Markdown without tables offsets into it are
            offsets into the decoded file, less its invisible characters; for everything else they are offsets into the
            text that was extracted.
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
class HeadingPath:
    """The headings above the place that reading has reached."""

    levels: list[tuple[int, str]] = field(default_factory=list)

    def enter(self, level: int, heading: str) -> None:
        """Go below a heading of a level (1 is the outermost); deeper and equal ones end."""
        while self.levels and self.levels[-1][0] >= level:
            self.levels.pop()
        shown = " ".join(heading.split())[:200]
        if shown:
            self.levels.append((level, shown))

    @property
    def path(self) -> tuple[str, ...]:
        """The headings, the outermost first."""
        return tuple(heading for _, heading in self.levels)


@dataclass
class Composer:
    """Puts a text together block by block, for formats whose text is extracted."""

    _parts: list[str] = field(default_factory=list)
    _blocks: list[Block] = field(default_factory=list)
    _length: int = 0
    _headings: HeadingPath = field(default_factory=HeadingPath)
    _bare: tuple[int, str, tuple[str, ...], int | None, str] | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """The headings above what comes next."""
        return self._headings.path

    def heading(self, level: int, text: str, *, page: int | None = None, place: str = "") -> None:
        """Go below a heading (1 is the outermost, 0 the document's title); one with nothing below it is a block."""
        text = " ".join(visible(text).split())
        if not text:
            return
        if self._bare is not None and self._bare[0] >= level:
            self._add_bare()
        above = tuple(heading for at, heading in self._headings.levels if at < level)
        self._bare = (level, text, above, page, place)
        self._headings.enter(level, text)

    def add(
        self,
        text: str,
        headings: Sequence[str] | None = None,
        *,
        page: int | None = None,
        place: str = "",
        alone: bool = False,
    ) -> None:
        """Append one block; blocks are two line breaks apart. White space alone is no block.

        Args:
            text: of the block.
            headings: above it; by default those that were entered.
            page, place, alone: as of `Block`.
        """
        text = visible(text).strip()
        if not text:
            return
        if headings is None:
            headings = self._headings.path
            self._bare = None
        if self._parts:
            self._parts.append("\n\n")
            self._length += 2
        block = Block(self._length, self._length + len(text), tuple(headings), page, place, alone)
        self._parts.append(text)
        self._blocks.append(block)
        self._length = block.end

    def settle(self) -> None:
        """Say that something stands below the heading that was entered last, though not under its path alone."""
        self._bare = None

    def document(self, name: str, kind: str, *, title: str = "", notes: Sequence[str] = ()) -> Document:
        """Everything added so far, as a document."""
        self._add_bare()
        return Document(name, kind, "".join(self._parts), tuple(self._blocks), title, tuple(notes))

    def _add_bare(self) -> None:
        if self._bare is not None:
            _, text, above, page, place = self._bare
            self._bare = None
            self.add(text, above, page=page, place=place)
