"""PDF: paragraphs and tables page by page, with the headings of its outline, without what runs along."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alih.data.messages import counted
from alih.errors import DataError
from alih.rag.document import Composer, Document, HeadingPath
from alih.rag.extras import needs
from alih.rag.readers.layout import Line, blocks_of, lines_of, without_contents, without_running
from alih.rag.readers.tables import add_table

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
    count = len(file)
    if count > _MOST_PAGES:
        raise DataError(f"{path.name}: {count:,} pages, more than {_MOST_PAGES:,}. Split it.")
    by_page = _outline(file)
    heights = [file.get_page_size(number)[1] for number in range(count)]
    pages = [_lines(file[number]) for number in range(count)]
    scanned = [number for number, lines in enumerate(pages, 1) if not lines]
    contents = 0
    headings = HeadingPath()
    composer = Composer()
    for number, lines in enumerate(without_running(pages, heights)):
        place = f"page {number + 1}"
        for level, heading in by_page.get(number, []):
            headings.enter(level, heading)
        kept = without_contents(lines)
        contents += len(kept) < len(lines)
        for block in blocks_of(kept):
            if isinstance(block, str):
                composer.add(block, headings.path, page=number + 1, place=place)
            else:
                table = Composer(_headings=headings)
                add_table(table, block)
                made = table.document("", "")
                for row in made.blocks:
                    composer.add(
                        made.text[row.start : row.end], row.headings, page=number + 1, place=place, alone=row.alone
                    )
    recognise = f"Recognise its text first: ocrmypdf --skip-text {path.name} {path.stem}-text.pdf"
    if len(scanned) == count:
        raise DataError(f"{path.name}: {counted(count, 'page')} without any text: pictures (a scan). {recognise}")
    notes = [f"left out: {counted(contents, 'page')} of a table of contents"] if contents else []
    if scanned:
        shown = ", ".join(map(str, scanned[:10])) + (", …" if len(scanned) > 10 else "")
        notes.append(f"{len(scanned):,} of {counted(count, 'page')} without text (a scan?), pages {shown}. {recognise}")
    return composer.document(name, "pdf", title=file.get_metadata_value("Title").strip(), notes=notes)


def _lines(page: Any) -> list[Line]:
    text_page = page.get_textpage()
    try:
        return lines_of(text_page)
    finally:
        text_page.close()
        page.close()


def _outline(file: Any) -> dict[int, list[tuple[int, str]]]:
    """Headings by the page (from 0) that they point to, as (level, heading)."""
    found: dict[int, list[tuple[int, str]]] = {}
    for mark in file.get_toc(max_depth=6):
        place = mark.get_dest()
        index = place.get_index() if place is not None else None
        if index is not None:
            found.setdefault(index, []).append((mark.level + 1, mark.get_title()))
    return found
