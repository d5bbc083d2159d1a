"""A list in a cell is one, whoever wrote it; zeros and ones are vectors by position."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.data.lists import ShortenedError, as_list, bits, vector_length

WRITTEN: list[tuple[str, list[Any]]] = [
    ("['joy', 'praise']", ["joy", "praise"]),
    ('["joy", "praise"]', ["joy", "praise"]),
    ("('joy', 'praise')", ["joy", "praise"]),
    ("('joy',)", ["joy"]),
    ("{'joy', 'praise'}", ["joy", "praise"]),
    ("['joy' 'praise']", ["joy", "praise"]),
    ("['joy'\n 'praise']", ["joy", "praise"]),
    ("array(['joy', 'praise'], dtype=object)", ["joy", "praise"]),
    ("[np.str_('joy'), np.str_('praise')]", ["joy", "praise"]),
    ("[np.int64(1), np.int64(0)]", [1, 0]),
    ("{joy,praise}", ["joy", "praise"]),
    ('{joy,"very good"}', ["joy", "very good"]),
    ("[joy, very good]", ["joy", "very good"]),
    ("['it\\'s', \"a, b\"]", ["it's", "a, b"]),
    ("[]", []),
    ("['joy', None]", ["joy", None]),
    ("[1 0 0]", [1, 0, 0]),
    ("[1. 0. 0.]", [1, 0, 0]),
    ("[True, False]", [True, False]),
]


@pytest.mark.parametrize(("cell", "items"), WRITTEN)
def test_lists_of_every_syntax(cell: str, items: list[Any]) -> None:
    assert as_list(cell) == items


@pytest.mark.parametrize("cell", ["(1,234)", '{"a": 1}', "{'a': 1}", "[unclosed", "word", "", "see [1]", "['a' x'b']"])
def test_what_is_no_list(cell: str) -> None:
    assert as_list(cell) is None


@pytest.mark.parametrize("cell", ["[0 1 0 ... 0 0]", "['a', 'b', ..., 'c']", "['a' 'b' ... 'c']"])
def test_a_list_that_was_shortened_is_refused(cell: str) -> None:
    with pytest.raises(ShortenedError):
        as_list(cell)


#: What a class may be called here: anything that can be printed on one line.
NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@given(st.lists(NAMES, max_size=5))
def test_lists_of_any_names_read_back(names: list[str]) -> None:
    for written in (repr(names), json.dumps(names), json.dumps(names, ensure_ascii=False)):
        assert as_list(written) == names
    if names:
        assert as_list(repr(tuple(names))) == names
        assert as_list(repr(np.array(names, dtype=object))) == names
        assert as_list(str(np.array(names, dtype=object))) == names


@given(st.lists(st.integers(0, 1), min_size=3, max_size=8))
def test_zeros_and_ones_read_back_in_every_way_of_writing(vector: list[int]) -> None:
    expected = tuple(vector)
    for mark in (", ", " ", ";", "|", ","):
        assert bits(mark.join(map(str, vector))) == expected
    for written in (vector, repr(vector), str(np.array(vector)), str(np.array(vector, dtype=float))):
        assert bits(written) == expected
    assert bits(repr([bool(bit) for bit in vector])) == expected


@pytest.mark.parametrize(
    ("cells", "length"),
    [
        ([[1, 0, 0], [0, 1, 0]], 3),
        (["[0, 1]", "[1, 0]"], 2),
        ([[1, 0, 0], [0, 1]], 3),
        ([[0], [1], [0, 1]], None),
        ([[0], [1]], None),
        (["0,1", "1,0"], None),
        ([[0, 2], [1, 0]], None),
        (["joy", "fear"], None),
    ],
)
def test_a_column_is_of_vectors_where_its_lists_are_equally_long_or_repeat_a_value(
    cells: list[Any], length: Any
) -> None:
    assert vector_length(cells) == length
