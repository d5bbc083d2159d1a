"""From label cells to labels: whether a label is one class, several or a number, and what the classes are."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alih.data.inputs import CellError
from alih.data.messages import excerpt
from alih.data.table import Cell, is_missing
from alih.errors import DataError
from alih.task import Kind

#: What one label cell comes to: a class, several classes, or a number.
Label = str | tuple[str, ...] | float

#: As many different whole numbers are classes in any case.
_FEW = 20
_SEPARATORS = (";", "|")
_NO = frozenset(("0", "0.0", "false", "no", "tidak", ""))
_YES = frozenset(("1", "1.0", "true", "yes", "ya"))
_DECIMAL_COMMA = re.compile(r"[+-]?\d+(,\d+)?")


@dataclass(frozen=True)
class LabelScheme:
    """How the label cells of a dataset are read.

    Args:
        kind: one class, several classes, or a number.
        separator: between the classes of one cell; None where cells hold lists, or for other kinds.
        decimal_comma: numbers are written 3,5.
        numeric: the classes are whole numbers, so "1", 1 and 1.0 are one class.
        columns: names of the 0/1 columns, where each class has its own.
        note: for the user, where numbers could also have been taken otherwise: how they were, and how to change it.
    """

    kind: Kind
    separator: str | None = None
    decimal_comma: bool = False
    numeric: bool = False
    columns: tuple[str, ...] = ()
    note: str = ""

    def parse(self, cell: Cell) -> Label:
        """Return the label that a cell holds (for 0/1 columns: the tuple of a row's cells).

        Raises:
            CellError: the cell is empty or of the wrong kind.
        """
        if self.columns:
            return self._from_columns(cell)
        if self.kind is Kind.MULTI:
            return self._several(cell)
        if is_missing(cell):
            raise CellError("the label is empty")
        if self.kind is Kind.REGRESSION:
            value = number(cell, self.decimal_comma)
            if value is None:
                raise CellError(f'the label "{excerpt(str(cell))}" is not a number')
            return value
        return class_name(cell, self.numeric)

    def _several(self, cell: Cell) -> tuple[str, ...]:
        found = as_list(cell)
        if found is None and isinstance(cell, str):
            found = list(cell.split(self.separator)) if self.separator else [cell]
        elif found is None:
            if is_missing(cell):
                raise CellError("the label is empty")
            found = [cell]
        return tuple(dict.fromkeys(class_name(item, False) for item in found if not is_missing(item)))

    def _from_columns(self, row: Cell) -> tuple[str, ...]:
        assert isinstance(row, tuple)
        chosen = []
        for column, cell in zip(self.columns, row, strict=True):
            word = str(cell).strip().casefold() if cell is not None else ""
            if word in _YES:
                chosen.append(column)
            elif word not in _NO or word == "":
                raise CellError(f'column "{column}" holds "{excerpt(str(cell or ""))}" where 0 or 1 was expected')
        return tuple(chosen)


def as_list(cell: Cell) -> list[Cell] | None:
    """Return the list that a cell holds, itself or written as JSON, or None."""
    if isinstance(cell, (list, tuple, np.ndarray)):
        return list(cell)
    if isinstance(cell, str) and cell.strip().startswith("[") and cell.strip().endswith("]"):
        try:
            found = json.loads(cell)
        except (ValueError, RecursionError):
            return None
        return found if isinstance(found, list) else None
    return None


def number(cell: Cell, decimal_comma: bool = False) -> float | None:
    """Return the finite number that a cell holds, or None."""
    if isinstance(cell, (bool, list, dict)):
        return None
    text = str(cell).strip()
    if decimal_comma:
        text = text.replace(",", ".")
    try:
        value = float(text) if "_" not in text else float("nan")
    except ValueError:
        return None
    return value if np.isfinite(value) else None


def is_yes_or_no(cell: str) -> bool:
    """Whether a cell says that a class holds, or that it does not: 1, true, yes, ya; 0, false, no, tidak."""
    return cell.strip().casefold() in _YES | _NO - {""}


#: How other programs write a cell that holds nothing; here it may be a class that is called so.
_LIKE_MISSING = frozenset({"nan", "na", "n/a", "#n/a", "null", "none", "<na>"})

#: A whole number as people write it: 7, −7 or 7.0, but not 007, 1e3 or 7.5.
_WHOLE = re.compile(r"([+-]?(?:0|[1-9]\d*))(?:\.0*)?")


def class_name(cell: Cell, numeric: bool) -> str:
    """Return the name of the class that a cell holds: "1" for 1 and for 1.0, "true" for True.

    Raises:
        CellError: the cell holds an object, a list or something unprintable.
    """
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (dict, list, tuple, bytes)):
        raise CellError("the label is an object or a list where one class was expected")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    name = " ".join(str(cell).split())
    if numeric and (found := _WHOLE.fullmatch(name)):
        return str(int(found.group(1)))
    if len(name) > 1000 or "\0" in name:
        raise CellError(f'the label "{excerpt(name)}" is too long or unprintable to be a class')
    return name


def decide(cells: Sequence[Cell], origins: Sequence[str], kind: Kind | None, columns: tuple[str, ...]) -> LabelScheme:
    """Decide how the labels of a dataset are read, from all of its label cells.

    Args:
        cells: label cells (tuples of cells for 0/1 columns).
        origins: where each one came from.
        kind: what the user said, or None.
        columns: the label column, or several 0/1 columns.

    Raises:
        DataError: no labels, or numbers and texts mixed.
    """
    if len(columns) > 1:
        return LabelScheme(Kind.MULTI, columns=columns)
    column = columns[0]
    present = [(cell, origin) for cell, origin in zip(cells, origins, strict=True) if not is_missing(cell)]
    if not present:
        where = origins[0] if origins else "the data"
        raise DataError(f'{where}: column "{column}" holds no label in any row. Name another column with --label.')
    _refuse_objects(present, column)
    values = [cell for cell, _ in present]
    if kind is Kind.MULTI or (kind is None and _are_lists(values)):
        return LabelScheme(Kind.MULTI, separator=_separator(values, kind))
    if kind is None and (separator := _separator(values, None)):
        return LabelScheme(Kind.MULTI, separator=separator)
    decimal_comma = _decimal_comma(values)
    numbers = [found for value in values if (found := number(value, decimal_comma)) is not None]
    if kind is Kind.REGRESSION or (kind is None and _is_regression(numbers, len(values))):
        if len(numbers) < len(values) / 2:
            bad, origin = next((cell, where) for cell, where in present if number(cell, decimal_comma) is None)
            raise DataError(
                f'{origin}: the label "{excerpt(str(bad))}" is not a number, nor are most others in column "{column}". '
                "Leave out --kind regression, or name a column of numbers with --label."
            )
        note = _number_note(numbers, column, Kind.REGRESSION) if kind is None else ""
        return LabelScheme(Kind.REGRESSION, decimal_comma=decimal_comma, note=note)
    _refuse_mixture(present, column)
    # Codes such as 007, and numbers too large or too odd to be counted with, keep the spelling that they have.
    whole = all(not isinstance(value, str) or _WHOLE.fullmatch(value.strip()) for value in values) and not decimal_comma
    whole = whole and len(numbers) == len(values) and all(value.is_integer() for value in numbers)
    ambiguous = kind is None and len(numbers) == len(values) and (not whole or len(set(numbers)) > _FEW)
    notes = [_number_note(numbers, column, Kind.SINGLE)] if ambiguous else []
    empty = Counter(value for value in values if isinstance(value, str) and value.strip().casefold() in _LIKE_MISSING)
    if empty:
        shown = ", ".join(f"{word} ({count:,})" for word, count in empty.most_common(5))
        notes.append(f'column "{column}": {shown} taken as a class; empty these cells if the label is missing')
    return LabelScheme(Kind.SINGLE, numeric=whole, note="; ".join(notes))


def _number_note(numbers: Sequence[float], column: str, kind: Kind) -> str:
    different = f"{len(set(numbers)):,} different numbers in {len(numbers):,} rows"
    measured, classes = "as measured (regression)", "as classes"
    taken, other, flag = (
        (measured, classes, "single-label") if kind is Kind.REGRESSION else (classes, measured, "regression")
    )
    return f'column "{column}": {different} are taken {taken}; --kind {flag} takes them {other}'


def _are_lists(values: Sequence[Cell]) -> bool:
    return any(as_list(value) is not None for value in values) and (
        sum(as_list(value) is not None for value in values) >= len(values) / 2
    )


def _separator(values: Sequence[Cell], kind: Kind | None) -> str | None:
    """Return the mark between several classes in one cell, if the parts recur from cell to cell as classes do."""
    cells = Counter(value for value in values if isinstance(value, str))
    for mark in (*_SEPARATORS, ",") if kind is Kind.MULTI else _SEPARATORS:
        several = [cell for cell in cells if mark in cell]
        if not several:
            continue
        if kind is Kind.MULTI:
            return mark
        parts = Counter(part.strip() for cell in cells for part in cell.split(mark) if part.strip())
        recurring = sum(parts[part.strip()] > 1 for cell in several for part in cell.split(mark) if part.strip())
        if len(parts) <= len(cells) and recurring:
            return mark
    return None


def _decimal_comma(values: Sequence[Cell]) -> bool:
    texts = [value.strip() for value in values if isinstance(value, str)]
    return bool(texts) and any("," in text for text in texts) and all(_DECIMAL_COMMA.fullmatch(text) for text in texts)


def _is_regression(numbers: Sequence[float], count: int) -> bool:
    """Say whether numbers are measured rather than the names of classes.

    Fractions are, where there are many different ones. Whole numbers are classes, as scikit-learn's `type_of_target`
    takes them, where there are few, or where they count through from 0 or 1 and recur, as the numbers of classes do;
    they are measured where most of them hardly recur: a fifth or more of the rows differ, or a tenth or more of the
    numbers is seen once.
    """
    if len(numbers) < 0.8 * count:
        return False
    found = Counter(numbers)
    different = len(found)
    if any(not value.is_integer() for value in found):
        return different > 10 or different > count / 2
    counted_through = min(found) in (0, 1) and max(found) - min(found) + 1 == different
    if different <= _FEW or (counted_through and different <= count / 2):
        return False
    once = sum(times == 1 for times in found.values())
    return different > count / 5 or once > different / 10


def _refuse_objects(present: Sequence[tuple[Cell, str]], column: str) -> None:
    objects = [
        origin for cell, origin in present if any(isinstance(item, (dict, bytes)) for item in (as_list(cell) or [cell]))
    ]
    if len(objects) > len(present) / 5:
        raise DataError(
            f'{objects[0]}: column "{column}" holds an object where a label was expected. '
            "Write one class, a list of classes or a number in each row, or name another column with --label."
        )


def _refuse_mixture(present: Sequence[tuple[Cell, str]], column: str) -> None:
    """JSON and Parquet say what is a number and what is text; both in one column is a mistake somewhere."""
    first: dict[str, tuple[Cell, str]] = {}
    for cell, origin in present:
        family = "text" if isinstance(cell, str) else "lists" if isinstance(cell, list) else "numbers"
        if family == "text" and number(cell) is not None:
            continue
        first.setdefault(family, (cell, origin))
    if len(first) > 1:
        shown = " and ".join(f'{family} ({origin}: "{excerpt(str(cell))}")' for family, (cell, origin) in first.items())
        raise DataError(f'column "{column}" mixes {shown}. Write all labels in one way, or name another column.')


def encode(labels: Sequence[Label], kind: Kind, classes: Sequence[str]) -> NDArray[np.generic]:
    """Return labels as an array: int64 (n,), float32 (n, classes) of 0/1, or float32 (n,)."""
    place = {name: index for index, name in enumerate(classes)}
    if kind is Kind.SINGLE:
        return np.array([place[str(label)] for label in labels], dtype=np.int64)
    if kind is Kind.REGRESSION:
        return np.array(labels, dtype=np.float32)
    table = np.zeros((len(labels), len(classes)), dtype=np.float32)
    for row, label in enumerate(labels):
        assert isinstance(label, tuple)
        for name in label:
            table[row, place[name]] = 1.0
    return table


def classes_of(labels: Sequence[Label], order: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the classes in output order: as the format lists them (`order`), else by number, else by name."""
    seen = {name for label in labels for name in ((label,) if isinstance(label, str) else label)}  # type: ignore[union-attr]
    if order and seen <= set(order):
        return tuple(name for name in order if name in seen)
    if all(number(name) is not None for name in seen):
        return tuple(sorted(seen, key=lambda name: (number(name), name)))
    return tuple(sorted(seen))
