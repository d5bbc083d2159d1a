"""HTML: what a reader sees, with the headings above it; navigation, scripts and hidden parts are left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from alih.data.decoding import read_text
from alih.errors import DataError
from alih.rag.document import Composer, Document, HeadingPath
from alih.rag.extras import needs

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

_LEFT_OUT = ["script", "style", "noscript", "template", "nav", "footer", "form", "svg", "iframe", "object", "head"]
_HIDDEN = (
    "[hidden], [aria-hidden=true], [style*='display:none'], [style*='display: none'], [style*='visibility:hidden']"
)
_BLOCKS = frozenset(
    [
        "p",
        "div",
        "section",
        "article",
        "main",
        "body",
        "li",
        "ul",
        "ol",
        "dl",
        "dd",
        "dt",
        "td",
        "th",
        "tr",
        "table",
        "pre",
        "blockquote",
        "figcaption",
        "figure",
        "header",
        "aside",
        "details",
        "summary",
        "address",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "html",
        "caption",
        "tbody",
        "thead",
    ]
)
_HEADING = re.compile(r"h[1-6]")
_CHARSET = re.compile(rb"<meta[^>]{0,200}?charset\s*=\s*[\"']?\s*([\w.:-]{2,40})", re.IGNORECASE)
_DEEPEST = 400


def read_html(path: Path, name: str) -> Document:
    """Read an HTML file.

    Raises:
        DataError: it is empty, in an encoding that it does not state, or nested beyond reason.
        OptionError: selectolax is not installed.
    """
    with needs("rag"):
        from selectolax.lexbor import LexborHTMLParser
    tree = LexborHTMLParser(_decoded(path))
    found = tree.css_first("title")
    title = " ".join(found.text().split()) if found else ""
    tree.strip_tags(_LEFT_OUT)
    for node in tree.css(_HIDDEN):
        node.decompose()
    composer = Composer()
    headings = HeadingPath()
    if tree.body is not None:
        _walk(tree.body, composer, headings, path.name)
    return composer.document(name, "html", title=title)


def _walk(body: LexborNode, composer: Composer, headings: HeadingPath, file: str) -> None:
    owner: LexborNode | None = None
    texts: list[str] = []

    def flush() -> None:
        told = _collapsed("".join(texts), keep_lines=owner is not None and owner.tag == "pre")
        texts.clear()
        if owner is not None and _HEADING.fullmatch(owner.tag or ""):
            headings.enter(int((owner.tag or "h6")[1]), told)
        else:
            composer.add(told, headings.path)

    for node in body.traverse(include_text=True):
        if node.tag == "br" and texts:
            texts.append("\v")
        if node.tag != "-text":
            continue
        block = _block_of(node, file)
        if owner is None or block.mem_id != owner.mem_id:
            flush()
            owner = block
        texts.append(node.text(deep=False) or "")
    flush()


def _block_of(node: LexborNode, file: str) -> LexborNode:
    """The nearest element around a text that stands on lines of its own."""
    parent = node.parent
    for _ in range(_DEEPEST):
        if parent is None:
            break
        if parent.tag in _BLOCKS:
            return parent
        parent = parent.parent
    raise DataError(f"{file}: elements are nested more than {_DEEPEST} deep. Save the page again.")


def _collapsed(text: str, *, keep_lines: bool) -> str:
    if keep_lines:
        return text.strip("\n")
    lines = (" ".join(line.split()) for line in re.sub(r"[^\S\n]*\n[^\S\n]*", " ", text).split("\v"))
    return "\n".join(line for line in lines if line)


def _decoded(path: Path) -> str:
    data = path.read_bytes()
    stated = _CHARSET.search(data[:2048])
    if stated is None or data[:3] == b"\xef\xbb\xbf" or data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return read_text(path)
    charset = stated.group(1).decode("ascii", "replace")
    try:
        return data.decode(charset)
    except LookupError as error:
        raise DataError(f'{path.name}: says its encoding is "{charset}", which is none. Save it as UTF-8.') from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path.name}: says its encoding is {charset}, but byte {error.start:,} is not. Save it as UTF-8."
        ) from error
