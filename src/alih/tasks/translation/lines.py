"""Sentences from a text file or from standard input, one a line; empty lines keep their place."""

from __future__ import annotations

from pathlib import Path

from alih.data.decoding import read_text
from alih.errors import DataError

_TABLES = frozenset({".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"})
_FILES = _TABLES | frozenset({".txt", ".md", ".gz", ".zip", ".docx", ".pdf", ".html"})


def is_file_name(text: str) -> bool:
    """Whether what was typed is a file, or one word that looks like one that is missing."""
    if not text.strip() or len(text) > 4096 or "\n" in text or "\0" in text:
        return False
    path = Path(text).expanduser()
    try:
        exists = path.exists()
    except OSError:  # a name too long for the file system is no file
        exists = False
    one_word = not any(character.isspace() for character in text.strip())
    return exists or (one_word and (path.suffix.lower() in _FILES or text.startswith(("./", "../", "~/"))))


def read_lines(path: Path) -> list[str]:
    """The lines of a text file.

    Raises:
        DataError: it is missing, a folder, a table, empty, or no UTF-8 text; the message says which.
    """
    if path.is_dir():
        raise DataError(f"{path}: is a folder. Name a text file with a sentence a line.")
    if not path.exists():
        raise DataError(f"{path}: no such file. Check the path; a sentence is typed in quotes.")
    if path.suffix.lower() in _TABLES:
        raise DataError(
            f"{path.name}: is a table. Give a text file with a sentence a line; to score a translator on pairs, use: "
            "alih evaluate"
        )
    return _split(read_text(path))


def lines_of(data: bytes, name: str) -> list[str]:
    """The lines of UTF-8 bytes.

    Raises:
        DataError: they are no UTF-8, or there are none.
    """
    if not data.strip():
        raise DataError(f"{name}: is empty. Give a sentence a line.")
    try:
        return _split(data.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"{name}, line {line}: byte {error.start:,} (0x{data[error.start]:02X}) is not UTF-8 text. Convert it "
            "first: iconv -f WINDOWS-1252 -t UTF-8"
        ) from error


def _split(text: str) -> list[str]:
    # Not splitlines(): a sentence may hold U+2028 or a form feed, which end no line.
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    return lines[:-1] if lines[-1] == "" else lines
