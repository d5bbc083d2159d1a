"""Lists in one cell: as JSON, as Python, NumPy, PostgreSQL and YAML write them, and 0/1 vectors by position."""

from __future__ import annotations

import ast
import json
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from alih.data.table import Cell, is_missing

#: "array([…], dtype=object)", "np.str_('…')" and "np.int64(3)", as NumPy writes itself.
_ARRAY = re.compile(r"(?:np\.|numpy\.)?array\((.*?)(?:,\s*dtype=[^()]*)?\)", re.DOTALL)
_SCALAR = re.compile(r"(?:np|numpy)\.\w+\(((?:'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|[^()'\"]*))\)")
_QUOTED = re.compile(r"""[bru]?(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")""")
_BARE = re.compile(r"[^\s,'\"\[\](){}][^,'\"\[\](){}]*")
_BRACKETS = {"[": "]", "(": ")", "{": "}"}
_WORDS: dict[str, Cell] = {"None": None, "null": None, "nan": None, "True": True, "False": False}
_NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?")
#: 0/1 vectors without brackets: at least three places, so that "0,1" stays a number.
_BITS = re.compile(r"[01](?:\.0*)?(?:(\s*[,;|]\s*|\s+)[01](?:\.0*)?)+")


class ShortenedError(ValueError):
    """A list that was written with "..." in place of its middle."""


def as_list(cell: Cell) -> list[Cell] | None:
    """Return the list that a cell holds, itself or as text, or None.

    Read are JSON (["a", "b"]), Python's lists, tuples and sets (['a', 'b']), NumPy's arrays (['a' 'b'], [1 0 0]),
    PostgreSQL's arrays ({a,b}) and lists without quotes ([a, b]).

    Raises:
        ShortenedError: the list was cut when it was written.
    """
    if isinstance(cell, (list, tuple, set, frozenset)):
        return list(cell)
    if isinstance(cell, np.ndarray):
        return list(cell.tolist()) if cell.ndim else None
    if not isinstance(cell, str):
        return None
    text = cell.strip()
    array = _ARRAY.fullmatch(text)
    if array:
        text = array[1].strip()
    if len(text) < 2 or _BRACKETS.get(text[0]) != text[-1]:
        return None
    if text[0] == "[":
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            pass
        else:
            return found if isinstance(found, list) else None
    if text[0] == "(" and not _QUOTED.search(text):
        return None  # (1,234) is a negative number
    return _items(_SCALAR.sub(r"\1", text[1:-1]), set_like=text[0] == "{")


def _items(inner: str, set_like: bool) -> list[Cell] | None:
    if set_like and ":" in _QUOTED.sub("", inner):
        return None  # an object
    place, items, spaced = 0, [], False
    while place < len(inner):
        if inner[place].isspace():
            place += 1
            continue
        quoted, bare = _QUOTED.match(inner, place), _BARE.match(inner, place)
        if quoted:
            try:
                items.append(ast.literal_eval(quoted[0]))
            except (ValueError, SyntaxError):
                return None
            place = quoted.end()
        elif bare:
            items.append(_bare(bare[0].strip()))
            place += len(bare[0].rstrip())
        else:
            return None
        after = re.compile(r"\s*,\s*|\s+|$").match(inner, place)
        if after is None:
            return None
        spaced = spaced or ("," not in after[0] and after.end() < len(inner))
        place = after.end()
    if any(item in ("...", "…") for item in items if isinstance(item, str)):
        raise ShortenedError
    if len(items) == 1 and isinstance(items[0], str) and not _QUOTED.search(inner):
        parts = items[0].split()  # [1 0 0]
        if "..." in parts:
            raise ShortenedError
        if len(parts) > 1 and all(_NUMBER.fullmatch(part) or part in _WORDS for part in parts):
            return [_bare(part) for part in parts]
    return items


def _bare(word: str) -> Cell:
    if word in _WORDS:
        return _WORDS[word]
    if _NUMBER.fullmatch(word):
        return int(word) if word.lstrip("+-").isdigit() else float(word)
    return word


def bit_of(item: Cell) -> int | None:
    """Return 0 or 1 where an item of a list is one of them (as a number, a text or a truth value), else None."""
    if isinstance(item, (bool, np.bool_)):
        return int(item)
    if isinstance(item, (int, float)):
        return int(item) if item in (0, 1) else None
    if isinstance(item, str):
        word = item.strip().casefold()
        return {"0": 0, "1": 1, "0.0": 0, "1.0": 1, "0.": 0, "1.": 1, "false": 0, "true": 1}.get(word)
    return None


def bits(cell: Cell) -> tuple[int, ...] | None:
    """Return the 0/1 vector that a cell holds: a list of them, or three and more between one mark; else None."""
    found = as_list(cell)
    if found is None and isinstance(cell, str) and _BITS.fullmatch(cell.strip()):
        mark = next(mark for mark in (",", ";", "|", " ") if mark in " ".join(cell.split()))
        parts: list[Cell] = list(cell.split(mark if mark != " " else None))
        found = parts if len(parts) > 2 else None
    if found is None:
        return None
    values = [bit_of(item) for item in found]
    return None if any(value is None for value in values) else tuple(value for value in values if value is not None)


def vector_length(cells: Sequence[Cell]) -> int | None:
    """Return how long the 0/1 vectors of a column are, or None where its cells are no such vectors.

    They are vectors where every list consists of zeros and ones and either all are equally long (2 and more), or some
    repeat a value, as no list of classes does. The length is that of most of them.

    Raises:
        ShortenedError: a vector was cut when it was written.
    """
    vectors = [bits(cell) for cell in cells if not is_missing(cell)]
    found = [vector for vector in vectors if vector is not None]
    if not found or len(found) < 0.8 * len(vectors):
        return None
    lengths = Counter(map(len, found))
    repeating = any(len(set(vector)) < len(vector) for vector in found)
    length = lengths.most_common(1)[0][0]
    if length < 2 or (len(lengths) > 1 and not repeating):
        return None
    return length
