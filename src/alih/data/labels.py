"""From label cells to labels: whether a label is one class, several or a number, and what the classes are."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from alih.data.inputs import CellError
from alih.data.lists import ShortenedError, as_list, bit_of, bits, vector_length
from alih.data.messages import counted, excerpt, quoted
from alih.data.numbers import NumberFormat, find_format, is_number, plain_number
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
#: Truth values as formats and programs write them; 1 and 0 are some where one of these stands beside them.
_TRUTH = frozenset(("true", "false"))


@dataclass(frozen=True)
class LabelScheme:
    """How the label cells of a dataset are read.

    Args:
        kind: one class, several classes, or a number.
        separator: between the classes of one cell; None where cells hold lists, or for other kinds.
        numbers: how numbers are written.
        numeric: the classes are whole numbers, so "1", 1 and 1.0 are one class.
        columns: names of the 0/1 columns, where each class has its own.
        positions: the length of the 0/1 vectors, where each place in one is a class; 0 where there are none.
        truth: what the classes of false and true are called, where 0 and 1 mean them.
        note: for the user, where numbers could also have been taken otherwise: how they were, and how to change it.
    """

    kind: Kind
    separator: str | None = None
    numbers: NumberFormat = field(default_factory=NumberFormat)
    numeric: bool = False
    columns: tuple[str, ...] = ()
    positions: int = 0
    truth: tuple[str, str] | None = None
    note: str = ""

    @property
    def order(self) -> tuple[str, ...]:
        """The classes in output order, where columns or positions give one."""
        if self.positions:
            return tuple(str(place) for place in range(self.positions))
        return tuple(class_name(name, False) for name in self.columns)

    def parse(self, cell: Cell) -> Label:
        """Return the label that a cell holds (for 0/1 columns: the tuple of a row's cells).

        Raises:
            CellError: the cell is empty or of the wrong kind.
        """
        if self.columns:
            return self._from_columns(cell)
        if self.positions:
            return self._from_vector(cell)
        if self.kind is Kind.MULTI:
            return self._several(cell)
        if is_missing(cell):
            raise CellError("the label is empty")
        if self.kind is Kind.REGRESSION:
            value = self.numbers.number(cell)
            if value is None:
                written = f" written like the others ({self.numbers.example})" if self.numbers.example else ""
                raise CellError(f'the label "{excerpt(str(cell))}" is not a number{written}')
            return value
        bit = bit_of(cell) if self.truth else None
        name = self.truth[bit] if self.truth and bit is not None else class_name(cell, self.numeric)
        if not name:
            raise CellError("the label is empty")
        return name

    def _several(self, cell: Cell) -> tuple[str, ...]:
        found = _listed(cell)
        if found is None and isinstance(cell, str):
            found = list(cell.split(self.separator)) if self.separator else [cell]
        elif found is None:
            if is_missing(cell):
                raise CellError("the label is empty")
            found = [cell]
        names = (class_name(item, False) for item in found if not is_missing(item))
        return tuple(dict.fromkeys(name for name in names if name))

    def _from_vector(self, cell: Cell) -> Label:
        if is_missing(cell):
            raise CellError("the label is empty")
        _listed(cell)
        vector = bits(cell)
        if vector is None:
            raise CellError(f'"{excerpt(str(cell))}" is no vector of zeros and ones, as the other labels are')
        if len(vector) != self.positions:
            raise CellError(f"a vector of {len(vector)} zeros and ones where {self.positions} were expected")
        chosen = tuple(name for name, bit in zip(self.order, vector, strict=True) if bit)
        if self.kind is Kind.SINGLE:
            if len(chosen) != 1:
                raise CellError(f"the vector holds {counted(len(chosen), 'one')} where one class was expected")
            return chosen[0]
        return chosen

    def _from_columns(self, row: Cell) -> tuple[str, ...]:
        assert isinstance(row, tuple)
        chosen = []
        for column, name, cell in zip(self.columns, self.order, row, strict=True):
            word = str(cell).strip().casefold() if cell is not None else ""
            if word in _YES:
                chosen.append(name)
            elif word not in _NO or word == "":
                raise CellError(f'column "{column}" holds "{excerpt(str(cell or ""))}" where 0 or 1 was expected')
        return tuple(chosen)


def _listed(cell: Cell) -> list[Cell] | None:
    try:
        return as_list(cell)
    except ShortenedError as error:
        raise CellError(
            'the list was shortened ("...") when it was written; save the data again with every value'
        ) from error


def is_list(cell: Cell) -> bool:
    """Whether a cell holds a list, itself or as text; one that was shortened counts, too."""
    try:
        return as_list(cell) is not None
    except ShortenedError:
        return True


def is_yes_or_no(cell: str) -> bool:
    """Whether a cell says that a class holds, or that it does not: 1, true, yes, ya; 0, false, no, tidak."""
    return cell.strip().casefold() in _YES | _NO - {""}


#: How other programs write a cell that holds nothing; here it may be a class that is called so.
_LIKE_MISSING = frozenset({"nan", "na", "n/a", "#n/a", "null", "none", "<na>"})

#: A whole number as people write it: 7, −7 or 7.0, but not 007, 1e3 or 7.5.
_WHOLE = re.compile(r"([+-]?(?:0|[1-9]\d*))(?:\.0*)?")


def class_name(cell: Cell, numeric: bool) -> str:
    """Return the name of the class that a cell holds: "1" for 1 and for 1.0, "true" for True and for "TRUE".

    Names are in Unicode's composed form (NFC), without characters that nobody sees (zero-width spaces, direction marks,
    soft hyphens, variation selectors), and with single spaces.

    Raises:
        CellError: the cell holds an object, a list or something unprintable.
    """
    if isinstance(cell, (bool, np.bool_)):
        return "true" if cell else "false"
    if isinstance(cell, (dict, list, tuple, bytes, np.ndarray)):
        raise CellError("the label is an object or a list where one class was expected")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    text = str(cell)
    name = " ".join((text if text.isascii() else visible(text)).split())
    if numeric and (found := _WHOLE.fullmatch(name)):
        return str(int(found.group(1)))
    if name.casefold() in _TRUTH:
        return name.casefold()
    if len(name) > 1000 or "\0" in name:
        raise CellError(f'the label "{excerpt(name)}" is too long or unprintable to be a class')
    return name


def visible(text: str) -> str:
    """Return a text in Unicode's composed form, without characters that nobody sees."""
    return unicodedata.normalize(
        "NFC", "".join(mark for mark in text if unicodedata.category(mark) != "Cf" and not _INVISIBLE.match(mark))
    )


#: What has no width, beside the format characters (Cf): joiners, fillers and variation selectors.
_INVISIBLE = re.compile("[\u034f\u115f\u1160\u3164\uffa0\ufe00-\ufe0f]")


def decide(
    cells: Sequence[Cell],
    origins: Sequence[str],
    kind: Kind | None,
    columns: tuple[str, ...],
    decimal: str | None = None,
) -> LabelScheme:
    """Decide how the labels of a dataset are read, from all of its label cells.

    Args:
        cells: label cells (tuples of cells for 0/1 columns).
        origins: where each one came from.
        kind: what the user said, or None.
        columns: the label column, or several 0/1 columns.
        decimal: the mark before decimals, where the user said it.

    Raises:
        DataError: no labels, numbers and texts mixed, or numbers that can be read in two ways.
    """
    if len(columns) > 1:
        return _of_columns(columns)
    column = columns[0]
    present = [(cell, origin) for cell, origin in zip(cells, origins, strict=True) if not is_missing(cell)]
    if not present or is_unlabelled(cells):
        where = origins[0] if origins else "the data"
        marked = " (all are -1, which marks rows without one)" if present else ""
        raise DataError(f'{where}: column "{column}" holds no label in any row{marked}. Name another with --label.')
    _refuse_objects(present, column)
    values = [cell for cell, _ in present]
    positions = vector_length(values)
    if positions:
        return _of_vectors(values, kind, column, positions)
    if kind is Kind.MULTI or (kind is None and _are_lists(values)):
        scheme = LabelScheme(Kind.MULTI, separator=_separator(values, kind))
        return replace(scheme, note=_respelt(values, scheme, column))
    if kind is None and (separator := _separator(values, None)):
        scheme = LabelScheme(Kind.MULTI, separator=separator)
        return replace(scheme, note=_respelt(values, scheme, column))
    written = find_format(values, decimal)
    numbers = [found for value in values if (found := written.number(value)) is not None]
    if kind is Kind.REGRESSION or (kind is None and _is_regression(numbers, len(values))):
        return _measured(present, column, kind, written, numbers)
    _refuse_mixture(present, column)
    return _classes(values, column, kind, written, numbers)


def is_unlabelled(cells: Iterable[Cell]) -> bool:
    """Whether no cell holds a label: each is missing, or −1, which marks rows without one."""
    return all(is_missing(cell) or _MINUS_ONE.fullmatch(str(cell).strip()) for cell in cells)


_MINUS_ONE = re.compile(r"[-−]1(?:\.0*)?")


def _of_columns(columns: tuple[str, ...]) -> LabelScheme:
    scheme = LabelScheme(Kind.MULTI, columns=columns)
    twice = [name for name, count in Counter(scheme.order).items() if count > 1]
    if twice:
        raise DataError(f"columns {quoted(columns)}: two of them name one class ({quoted(twice)}). Rename or drop one.")
    return scheme


def _of_vectors(values: Sequence[Cell], kind: Kind | None, column: str, positions: int) -> LabelScheme:
    if kind is Kind.REGRESSION:
        raise DataError(
            f'column "{column}" holds vectors of zeros and ones, which are no numbers. Leave out --kind, or name '
            "another column with --label."
        )
    one_each = all((vector := _bits(value)) is None or sum(vector) == 1 for value in values)
    note = (
        f'column "{column}": vectors of {positions} zeros and ones: each position is a class, "0" to "{positions - 1}"'
    )
    if one_each and kind is None:
        note += "; each holds a single 1: --kind single-label takes it as one class an example"
    return LabelScheme(kind or Kind.MULTI, positions=positions, note=note)


def _bits(value: Cell) -> tuple[int, ...] | None:
    try:
        return bits(value)
    except ShortenedError:
        return None


def _measured(
    present: Sequence[tuple[Cell, str]],
    column: str,
    kind: Kind | None,
    written: NumberFormat,
    numbers: Sequence[float],
) -> LabelScheme:
    """Return how measured numbers are read.

    Raises:
        DataError: most cells are no numbers, or the numbers can be read in two ways.
    """
    if len(numbers) < len(present) / 2:
        bad, origin = next((cell, where) for cell, where in present if written.number(cell) is None)
        recurring = len({str(cell) for cell, _ in present}) <= len(present) / 2
        remedy = "Leave out --kind regression" if recurring else "Write numbers there, such as 1234.5"
        raise DataError(
            f'{origin}: the label "{excerpt(str(bad))}" is not a number, nor are most others in column "{column}". '
            f"{remedy}, or name a column of numbers with --label."
        )
    if written.doubt:
        remedy = (
            'Say which mark stands before decimals: --decimal "." or --decimal ","'
            if written.by_mark
            else "Write all in one unit, or name another column with --label"
        )
        raise DataError(f'column "{column}": {written.doubt}. {remedy}.')
    notes = [f'column "{column}": {written.example}'] if written.example else []
    if kind is None:
        notes.append(_number_note(numbers, column, Kind.REGRESSION))
    return LabelScheme(Kind.REGRESSION, numbers=written, note="; ".join(notes))


def _classes(
    values: Sequence[Cell], column: str, kind: Kind | None, written: NumberFormat, numbers: Sequence[float]
) -> LabelScheme:
    # Codes such as 007, and numbers too large or too odd to be counted with, keep the spelling that they have.
    whole = all(not isinstance(value, str) or _WHOLE.fullmatch(value.strip()) for value in values)
    whole = whole and len(numbers) == len(values) and all(value.is_integer() for value in numbers)
    ambiguous = kind is None and len(numbers) == len(values) and (not whole or len(set(numbers)) > _FEW)
    notes = [_number_note(numbers, column, Kind.SINGLE)] if ambiguous else []
    empty = Counter(value for value in values if isinstance(value, str) and value.strip().casefold() in _LIKE_MISSING)
    if empty:
        shown = ", ".join(f"{word} ({count:,})" for word, count in empty.most_common(5))
        notes.append(f'column "{column}": {shown} taken as a class; empty these cells if the label is missing')
    truth = ("false", "true") if _are_truth_values(values) else None
    scheme = LabelScheme(Kind.SINGLE, numeric=whole, truth=truth)
    notes += [respelt] if (respelt := _respelt(values, scheme, column)) else []
    return replace(scheme, note="; ".join(notes))


def _are_truth_values(values: Sequence[Cell]) -> bool:
    """Whether every cell is true or false, in any format's spelling, and some are not only 0 or 1."""
    words = any(isinstance(value, (bool, np.bool_)) or str(value).strip().casefold() in _TRUTH for value in values)
    return words and all(bit_of(value) is not None for value in values)


def _respelt(values: Sequence[Cell], scheme: LabelScheme, column: str) -> str:
    """Say which class names were joined because they look the same: composed otherwise, or with unseen characters."""
    spellings: dict[str, set[str]] = {}
    for value in dict.fromkeys(value for value in values if isinstance(value, str) and not value.isascii()):
        try:
            found = scheme.parse(value)
        except CellError:
            continue
        if visible(value) == value:
            continue
        for name in (found,) if isinstance(found, str) else found if isinstance(found, tuple) else ():
            spellings.setdefault(name, set()).add(value)
    if not spellings:
        return ""
    return (
        f'column "{column}": invisible characters or separate accents were taken out of {quoted(spellings, 5)}: '
        "what looks the same is one class"
    )


def _number_note(numbers: Sequence[float], column: str, kind: Kind) -> str:
    different = f"{len(set(numbers)):,} different numbers in {len(numbers):,} rows"
    if kind is Kind.SINGLE:
        said = f'column "{column}": {different} are taken as classes'
        return f"{said}; --kind regression takes them as measured (regression)"
    said = f'column "{column}": {different} are taken as measured (regression)'
    if len(set(numbers)) > len(numbers) / 2:  # these would be refused as classes
        return said
    return f"{said}; --kind single-label takes them as classes"


def _are_lists(values: Sequence[Cell]) -> bool:
    found = sum(map(is_list, values))
    return found > 0 and found >= len(values) / 2


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
    objects = [origin for cell, origin in present if _holds_object(cell)]
    if len(objects) > len(present) / 5:
        raise DataError(
            f'{objects[0]}: column "{column}" holds an object where a label was expected. '
            "Write one class, a list of classes or a number in each row, or name another column with --label."
        )


def _holds_object(cell: Cell) -> bool:
    if isinstance(cell, (list, tuple)):
        return any(isinstance(item, (dict, bytes)) for item in cell)
    return isinstance(cell, (dict, bytes))


def _refuse_mixture(present: Sequence[tuple[Cell, str]], column: str) -> None:
    """JSON and Parquet say what is a number and what is text; both in one column is a mistake somewhere."""
    first: dict[str, tuple[Cell, str]] = {}
    for cell, origin in present:
        family = "text" if isinstance(cell, str) else "lists" if isinstance(cell, list) else "numbers"
        if family == "text" and (is_number(cell) or bit_of(cell) is not None):
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
    numbers = {name: plain_number(name) for name in seen}
    if all(number is not None for number in numbers.values()):
        return tuple(sorted(seen, key=lambda name: (numbers[name], name)))
    return tuple(sorted(seen))
