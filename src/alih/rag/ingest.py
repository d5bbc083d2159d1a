"""From a file or folder to documents: which files there are, which reader each needs, which are left out and why."""

from __future__ import annotations

import hashlib
import os
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alih.data.messages import did_you_mean
from alih.errors import AlihError, DataError, OptionError
from alih.rag.document import Document, Skipped
from alih.rag.readers.docx import read_docx
from alih.rag.readers.html import read_html
from alih.rag.readers.markdown import read_markdown
from alih.rag.readers.markup import read_eml, read_epub, read_ipynb, read_rst, read_rtf, read_xml
from alih.rag.readers.office import read_odf, read_pptx, read_xlsx
from alih.rag.readers.pdf import read_pdf
from alih.rag.readers.rows import read_rows
from alih.rag.readers.text import read_plain

Reader = Callable[[Path, str], Document]

READERS: Final[dict[str, Reader]] = {
    ".pdf": read_pdf,
    **dict.fromkeys((".docx", ".docm"), read_docx),
    **dict.fromkeys((".pptx", ".pptm"), read_pptx),
    **dict.fromkeys((".xlsx", ".xlsm"), read_xlsx),
    **dict.fromkeys((".odt", ".ods", ".odp"), read_odf),
    ".epub": read_epub,
    ".eml": read_eml,
    ".ipynb": read_ipynb,
    ".rst": read_rst,
    ".rtf": read_rtf,
    ".xml": read_xml,
    **dict.fromkeys((".html", ".htm", ".xhtml"), read_html),
    **dict.fromkeys((".md", ".markdown"), read_markdown),
    **dict.fromkeys((".txt", ".text", ".log"), read_plain),
    **dict.fromkeys((".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"), read_rows),
}
#: Largest file that is read, in bytes.
MAX_FILE: Final = 200_000_000
#: Most characters of text in one document.
MAX_TEXT: Final = 50_000_000


@dataclass(frozen=True)
class Found:
    """A file that may go in.

    Args:
        path: where it is.
        name: its path from the folder that was given, with forward slashes.
        size, modified: in bytes and nanoseconds, to see without reading whether it changed.
    """

    path: Path
    name: str
    size: int
    modified: int


def find(source: str | Path) -> tuple[list[Found], list[Skipped]]:
    """List the files of a folder (or the one file), in order of their names.

    Hidden files and folders are passed over without a word; links that lead out of the folder are skipped with one.

    Raises:
        DataError: there is no such file or folder, or its own name cannot be kept.
    """
    root = Path(source).expanduser()
    wrong = _wrong_name(str(root.resolve()))
    if wrong:
        raise DataError(f"{_legible(str(source))}: {wrong}. Rename it, or the folder that it is in.")
    if root.is_file():
        return _sorted([root], root.parent)
    if not root.is_dir():
        near = [entry.name for entry in root.parent.iterdir()] if root.parent.is_dir() else []
        raise DataError(f"{source}: there is no such file or folder.{did_you_mean(root.name, near)}")
    paths: list[Path] = []
    for folder, folders, names in os.walk(root, followlinks=False):
        links = [name for name in folders if (Path(folder) / name).is_symlink()]
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name not in links)
        paths += [Path(folder) / name for name in (*names, *links) if not name.startswith(".")]
    return _sorted(paths, root)


def _sorted(paths: list[Path], root: Path) -> tuple[list[Found], list[Skipped]]:
    found, skipped = [], []
    home = root.resolve()
    for path in sorted(paths, key=lambda one: one.relative_to(root).as_posix()):
        name = path.relative_to(root).as_posix()
        wrong = _wrong_name(name)
        reason = f"{wrong}. Rename it." if wrong else _refusal(path, home)
        if reason:
            skipped.append(Skipped(_legible(name), reason))
            continue
        state = path.stat()
        found.append(Found(path, name, state.st_size, state.st_mtime_ns))
    return found, skipped


def _wrong_name(name: str) -> str:
    """Why a name cannot stand in a library or a citation; empty where it can."""
    kinds = {unicodedata.category(sign) for sign in name}
    if "Cs" in kinds:  # how Python hands on bytes that are not UTF-8
        return "its name is not UTF-8"
    return "its name holds a line break or another control character" if kinds & {"Cc", "Zl", "Zp"} else ""


def _legible(name: str) -> str:
    return "".join(repr(sign)[1:-1] if _wrong_name(sign) else sign for sign in name)


def _refusal(path: Path, home: Path) -> str | None:
    """Why a file is left out, without opening it; None where it may be read."""
    if path.is_symlink():
        target = path.resolve()
        if not target.is_relative_to(home):
            return "a link that leads out of the folder"
        if target.is_dir():
            return "a link to a folder; what it points to is read where it stands"
    if not path.is_file():
        return "not a file (or a broken link)"
    if path.suffix.lower() not in READERS:
        kind = path.suffix.lower() or "a name without ending"
        return f"{kind}: not a format that is read ({', '.join(sorted(READERS))})"
    size = path.stat().st_size
    if size > MAX_FILE:
        return f"{size / 1e6:,.0f} MB, more than the {MAX_FILE / 1e6:,.0f} MB of one document; split it"
    return None


def read(found: Found) -> Document | Skipped:
    """Read one file; whatever is wrong with it is a reason to skip it, never to stop.

    Raises:
        OptionError: a package that reads this format is not installed.
    """
    try:
        document = READERS[found.path.suffix.lower()](found.path, found.name)
    except OptionError:
        raise
    except (AlihError, OSError, RecursionError, MemoryError) as error:
        told = str(error) or type(error).__name__
        return Skipped(found.name, told.removeprefix(f"{found.path.name}: ").removeprefix(f"{found.path.name}, "))
    if not document.blocks:
        return Skipped(found.name, "; ".join(("holds no text", *document.notes)))
    if len(document.text) > MAX_TEXT:
        return Skipped(found.name, f"{len(document.text):,} characters of text, more than {MAX_TEXT:,}; split it")
    return document


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
