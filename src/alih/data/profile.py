"""What the cells of one column look like: texts, numbers, classes, row numbers or picture files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from alih.data.images import is_image_name
from alih.data.labels import is_list, is_yes_or_no
from alih.data.numbers import find_format
from alih.data.table import Cell, is_missing
from alih.data.vocabulary import ID, normal, words

_SAMPLE = 2000


@dataclass(frozen=True)
class Profile:
    """Facts about one column, from up to 2,000 of its rows.

    Args:
        name: the column's name.
        count: cells looked at that hold something.
        different: how many of them differ.
        length: mean characters of a cell.
        words: mean words of a cell.
        numeric: share of the cells that are numbers.
        fractional: some numbers are not whole.
        formatted: some numbers carry a currency or marks between thousands, so they are amounts, not row numbers.
        pictures: share of the cells that are pictures or names of picture files.
        lists: share of the cells that are lists.
        objects: share of the cells that are objects.
        binary: every cell says yes or no.
    """

    name: str
    count: int
    different: int
    length: float
    words: float
    numeric: float
    fractional: bool
    formatted: bool
    pictures: float
    lists: float
    objects: float
    binary: bool

    @property
    def is_picture(self) -> bool:
        """Most cells are pictures or name picture files."""
        return self.pictures >= 0.8

    @property
    def is_text(self) -> bool:
        """Cells are words rather than numbers, lists or pictures."""
        return self.count > 0 and max(self.numeric, self.pictures, self.lists, self.objects) < 0.5

    @property
    def is_prose(self) -> bool:
        """Cells are texts of some length that differ from row to row."""
        return self.is_text and (self.words >= 2 or self.length >= 20) and self.different > self.count / 3

    @property
    def is_id(self) -> bool:
        """Cells only number the rows: by the column's name, or because they are whole numbers that never recur."""
        if normal(self.name) in ID or words(self.name)[-1:] == ["id"] or self.name.lower().startswith("unnamed:"):
            return True
        unique = self.different == self.count and self.count > 2
        return unique and self.numeric == 1 and not self.fractional and not self.formatted

    @property
    def is_classes(self) -> bool:
        """Cells recur from row to row and are short."""
        return 1 < self.different <= max(2, self.count // 2) and self.length <= 60 and self.objects == 0

    @property
    def is_measure(self) -> bool:
        """Cells are numbers, some of them not whole, most of them different."""
        return self.numeric == 1 and (self.fractional or self.formatted) and self.different > self.count / 2


def profile(name: str, cells: Sequence[Cell]) -> Profile:
    """Look at a column."""
    step = max(1, len(cells) // _SAMPLE)
    present = [cell for cell in cells[::step] if not is_missing(cell)]
    count = len(present)
    texts = [
        cell if isinstance(cell, str) else "" if isinstance(cell, (np.ndarray, dict)) else str(cell) for cell in present
    ]
    written = find_format(present)
    numbers = [found for cell in present if (found := written.number(cell)) is not None]
    whole = max(count, 1)
    return Profile(
        name=name,
        count=count,
        different=len(set(texts)),
        length=sum(map(len, texts)) / whole,
        words=sum(len(text[:5000].split()) for text in texts) / whole,
        numeric=len(numbers) / whole,
        fractional=any(not value.is_integer() for value in numbers),
        formatted=bool(written.example),
        pictures=sum(map(_is_picture, present)) / whole,
        lists=sum(not isinstance(cell, np.ndarray) and is_list(cell) for cell in present) / whole,
        objects=sum(isinstance(cell, (dict, bytes)) and not _is_picture(cell) for cell in present) / whole,
        binary=bool(present) and all(map(is_yes_or_no, set(texts))),
    )


def _is_picture(cell: Cell) -> bool:
    if isinstance(cell, str):
        return is_image_name(cell.strip()) and len(cell) < 4096
    if isinstance(cell, dict):
        return set(cell) == {"bytes", "path"}
    return isinstance(cell, (Path, np.ndarray))
