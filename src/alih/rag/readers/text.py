"""Plain text: paragraphs are what stands between empty lines."""

from __future__ import annotations

import re
from pathlib import Path

from alih.data.decoding import read_text
from alih.rag.document import Block, Document

_PARAGRAPH = re.compile(r"\S.*?(?=\n[^\S\n]*\n|\Z)", re.DOTALL)


def read_plain(path: Path, name: str) -> Document:
    """Read a text file.

    Raises:
        DataError: it is empty, or not text in UTF-8 (or UTF-16 with its mark).
    """
    text = normalised(read_text(path))
    return Document(name, "text", text, tuple(paragraphs(text)))


def normalised(text: str) -> str:
    """Return a text without its byte order mark and with one kind of line break."""
    return text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n").replace("\0", " ")


def paragraphs(text: str) -> list[Block]:
    """The paragraphs of a text, each with the line on which it begins."""
    blocks = []
    line, seen = 1, 0
    for found in _PARAGRAPH.finditer(text):
        line += text.count("\n", seen, found.start())
        seen = found.start()
        end = found.start() + len(found.group().rstrip())
        blocks.append(Block(found.start(), end, place=f"line {line}"))
    return blocks
