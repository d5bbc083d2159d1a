"""Plain text: paragraphs are what stands between empty lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from alih.rag.document import Block, Document
from alih.rag.readers.decoding import read_decoded
from alih.rag.visible import visible

#: "Leave ........ 12": how a table of contents leads the eye to a page.
_LEADER = re.compile(r"(?:[.·_](?: ?[.·_]){2,}|…+)\s*(?:\d{1,4}|[ivxlc]{1,7})\s*$")
_LONGEST_ENTRY, _LONGEST_LEADER = 400, 40
_PARAGRAPH = re.compile(r"\S.*?(?=\n[^\S\n]*\n|\Z)", re.DOTALL)


def read_plain(path: Path, name: str) -> Document:
    """Read a text file.

    Raises:
        DataError: it is empty, or no text.
    """
    told, notes = read_decoded(path)
    text = normalised(told)
    return Document(name, "text", text, tuple(paragraphs(text)), notes=tuple(notes))


def normalised(text: str) -> str:
    """Return a text without what nobody sees, and with one kind of line break."""
    return visible(text.replace("\r\n", "\n").replace("\r", "\n").replace("\u2028", "\n").replace("\u2029", "\n\n"))


def paragraphs(text: str) -> list[Block]:
    """The paragraphs of a text, each with the line on which it begins; a table of contents is none."""
    blocks = []
    line, seen = 1, 0
    for found in _PARAGRAPH.finditer(text):
        line += text.count("\n", seen, found.start())
        seen = found.start()
        end = found.start() + len(found.group().rstrip())
        if is_contents(found.group().split("\n")):
            continue
        blocks.append(Block(found.start(), end, place=f"line {line}"))
    return blocks


def is_contents(lines: Sequence[str]) -> bool:
    """Whether most of these lines are entries of a table of contents, with dots up to a page number."""
    told = [line for line in lines if line.strip()]
    entries = sum(bool(len(line) < _LONGEST_ENTRY and _LEADER.search(line[-_LONGEST_LEADER:])) for line in told)
    return entries >= 2 and 2 * entries > len(told)
