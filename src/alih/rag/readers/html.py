"""HTML: what a reader sees, with the headings above it; navigation, scripts and hidden parts are left out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from alih.errors import DataError
from alih.rag.document import Composer, Document
from alih.rag.extras import needs
from alih.rag.readers.decoding import read_decoded
from alih.rag.readers.tables import Cell, Grid, add_table

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_LEFT_OUT = ["script", "style", "noscript", "template", "nav", "footer", "svg", "iframe", "object", "head"]
#: Of a form only the controls go: some servers wrap the whole page in one.
_CONTROLS = ["select", "button", "datalist", "textarea", "input"]
_HIDDEN = (
    "[hidden], [aria-hidden=true], [style*='display:none'], [style*='display: none'], [style*='visibility:hidden']"
)
_BLOCKS = frozenset(
    [
        *("p", "div", "section", "article", "main", "body", "html", "header", "aside", "address", "pre", "blockquote"),
        *("h1", "h2", "h3", "h4", "h5", "h6", "li", "ul", "ol", "dl", "dd", "dt", "table", "caption", "thead", "tbody"),
        *("tfoot", "tr", "td", "th", "figure", "figcaption", "details", "summary", "form", "fieldset", "legend", "hr"),
    ]
)
_HEADING = re.compile(r"h[1-6]")
_CHARSET = re.compile(rb"<(?:meta|\?xml)[^>]{0,200}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]*)")
#: Elements that end by themselves, so that one without an end tag holds nothing of what follows.
_UNCLOSED = frozenset(
    [
        *("p", "li", "dt", "dd", "td", "th", "tr", "thead", "tbody", "tfoot", "colgroup", "option", "optgroup", "rp"),
        *("rt", "html", "head", "body", "area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta"),
        *("param", "source", "track", "wbr"),
    ]
)
#: The parser takes the square of depth and attributes; no page that people write comes near.
_DEEPEST = 5000
_MOST_ATTRIBUTES = 10_000


def read_html(path: Path, name: str) -> Document:
    """Read an HTML file.

    Raises:
        DataError: it is empty, in another encoding than it states, or nested beyond reason.
        OptionError: selectolax is not installed.
    """
    text, notes = read_decoded(path, stated=_stated(path))
    title, composer = page(text, path.name)
    return composer.document(name, "html", title=title, notes=notes)


def page(text: str, file: str, composer: Composer | None = None) -> tuple[str, Composer]:
    """Read a page.

    Args:
        text: its source.
        file: for messages.
        composer: that its blocks are added to; a new one by default.

    Returns:
        its title, and the composer.
    """
    with needs("rag"):
        from selectolax.lexbor import LexborHTMLParser
    _refuse_hostile(text, file)
    tree = LexborHTMLParser(text)
    found = tree.css_first("title")
    title = " ".join(found.text().split()) if found else ""
    tree.strip_tags(_LEFT_OUT + _CONTROLS)
    for node in tree.css(_HIDDEN):
        node.decompose()
    composer = composer or Composer()
    if tree.body is not None:
        _read(tree.body, composer, _data_tables(tree.body))
    return title, composer


def _read(root: LexborNode, composer: Composer, data: frozenset[int]) -> None:
    texts: list[str] = []
    keeps_lines = 0

    def flush() -> str:
        told = "".join(texts)
        texts.clear()
        return told.strip("\n") if keeps_lines else _collapsed(told)

    for node, enters in _steps(root, data):
        tag = node.tag or ""
        if tag == "-text":
            if enters:
                texts.append(node.text(deep=False) or "")
        elif tag == "br":
            if enters:
                texts.append("\n" if keeps_lines else "\v")
        elif tag == "table" and node.mem_id in data:
            if enters:
                composer.add(flush())
                _table(node, composer, data)
        elif tag in _BLOCKS:
            told = flush()
            if not enters and _HEADING.fullmatch(tag):
                composer.heading(int(tag[1]), told)
            else:
                composer.add(told)
            keeps_lines += (1 if enters else -1) if tag == "pre" else 0
    composer.add(flush())


def _steps(root: LexborNode, data: frozenset[int]) -> Iterator[tuple[LexborNode, bool]]:
    """Every node below another, as (node, True) on the way in and (node, False) on the way out; no recursion.

    Tables of data, but for the root itself, are not entered: who needs their rows starts at them.
    """
    node = root.child
    while node is not None:
        yield node, True
        inside = None if node.tag == "table" and node.mem_id in data else node.child
        if inside is not None:
            node = inside
            continue
        yield node, False
        while node.next is None:
            parent = node.parent
            if parent is None or parent.mem_id == root.mem_id:
                return
            node = parent
            yield node, False
        node = node.next


def _data_tables(root: LexborNode) -> frozenset[int]:
    """Tables that hold data; others only lay out a page, and hold tables, headings or lists themselves."""
    layout: set[int] = set()
    named: set[int] = set()
    every: list[int] = []
    around: list[int] = []
    for node, enters in _steps(root, frozenset()):
        tag = node.tag or ""
        if enters and around and (tag in {"table", "ul", "ol"} or _HEADING.fullmatch(tag)):
            layout.add(around[-1])
        if tag == "table":
            if enters:
                every.append(node.mem_id)
                around.append(node.mem_id)
                if (node.attributes.get("role") or "") in {"presentation", "none"}:
                    layout.add(node.mem_id)
            else:
                around.pop()
        elif tag == "th" and around:
            named.add(around[-1])
    return frozenset(one for one in every if one in named or one not in layout)


def _table(table: LexborNode, composer: Composer, data: frozenset[int]) -> None:
    grid = Grid()
    caption = ""
    inside: list[LexborNode] = []
    in_head = False
    for node, enters in _steps(table, data):
        if node.tag == "thead":
            in_head = enters
        elif node.tag == "caption" and enters:
            caption = _cell_text(node, inside, data)
        elif node.tag == "tr" and enters:
            grid.start_row()
        elif node.tag in {"td", "th"} and enters:
            if not grid.rows:
                grid.start_row()
            cell = Cell(_cell_text(node, inside, data), node.tag == "th" or in_head)
            grid.put(cell, _span(node, "colspan"), _span(node, "rowspan"))
    add_table(composer, grid.rows, caption=caption)
    for one in inside:
        _table(one, composer, data)


def _cell_text(cell: LexborNode, inside: list[LexborNode], data: frozenset[int]) -> str:
    """The text of a cell; tables in it are put into `inside`."""
    texts = []
    for node, enters in _steps(cell, data):
        if node.tag == "-text" and enters:
            texts.append(node.text(deep=False) or "")
        elif node.tag == "br" or node.tag in _BLOCKS:
            texts.append(" ")
            if enters and node.mem_id in data:
                inside.append(node)
    return "".join(texts)


def _span(cell: LexborNode, name: str) -> int:
    told = (cell.attributes.get(name) or "").strip()
    return min(int(told), 1000) if told.isascii() and told.isdigit() and len(told) < 6 else 1


def _collapsed(text: str) -> str:
    lines = (" ".join(line.split()) for line in text.split("\v"))
    return "\n".join(line for line in lines if line)


def _refuse_hostile(text: str, file: str) -> None:
    """Count open elements, and attributes of one element, before anything is parsed: the parser squares both."""
    depth = 0
    for found in _TAG.finditer(text):
        if found[2].lower() not in _UNCLOSED:
            depth = max(depth - 1, 0) if found[1] else depth + 1
            if depth > _DEEPEST:
                raise DataError(f"{file}: elements are nested more than {_DEEPEST:,} deep. Save the page again.")
    for piece in text.split(">"):
        tag = _TAG.search(piece, max(piece.rfind("<"), 0)) if len(piece) > _MOST_ATTRIBUTES else None
        if tag and len(piece[tag.start() :].split(maxsplit=_MOST_ATTRIBUTES)) > _MOST_ATTRIBUTES:
            raise DataError(f"{file}: an element has more than {_MOST_ATTRIBUTES:,} attributes. Save the page again.")


def _stated(path: Path) -> str:
    with path.open("rb") as file:
        found = _CHARSET.search(file.read(2048))
    return found[1].decode("ascii", "replace") if found else ""
