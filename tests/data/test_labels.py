"""What a label cell comes to: one class, several, or a number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alih.data.inputs import CellError
from alih.data.labels import LabelScheme, classes_of, decide, encode
from alih.task import Kind


def scheme(cells: list[Any], kind: Kind | None = None, columns: tuple[str, ...] = ("label",)) -> LabelScheme:
    return decide(cells, [f"row {n}" for n in range(len(cells))], kind, columns)


def test_words_are_classes() -> None:
    assert scheme(["yes", "no", "yes"]).kind is Kind.SINGLE


def test_one_and_one_point_zero_are_one_class() -> None:
    found = scheme(["1", "1.0", "2"])
    assert [found.parse(cell) for cell in ("1", "1.0", "2")] == ["1", "1", "2"]


def test_few_whole_numbers_are_classes_and_many_fractions_are_measured() -> None:
    assert scheme([n % 5 for n in range(100)]).kind is Kind.SINGLE
    assert scheme([n / 7 for n in range(100)]).kind is Kind.REGRESSION
    assert scheme([1.0, 1.5, 2.0, 2.5] * 25).kind is Kind.SINGLE
    assert scheme([f"{n},{n % 10}" for n in range(50)]).parse("3,5") == 3.5


def test_the_kind_can_be_said() -> None:
    assert scheme([n % 5 for n in range(100)], Kind.REGRESSION).parse("3") == 3.0
    assert scheme([n / 7 for n in range(100)], Kind.SINGLE).kind is Kind.SINGLE


@pytest.mark.parametrize("mark", [";", "|"])
def test_classes_that_recur_between_separators_are_several(mark: str) -> None:
    found = scheme([f"a{mark}b", "a", f"b{mark} c", "c", ""])
    assert found.kind is Kind.MULTI
    assert [found.parse(cell) for cell in (f"a{mark}b", f"b{mark} c", "")] == [("a", "b"), ("b", "c"), ()]


def test_a_separator_in_one_class_name_does_not_make_several() -> None:
    assert scheme(["food;drink", "hotel", "food;drink", "hotel"]).kind is Kind.SINGLE


def test_lists_are_several_in_themselves_and_as_json() -> None:
    assert scheme([["a", "b"], ["a"], []]).parse(["a", "b"]) == ("a", "b")
    assert scheme(['["a", "b"]', '["a"]', "[]"]).parse('["a", "b"]') == ("a", "b")


def test_columns_of_zeros_and_ones_are_several() -> None:
    found = scheme([("1", "0"), (0, 1)], columns=("kind", "rude"))
    assert [found.parse(("1", "0")), found.parse((0, True)), found.parse((0, 0))] == [("kind",), ("rude",), ()]
    with pytest.raises(CellError, match="0 or 1"):
        found.parse(("2", "0"))


def test_classes_are_in_order_of_number_else_of_name_else_as_stored() -> None:
    assert classes_of(["10", "9", "2"]) == ("2", "9", "10")
    assert classes_of(["b", "a", "10"]) == ("10", "a", "b")
    assert classes_of(["b", "a"], order=("b", "a", "c")) == ("b", "a")


def test_labels_are_encoded_by_kind() -> None:
    assert encode(["b", "a"], Kind.SINGLE, ("a", "b")).tolist() == [1, 0]
    assert encode([("b",), ("a", "b"), ()], Kind.MULTI, ("a", "b")).tolist() == [[0, 1], [1, 1], [0, 0]]
    numbers = encode([1.5, 2.0], Kind.REGRESSION, ())
    assert numbers.dtype == np.float32
    assert numbers.tolist() == [1.5, 2.0]


@pytest.mark.parametrize(("cell", "reason"), [("", "empty"), (None, "empty"), (float("nan"), "empty"), ({}, "object")])
def test_unusable_cells_are_refused(cell: object, reason: str) -> None:
    with pytest.raises(CellError, match=reason):
        LabelScheme(Kind.SINGLE).parse(cell)


@pytest.mark.parametrize("cell", ["nan", "inf", "1_000", "abc", True])
def test_what_is_no_finite_number_is_refused(cell: object) -> None:
    with pytest.raises(CellError, match="not a number"):
        LabelScheme(Kind.REGRESSION).parse(cell)
