"""Markdown: blocks are slices of the source, so that an offset is an offset into the file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from alih.data.decoding import read_text
from alih.rag.document import Block, Document, HeadingPath
from alih.rag.extras import needs
from alih.rag.readers.text import normalised

if TYPE_CHECKING:
    from markdown_it.token import Token

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---(\n|\Z)", re.DOTALL)
_TITLE = re.compile(r"^title:[ \t]*(\S.*?)[ \t]*$", re.MULTILINE)
#: Containers whose children are blocks of their own; everything else that has lines is one block.
_CONTAINERS = frozenset({"bullet_list_open", "ordered_list_open", "blockquote_open"})


def read_markdown(path: Path, name: str) -> Document:
    """Read a Markdown file (CommonMark and tables). HTML comments and front matter are left out.

    Raises:
        DataError: it is empty, or not text.
        OptionError: markdown-it-py is not installed.
    """
    with needs("rag"):
        from markdown_it import MarkdownIt
    text = normalised(read_text(path))
    starts = [0, *(found.end() for found in re.finditer("\n", text)), len(text) + 1]
    front = _FRONT_MATTER.match(text)
    hidden = front.end() if front else 0
    # The front matter's lines stay, empty: line numbers must be the file's.
    visible = re.sub(r"[^\n]", " ", text[:hidden]) + text[hidden:]
    tokens = MarkdownIt("commonmark").enable("table").parse(visible)
    blocks = _blocks(tokens, text, starts)
    stated = _TITLE.search(front.group()) if front else None
    return Document(name, "markdown", text, tuple(blocks), stated.group(1).strip("\"'") if stated else "")


def _blocks(tokens: list[Token], text: str, starts: list[int]) -> list[Block]:
    headings = HeadingPath()
    blocks: list[Block] = []
    taken = 0  # the line up to which everything is in a block
    for index, token in enumerate(tokens):
        if token.type == "heading_open" and token.level == 0:
            headings.enter(int(token.tag[1:]), plain(tokens[index + 1]))
            taken = (token.map or [0, taken])[1]
            continue
        if token.map is None or token.nesting < 0 or token.type in _CONTAINERS or token.map[0] < taken:
            continue
        if token.type == "inline" or (token.type == "html_block" and token.content.lstrip().startswith("<!--")):
            continue
        first, last = token.map
        start, end = starts[first], min(starts[min(last, len(starts) - 1)], len(text))
        body = text[start:end]
        start += len(body) - len(body.lstrip())
        end -= len(body) - len(body.rstrip())
        taken = last
        if start < end:
            blocks.append(Block(start, end, headings.path, place=f"line {first + 1}"))
    return blocks


def plain(inline: Token) -> str:
    """The words of an inline token, without its marks."""
    return "".join(child.content for child in inline.children or [] if child.type in {"text", "code_inline"})
