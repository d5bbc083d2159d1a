"""EPUB, e-mail, reStructuredText, notebooks, RTF and XML of any kind."""

from __future__ import annotations

import email
import email.policy
import io
import json
import posixpath
from email.message import EmailMessage
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from alih.data.messages import counted, listed
from alih.errors import DataError
from alih.rag.document import Composer, Document
from alih.rag.extras import needs
from alih.rag.readers.archive import attribute, local, opened, parse_xml
from alih.rag.readers.decoding import decoded, read_decoded
from alih.rag.readers.html import page
from alih.rag.readers.markdown import parse_markdown
from alih.rag.readers.tables import Cell, Grid, add_table, plain_rows
from alih.rag.readers.text import normalised, paragraphs

if TYPE_CHECKING:
    from lxml.etree import _Element

_MOST_PARTS = 200
_TITLES = frozenset({"title", "head", "heading", "caption"})


def read_epub(path: Path, name: str) -> Document:
    """Read an .epub file: its chapters in the order of its spine, without its table of contents.

    Raises:
        DataError: it is no EPUB, is protected, or would unpack to something huge.
        OptionError: lxml or selectolax is not installed.
    """
    composer = Composer()
    with opened(path, "EPUB") as archive:
        root = next(
            (attribute(one, "full-path") for one in archive.xml("META-INF/container.xml").iter("{*}rootfile")), ""
        )
        package = archive.xml(root)
        title = next((one.text or "" for one in package.iter("{*}title")), "").strip()
        items = {attribute(one, "id"): one for one in package.iter("{*}item")}
        for reference in package.iter("{*}itemref"):
            item = items.get(attribute(reference, "idref"))
            if item is None or "nav" in attribute(item, "properties").split():
                continue
            part = posixpath.normpath(posixpath.join(posixpath.dirname(root), unquote(attribute(item, "href"))))
            if part in archive.names and "html" in attribute(item, "media-type"):
                page(decoded(archive.data(part)), path.name, composer)
    return composer.document(name, "epub", title=title)


def read_eml(path: Path, name: str) -> Document:
    """Read an e-mail: who wrote to whom about what, then its text; attachments are named, not read.

    Raises:
        DataError: it is empty or no e-mail.
    """
    message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
    if not isinstance(message, EmailMessage) or not message.keys():
        raise DataError(f"{path.name}: is no e-mail: it has no header. Save it again as .eml.")
    subject = _header(message, "Subject")
    composer = Composer()
    composer.heading(1, subject or path.stem)
    lines = [
        f"{key}: {_header(message, key)}" for key in ("Subject", "From", "To", "Cc", "Date") if _header(message, key)
    ]
    composer.add("\n".join(lines), place="header", alone=True)
    attached: list[str] = []
    for part in _texts(message, attached):
        told = decoded(part.get_payload(decode=True) or b"", str(part.get_param("charset") or ""))
        if part.get_content_subtype() == "html":
            page(told, path.name, composer)
        else:
            text = normalised(told)
            for block in paragraphs(text):
                composer.add(text[block.start : block.end])
    notes = [f"{counted(len(attached), 'attachment')} not read: {listed(attached[:5])}"] if attached else []
    return composer.document(name, "eml", title=subject, notes=notes)


def _texts(message: Any, attached: list[str], depth: int = 0) -> list[Any]:
    """The parts that a reader sees; of several forms of one text, the plain one unless it is empty."""
    kind = message.get_content_type()
    if message.get_content_disposition() == "attachment" or depth > 20:
        attached.append(message.get_filename() or kind)
        return []
    if message.is_multipart():
        parts = list(message.iter_parts())[:_MOST_PARTS] if isinstance(message, EmailMessage) else []
        if kind == "multipart/alternative":
            forms = [_texts(part, attached, depth + 1) for part in parts]
            told = [form for form in forms if any(one.get_payload(decode=True).strip() for one in form)]
            plain = next((form for form in told if form[0].get_content_subtype() == "plain"), None)
            return plain or (told[0] if told else [])
        return [one for part in parts for one in _texts(part, attached, depth + 1)]
    if message.get_content_maintype() == "text":
        return [message]
    attached.append(message.get_filename() or kind)
    return []


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name, "")).split())
    except (ValueError, IndexError, AttributeError, TypeError):  # a header that its own parser cannot read
        return ""


def read_rst(path: Path, name: str) -> Document:
    """Read reStructuredText; directives that docutils does not know (Sphinx's) keep their text.

    Raises:
        DataError: it is empty, or no text.
        OptionError: docutils is not installed.
    """
    with needs("rag"):
        from docutils import nodes
        from docutils.core import publish_doctree
    told, notes = read_decoded(path)
    settings = {
        "report_level": 5, "halt_level": 5, "file_insertion_enabled": False, "raw_enabled": False,
        "warning_stream": io.StringIO(), "line_length_limit": 10_000_000,
    }  # fmt: skip
    tree = publish_doctree(normalised(told), settings_overrides=settings)
    composer = Composer()

    def read(node: Any, level: int) -> None:
        for one in node.children:
            if isinstance(one, nodes.title):
                composer.heading(level, one.astext())
            elif isinstance(one, nodes.table):
                composer_table(one)
            elif isinstance(one, nodes.system_message):
                read_unknown(one)
            elif isinstance(one, (nodes.comment, nodes.substitution_definition, nodes.target, nodes.topic)) and (
                not isinstance(one, nodes.topic) or "contents" in one.get("classes", [])
            ):
                continue
            elif isinstance(one, (nodes.field, nodes.TextElement)) or not one.children:
                parts = [part.astext() for part in one.children] if isinstance(one, nodes.field) else [one.astext()]
                composer.add(": ".join(parts), place=f"line {one.line}" if one.line else "")
            else:
                read(one, level + isinstance(one, nodes.section))

    def composer_table(table: Any) -> None:
        grid = Grid()
        caption = next((one.astext() for one in table.findall(nodes.title)), "")
        for row in table.findall(nodes.row):
            grid.start_row()
            for entry in row.children:
                spans = (entry.get("morecols", 0) + 1, entry.get("morerows", 0) + 1)
                grid.put(Cell(entry.astext(), isinstance(row.parent, nodes.thead)), *spans)
        add_table(composer, grid.rows, caption=caption)

    def read_unknown(message: Any) -> None:
        source = next((one.astext() for one in message.findall(nodes.literal_block)), "")
        if source:
            head, _, body = source.partition("\n")
            composer.add(body if head.startswith("..") and body.strip() else source)

    title = tree.get("title", "")
    read(tree, 1)
    return composer.document(name, "rst", title=str(title), notes=notes)


def read_ipynb(path: Path, name: str) -> Document:
    """Read a Jupyter notebook: its texts, its code, and what the code printed.

    Raises:
        DataError: it is no notebook.
    """
    told, notes = read_decoded(path)
    try:
        notebook = json.loads(told)
        cells = notebook["cells"] if "cells" in notebook else [c for s in notebook["worksheets"] for c in s["cells"]]
        composer = Composer()
        for number, cell in enumerate(cells, 1):
            place = f"cell {number}"
            source = _joined(cell.get("source", cell.get("input", "")))
            if cell.get("cell_type") in {"markdown", "heading"}:
                text, blocks, _ = parse_markdown(source, path.name)
                for block in blocks:
                    for level, heading in enumerate(block.headings, 1):
                        if heading not in composer.path:
                            composer.heading(level, heading)
                    composer.add(text[block.start : block.end], place=place, alone=block.alone)
            else:
                composer.add(source, place=place)
                for output in cell.get("outputs", []):
                    data = output.get("data", {})
                    composer.add(
                        _joined(output.get("text", data.get("text/plain", "")))[:10_000], place=f"{place}, output"
                    )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path.name}: is no notebook ({error}). Save it again as .ipynb.") from error
    return composer.document(name, "ipynb", notes=notes)


def _joined(text: Any) -> str:
    return "".join(text) if isinstance(text, list) else str(text)


def read_rtf(path: Path, name: str) -> Document:
    """Read an RTF file; rows of its tables keep their cells.

    Raises:
        DataError: it is no RTF.
        OptionError: striprtf is not installed.
    """
    with needs("rag"):
        from striprtf.striprtf import rtf_to_text
    data = path.read_bytes()
    if not data.lstrip().startswith(b"{\\rtf"):
        raise DataError(f"{path.name}: is no RTF file. Save it again as .rtf.")
    text = normalised(rtf_to_text(data.decode("latin-1"), errors="replace"))  # type: ignore[no-untyped-call]
    composer = Composer()
    rows: list[list[str]] = []
    for line in [*text.split("\n"), ""]:
        if line.endswith("|"):
            rows.append(line[:-1].split("|"))
            continue
        if rows:
            add_table(composer, plain_rows(rows))
            rows = []
        composer.add(line)
    return composer.document(name, "rtf")


def read_xml(path: Path, name: str) -> Document:
    """Read XML of any kind: texts as paragraphs, titles as headings, records as rows of "element: value".

    Raises:
        DataError: it is not well-formed.
        OptionError: lxml is not installed.
    """
    root = parse_xml(path.read_bytes(), path.name + ":")
    if local(root) == "html":
        text, _ = read_decoded(path)
        title, composer = page(text, path.name)
        return composer.document(name, "xml", title=title)
    composer = Composer()
    _read_element(root, composer, 1)
    return composer.document(name, "xml")


def _read_element(node: _Element, composer: Composer, level: int) -> None:
    children = [one for one in node if local(one)]
    place = f"line {node.sourceline}" if node.sourceline else ""
    mixed = bool((node.text or "").strip()) or any((one.tail or "").strip() for one in children)
    if not children or mixed:
        values = _attributes(node)
        told = " ".join("".join(node.itertext()).split())
        if values and not mixed:
            composer.add("\n".join(values), place=place, alone=True)
        else:
            composer.add("\n".join([*values, told]) if values else told, place=place)
        return
    if local(children[0]) in _TITLES and not len(children[0]):
        composer.heading(level, "".join(children[0].itertext()), place=place)
        children = children[1:]
        level += 1
    leaves = [one for one in children if not len(one)]
    names = [local(one) for one in leaves]
    if (len(leaves) > 1 and len(set(names)) == len(names)) or _attributes(node):
        cells = [f"{local(one)}: {' '.join((one.text or '').split())}" for one in leaves if (one.text or "").strip()]
        own = [told for one in leaves for told in (f"{local(one)} {value}" for value in _attributes(one))]
        composer.add("\n".join([*_attributes(node), *cells, *own]), place=place, alone=True)
        children = [one for one in children if len(one)]
    for one in children:
        _read_element(one, composer, level)


def _attributes(node: _Element) -> list[str]:
    return [
        f"{str(key).rpartition('}')[2]}: {value}"
        for key, value in node.attrib.items()
        if not str(key).startswith("{http://www.w3.org/") and str(value).strip()
    ]
