"""From the bytes of a text file to characters: UTF-8, or UTF-16/32 by its byte order mark; never a guess."""

from __future__ import annotations

import codecs
from pathlib import Path

from alih.data.table import refuse_size
from alih.errors import DataError

#: What standard input is called in messages.
STANDARD_INPUT = "standard input"

# Longer marks first: the UTF-32 one begins with the UTF-16 one.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", "UTF-8"),
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive or an Excel workbook", "Save the sheet as CSV UTF-8, or unpack the archive"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "Save the sheet as CSV UTF-8"),
    (b"\x1f\x8b", "compressed with gzip", "Unpack it first (gunzip)"),
    (b"BZh", "compressed with bzip2", "Unpack it first (bunzip2)"),
    (b"(\xb5/\xfd", "compressed with zstd", "Unpack it first (unzstd)"),
    (b"PAR1", "a Parquet file", "Rename it so that it ends in .parquet"),
    (b"\x89PNG", "a PNG picture", "Give a folder with one sub-folder of pictures a class"),
    (b"\xff\xd8\xff", "a JPEG picture", "Give a folder with one sub-folder of pictures a class"),
    (b"%PDF", "a PDF document", "Copy its texts into a CSV file"),
    (b"SQLite format 3", "an SQLite database", "Export the table as CSV"),
)


def refuse_empty(path: Path) -> int:
    """Return the size of a file in bytes, which must not be 0.

    Raises:
        DataError: the file is empty or cannot be opened.
    """
    try:
        with path.open("rb"):
            nbytes = path.stat().st_size
    except OSError as error:
        raise DataError(
            f"{path.name}: cannot be opened ({error.strerror or error}). Check its path and permissions."
        ) from error
    if not nbytes:
        raise DataError(f"{path.name}: the file is empty (0 bytes). Export or copy it again.")
    return nbytes


def read_text(path: Path) -> str:
    """Return the characters of a text file.

    Raises:
        DataError: the file is empty, too large for the memory, is no text, or is in another encoding; the message
            names the byte and the row.
    """
    refuse_size(path.name, refuse_empty(path))
    return text_of(path.read_bytes(), path.name)


def text_of(data: bytes, name: str) -> str:
    """Return the characters of the bytes of a text, wherever they came from.

    Args:
        data: the bytes.
        name: of the file, or "standard input", for messages.

    Raises:
        DataError: as `read_text`.
    """
    for signature, what, remedy in _SIGNATURES:
        if data.startswith(signature):
            raise DataError(f"{name}: this is {what}, not a text file. {remedy}.")
    encoding, label = "utf-8", "UTF-8"
    for mark, codec, shown in _MARKS:
        if data.startswith(mark):
            encoding, label = codec, shown
            break
    else:
        _refuse_unmarked_utf16(name, data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        row = data.count(b"\n", 0, error.start) + 1
        remedy = f'Save the file as UTF-8 (Excel: "CSV UTF-8"; or: iconv -f WINDOWS-1252 -t UTF-8 {name}).'
        if name == STANDARD_INPUT:
            remedy = "Convert it on its way: … | iconv -f WINDOWS-1252 -t UTF-8 | alih …"
        raise DataError(
            f"{name}, row {row}: byte {error.start:,} (0x{data[error.start]:02X}) is not {label} text. {remedy}"
        ) from error
    if not text.strip("\ufeff \t\r\n"):
        raise DataError(f"{name}: holds only white space. Export or copy it again.")
    return text


def _refuse_unmarked_utf16(name: str, data: bytes) -> None:
    head = data[:4096]
    if head.count(0) > len(head) // 4:
        raise DataError(
            f"{name}, row 1: every other byte is NUL, which looks like UTF-16 without a byte order mark, or like "
            "a binary file. Save it as UTF-8 text."
        )
