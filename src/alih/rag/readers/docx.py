"""Word documents: paragraphs and tables in their order, with the headings above them."""

from __future__ import annotations

import re
import zipfile
from pathlib import Path

from alih.data.messages import counted
from alih.errors import DataError
from alih.rag.document import Composer, Document, HeadingPath
from alih.rag.extras import needs

_MOST_UNPACKED = 300_000_000
_MOST_RATIO = 200
_MOST_ENTRIES = 20_000
_HEADING = re.compile(r"(?:heading|judul|überschrift|titre)\s*([1-9])", re.IGNORECASE)


def read_docx(path: Path, name: str) -> Document:
    """Read a .docx file.

    Raises:
        DataError: it is no Word document, is protected by a password, or would unpack to something huge.
        OptionError: python-docx is not installed.
    """
    with needs("rag"):
        import docx
        from docx.table import Table
    _refuse_bomb(path)
    try:
        file = docx.Document(str(path))
        composer = Composer()
        headings = HeadingPath()
        for item in file.iter_inner_content():
            if isinstance(item, Table):
                for row in item.rows:
                    # A merged cell comes once for each column that it spans.
                    cells = dict.fromkeys(cell.text.strip() for cell in row.cells)
                    composer.add(" | ".join(cell for cell in cells if cell), headings.path)
                continue
            style = (item.style.name if item.style is not None else "") or ""
            level = _HEADING.match(style)
            if level:
                headings.enter(int(level.group(1)), item.text)
            elif style.casefold() == "title":
                headings.enter(1, item.text)
            else:
                composer.add(item.text, headings.path)
        title = file.core_properties.title or ""
    except (KeyError, ValueError, AttributeError, zipfile.BadZipFile, SyntaxError, OSError) as error:
        # lxml's XMLSyntaxError is a SyntaxError; python-docx raises KeyError where a part is missing.
        raise DataError(f"{path.name}: is not a readable Word document ({error}). Save it again as .docx.") from error
    return composer.document(name, "docx", title=title)


def _refuse_bomb(path: Path) -> None:
    """Look at the archive's own list before anything is unpacked; zipfile never unpacks more than that list says."""
    with path.open("rb") as file:
        if file.read(8) == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
            raise DataError(f"{path.name}: needs a password, or is an old .doc. Save it as .docx without a password.")
    try:
        with zipfile.ZipFile(path) as archive:
            entries = archive.infolist()
    except (zipfile.BadZipFile, OSError) as error:
        raise DataError(f"{path.name}: is damaged or no Word document. Save it again as .docx.") from error
    unpacked = sum(entry.file_size for entry in entries)
    packed = max(sum(entry.compress_size for entry in entries), 1)
    if (
        len(entries) > _MOST_ENTRIES
        or unpacked > _MOST_UNPACKED
        or (unpacked > 10_000_000 and unpacked > _MOST_RATIO * packed)
    ):
        raise DataError(
            f"{path.name}: {packed / 1e6:,.2f} MB that unpack to {unpacked / 1e6:,.0f} MB in "
            f"{counted(len(entries), 'part')}: "
            "a zip bomb, or far beyond a document. Left out unread."
        )
