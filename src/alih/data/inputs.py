"""From the cells of the input columns to inputs: texts, pairs of texts, picture files or pixels."""

from __future__ import annotations

import hashlib
import io
import os
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from alih.data.examples import Input
from alih.data.images import Checked, PictureError, check, digest, is_deep, load
from alih.data.spill import spill
from alih.data.table import MAX_CELL, Cell, Table, is_missing
from alih.errors import DataError
from alih.progress import Progress
from alih.task import Modality


class CellError(ValueError):
    """Why one cell cannot be used; turned into a `Damage` by the caller."""


@dataclass(frozen=True)
class Taken:
    """Inputs of a table, row by row.

    Args:
        inputs: the input, or None where the row cannot be used.
        faults: why not, or None.
        keys: a digest that duplicates share: of the text without regard to case and white space, or of the pixels.
        remarks: what is done so that pictures are what a viewer shows, and with how many of them.
        spans: smallest and largest value of each picture of more than 8 bits.
    """

    inputs: list[Input | None]
    faults: list[str | None]
    keys: list[bytes]
    remarks: Counter[str] = field(default_factory=Counter)
    spans: list[tuple[float, float]] = field(default_factory=list)


def take_inputs(table: Table, columns: Sequence[str], modality: Modality, progress: Progress) -> Taken:
    """Take the inputs from one column, or from two for pairs of texts.

    Raises:
        DataError: a relative picture path that leaves the table's folder.
    """
    inputs: list[Input | None] = []
    faults: list[str | None] = []
    keys: list[bytes] = []
    if modality is Modality.TEXT:
        with progress.step(f"Checking the texts of {table.name}", len(table), "row") as advance:
            for cells in zip(*(table.columns[column] for column in columns), strict=True):
                advance(1)
                try:
                    texts = [_text(cell, column) for cell, column in zip(cells, columns, strict=True)]
                except CellError as fault:
                    inputs.append(None)
                    faults.append(str(fault))
                    keys.append(b"")
                    continue
                inputs.append((texts[0], texts[1]) if len(texts) == 2 else texts[0])
                faults.append(None)
                keys.append(text_key(texts))
        return Taken(inputs, faults, keys)
    taken = Taken(inputs, faults, keys)
    with progress.step(f"Checking the pictures of {table.name}", len(table), "picture") as advance:
        for cell, origin in zip(table.columns[columns[0]], table.origins, strict=True):
            try:
                picture, checked = _picture(cell, origin, table.folder)
            except (CellError, PictureError) as fault:
                inputs.append(None)
                faults.append(str(fault))
                keys.append(b"")
            else:
                inputs.append(picture)
                faults.append(None)
                keys.append(checked.digest)
                taken.remarks.update(checked.remarks)
                if checked.span:
                    taken.spans.append(checked.span)
            advance(1)
    return taken


def at_levels(
    inputs: Sequence[Input], origins: Sequence[str], levels: tuple[float, float], progress: Progress
) -> list[Input]:
    """Return inputs with each picture of more than 8 bits as a file of 8 bits, black and white at `levels`.

    Raises:
        DataError: a picture cannot be read any more, or there is no room in the temporary folder.
    """
    found: list[Input] = []
    with progress.step("Scaling pictures to 8 bits", len(inputs), "picture") as advance:
        for value, origin in zip(inputs, origins, strict=True):
            advance(1)
            if not isinstance(value, Path) or not is_deep(value):
                found.append(value)
                continue
            buffer = io.BytesIO()
            try:
                load(value, levels).save(buffer, "PNG")
            except PictureError as error:
                raise DataError(f"{origin}: {error}. Put the picture back, or remove it.") from error
            found.append(spill(buffer.getvalue(), origin))
    return found


def text_key(texts: Sequence[str]) -> bytes:
    """Return a digest that texts share which differ only in letter case and white space."""
    plain = "\0".join(" ".join(text.casefold().split()) for text in texts)
    return hashlib.blake2b(plain.encode(), digest_size=16).digest()


def _text(cell: Cell, column: str) -> str:
    if is_missing(cell):
        raise CellError(f'column "{column}": the text is empty')
    if isinstance(cell, (dict, list, tuple, np.ndarray, bytes)):
        what = "an object" if isinstance(cell, dict) else "bytes" if isinstance(cell, bytes) else "a list"
        raise CellError(f'column "{column}" holds {what} where a text was expected; write one text a row')
    text = cell if isinstance(cell, str) else str(cell)
    if len(text) > MAX_CELL:
        raise CellError(
            f'column "{column}" holds {len(text):,} characters, more than {MAX_CELL:,}; shorten or split it'
        )
    if "\0" in text:
        raise CellError(f'column "{column}" holds a NUL character; export the data again')
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise CellError(f'column "{column}": half a character (a lone surrogate); export the data again') from error
    return text


def _picture(cell: Cell, origin: str, folder: Path | None) -> tuple[Input, Checked]:
    if isinstance(cell, np.ndarray):
        return cell, Checked(digest(cell))
    if isinstance(cell, Path):
        return cell, check(cell)
    if isinstance(cell, dict):  # as `datasets` stores a picture that is not embedded
        cell = cell.get("path")
    if is_missing(cell):
        raise CellError("no picture is named")
    if not isinstance(cell, str):
        raise CellError(f"a {type(cell).__name__} where the path of a picture was expected")
    path = located(cell.strip(), origin, folder)
    try:
        return path, check(path)
    except PictureError as fault:
        raise CellError(f"{cell.strip()}: {fault}") from fault


def located(name: str, origin: str, folder: Path | None) -> Path:
    """Return the file that a table names: relative to the table's folder and inside it, or an absolute path as written.

    A table may come from somebody else, so a relative path cannot climb out of the folder it came in; an absolute path
    only makes sense on the machine it was written for, so it was meant.

    Raises:
        DataError: a relative path climbs out of the folder.
    """
    path = Path(name.replace("\\", "/") if os.sep == "/" and "/" not in name else name)
    if path.is_absolute():
        return path
    if os.path.normpath(path).split(os.sep, 1)[0] == "..":
        raise DataError(
            f'{origin}: the picture "{name}" lies outside the table\'s folder. '
            "Move the table above the pictures, or write absolute paths."
        )
    found = (folder or Path()) / path
    if not name.isascii() and not found.exists():
        # Systems write accents composed or apart: the table of one need not match the files of another.
        for form in ("NFC", "NFD"):
            other = (folder or Path()) / unicodedata.normalize(form, str(path))
            if other.exists():
                return other
    return found
