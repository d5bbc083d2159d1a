"""Markdown: blocks are slices of the source, so that an offset is an offset into the file; tables become rows."""

from __future__ import annotations

import html
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from alih.rag.document import Block, Composer, Document, HeadingPath
from alih.rag.extras import needs
from alih.rag.readers.decoding import read_decoded
from alih.rag.readers.html import page
from alih.rag.readers.tables import Cell, Row, add_table
from alih.rag.readers.text import is_contents, normalised
from alih.rag.visible import visible

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---(\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
_ENTITY = re.compile(r"&(?:#\d{1,7}|#[xX][\da-fA-F]{1,6}|\w{2,30});")
#: Containers whose children are blocks of their own; everything else that has lines is one block.
_CONTAINERS = frozenset({"bullet_list_open", "ordered_list_open", "blockquote_open"})
_LONGEST_INLINE = 2000
_LINK_TO_HEADING = re.compile(r"\s*(?:[-*+]|\d{1,9}[.)])\s+\[[^\]]*\]\(#[^)]*\)\s*")


def read_markdown(path: Path, name: str) -> Document:
    """Read a Markdown file (CommonMark and tables). HTML comments and front matter are left out.

    Raises:
        DataError: it is empty, or no text.
        OptionError: markdown-it-py is not installed.
    """
    told, notes = read_decoded(path)
    text, blocks, title = parse_markdown(told, path.name)
    return Document(name, "markdown", text, tuple(blocks), title, tuple(notes))


def parse_markdown(source: str, file: str) -> tuple[str, list[Block], str]:
    """Read Markdown.

    Args:
        source: of the document.
        file: for messages.

    Returns:
        its text, the blocks in it, and the title that it states.
    """
    with needs("rag"):
        from markdown_it import MarkdownIt
    text = normalised(_ENTITY.sub(_seen, source))
    front = _FRONT_MATTER.match(text)
    hidden = front.end() if front else 0
    # The front matter's lines stay, empty: line numbers must be the file's.
    blank = re.sub(r"[^\n]", " ", text[:hidden]) + text[hidden:]
    # Marks inside a line matter in headings and cells alone, and brackets without end take the square of their number.
    inline = MarkdownIt("commonmark")
    tokens = MarkdownIt("commonmark").enable("table").disable("inline").parse(blank)
    for before, token in itertools.pairwise(tokens):
        if before.type in {"heading_open", "th_open", "td_open"} and len(token.content) < _LONGEST_INLINE:
            token.children = inline.parseInline(token.content)[0].children
    found = _Source(text, file)
    found.read(tokens)
    stated = _TITLE.search(front.group()) if front else None
    whole, blocks = found.put_together()
    return whole, blocks, stated.group(1).strip("\"'") if stated else ""


def plain(inline: Token) -> str:
    """The words of an inline token, without its marks where it was looked into."""
    if not inline.children:
        return inline.content
    kinds = {"text": None, "code_inline": None, "image": None, "softbreak": " ", "hardbreak": " ", "html_inline": " "}
    children = [child for child in inline.children if child.type in kinds]
    return "".join(kinds[child.type] or child.content for child in children)


@dataclass
class _Source:
    """Blocks of one source, and what takes the place of its tables.

    Args:
        text: of the source.
        file: for messages.
    """

    text: str
    file: str
    _items: list[Block | tuple[int, int, Document]] = field(default_factory=list)
    _headings: HeadingPath = field(default_factory=HeadingPath)

    def __post_init__(self) -> None:
        self._starts = [0, *(found.end() for found in re.finditer("\n", self.text)), len(self.text) + 1]

    def read(self, tokens: list[Token]) -> None:
        """Turn tokens into blocks."""
        taken = 0  # the line up to which everything is in a block
        bare: tuple[int, Block] | None = None  # a heading with nothing below it yet
        for index, token in enumerate(tokens):
            lines = (token.map[0], token.map[1]) if token.map else None
            if token.type == "heading_open" and token.level == 0 and lines is not None:
                level = int(token.tag[1:])
                if bare is not None and bare[0] >= level:
                    self._items.append(bare[1])
                above = tuple(heading for at, heading in self._headings.levels if at < level)
                block = self._slice(lines[0], lines[1], above)
                bare = (level, block) if block is not None else None
                self._headings.enter(level, plain(tokens[index + 1]))
                taken = lines[1]
                continue
            if lines is None or token.nesting < 0 or lines[0] < taken or token.type == "inline":
                continue
            if token.type in _CONTAINERS:
                if self._lists_headings(*lines):
                    taken = lines[1]
                continue
            comment = token.type == "html_block" and token.content.lstrip().startswith("<!--")
            if comment or self._is_contents(*lines):
                continue
            taken = lines[1]
            if token.type == "table_open":
                self._compose(*lines, self._table(tokens, index))
            elif token.type == "html_block":
                composer = Composer(_headings=self._headings)
                page(token.content, self.file, composer)
                self._compose(*lines, composer)
            else:
                block = self._slice(*lines, self._headings.path)
                if block is not None:
                    self._items.append(block)
            bare = None
        if bare is not None:
            self._items.append(bare[1])

    def put_together(self) -> tuple[str, list[Block]]:
        """The text with its tables as rows, and every block of it."""
        parts: list[str] = []
        blocks: list[Block] = []
        taken = shift = 0
        for item in self._items:
            if isinstance(item, Block):
                blocks.append(replace(item, start=item.start + shift, end=item.end + shift))
                continue
            start, end, made = item
            parts += [self.text[taken:start], made.text]
            base = start + shift
            blocks += [replace(one, start=one.start + base, end=one.end + base) for one in made.blocks]
            shift += len(made.text) - (end - start)
            taken = end
        return "".join([*parts, self.text[taken:]]), blocks

    def _range(self, first: int, last: int) -> tuple[int, int]:
        start, end = self._starts[first], min(self._starts[min(last, len(self._starts) - 1)], len(self.text))
        body = self.text[start:end]
        return start + len(body) - len(body.lstrip()), end - len(body) + len(body.rstrip())

    def _slice(self, first: int, last: int, headings: tuple[str, ...]) -> Block | None:
        start, end = self._range(first, last)
        return Block(start, end, headings, place=f"line {first + 1}") if start < end else None

    def _compose(self, first: int, last: int, composer: Composer) -> None:
        made = composer.document("", "")
        placed = tuple(replace(one, place=one.place or f"line {first + 1}") for one in made.blocks)
        self._items.append((*self._range(first, last), replace(made, blocks=placed)))

    def _table(self, tokens: list[Token], start: int) -> Composer:
        rows: list[Row] = []
        lines: list[int] = []
        header = 0
        for at in range(start, len(tokens)):
            token = tokens[at]
            if token.type == "table_close":
                break
            if token.type == "tr_open":
                rows.append([])
                lines.append(token.map[0] if token.map else 0)
            elif token.type in {"th_open", "td_open"}:
                rows[-1].append(Cell(plain(tokens[at + 1])))
            elif token.type == "thead_close":
                header = len(rows)
        composer = Composer(_headings=self._headings)
        named = header if any(cell and cell.text for row in rows[:header] for cell in row) else 0
        add_table(composer, rows, header_rows=named, place=lambda row: f"line {lines[row] + 1}")
        return composer

    def _lists_headings(self, first: int, last: int) -> bool:
        """Whether a list is a table of contents: links to headings of the page itself, and nothing else."""
        lines = [line for line in self._lines(first, last) if line.strip()]
        return len(lines) >= 3 and all(_LINK_TO_HEADING.fullmatch(line) for line in lines)

    def _is_contents(self, first: int, last: int) -> bool:
        return is_contents(list(self._lines(first, last)))

    def _lines(self, first: int, last: int) -> Iterator[str]:
        start, end = self._range(first, last)
        yield from self.text[start:end].split("\n")


def _seen(entity: re.Match[str]) -> str:
    """An entity of something invisible or of a space as that; every other one as it is written."""
    told = html.unescape(entity[0])
    if told.isspace():
        return " "
    return "" if not visible(told) else entity[0]
