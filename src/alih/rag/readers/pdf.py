"""PDF: text page by page, with the headings of its outline."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from alih.data.messages import counted
from alih.errors import DataError
from alih.rag.document import Composer, Document, HeadingPath
from alih.rag.extras import needs
from alih.rag.readers.text import paragraphs

#: pdfium writes a hyphen that a line break asked for as U+FFFE (older builds as U+0002).
_BROKEN_WORD = re.compile("[\ufffe\x02]\\s*\n?")
_MOST_PAGES = 20_000


def read_pdf(path: Path, name: str) -> Document:
    """Read a PDF file.

    Raises:
        DataError: it needs a password, is damaged, or holds no text (a scan).
        OptionError: pypdfium2 is not installed.
    """
    with needs("rag"):
        import pypdfium2 as pdfium
    try:
        file = pdfium.PdfDocument(path)
    except pdfium.PdfiumError as error:
        if "password" in str(error).lower():
            raise DataError(f"{path.name}: needs a password. Save it without one.") from error
        raise DataError(f"{path.name}: is damaged or no PDF. Export it again.") from error
    try:
        return _read(file, path, name)
    except pdfium.PdfiumError as error:
        raise DataError(f"{path.name}: is damaged ({error}). Export it again.") from error
    finally:
        file.close()


def _read(file: Any, path: Path, name: str) -> Document:
    pages = len(file)
    if pages > _MOST_PAGES:
        raise DataError(f"{path.name}: {pages:,} pages, more than {_MOST_PAGES:,}. Split it.")
    by_page = _outline(file)
    headings = HeadingPath()
    composer = Composer()
    for number in range(pages):
        for level, heading in by_page.get(number, []):
            headings.enter(level, heading)
        for paragraph in _texts(file[number]):
            composer.add(paragraph, headings.path, page=number + 1, place=f"page {number + 1}")
    title = file.get_metadata_value("Title").strip()
    document = composer.document(name, "pdf", title=title)
    if not document.blocks:
        raise DataError(
            f"{path.name}: {counted(pages, 'page')} without any text: pictures (a scan). "
            "Recognise the text first, for example with ocrmypdf."
        )
    return document


def _texts(page: Any) -> list[str]:
    """The paragraphs of one page."""
    text_page = page.get_textpage()
    try:
        raw = text_page.get_text_bounded()
    finally:
        text_page.close()
        page.close()
    text = _BROKEN_WORD.sub("", raw.replace("\r\n", "\n").replace("\r", "\n")).replace("\0", " ")
    return [text[block.start : block.end] for block in paragraphs(text)]


def _outline(file: Any) -> dict[int, list[tuple[int, str]]]:
    """Headings by the page (from 0) that they point to, as (level, heading)."""
    found: dict[int, list[tuple[int, str]]] = {}
    for mark in file.get_toc(max_depth=6):
        place = mark.get_dest()
        index = place.get_index() if place is not None else None
        if index is not None:
            found.setdefault(index, []).append((mark.level + 1, mark.get_title()))
    return found
