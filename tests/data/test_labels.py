"""What a label cell comes to: one class, several, or a number."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from alih.data.inputs import CellError
from alih.data.labels import LabelScheme, classes_of, decide, encode
from alih.errors import DataError
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


RNG = np.random.default_rng(0)
#: Whole numbers as they come, and what they are. scikit-learn's `type_of_target` calls all of these multiclass, and
#: warns where more than half of them differ.
WHOLE: dict[str, tuple[list[int], Kind]] = {
    "prices that hardly recur": (RNG.integers(0, 100_000, 1000).tolist(), Kind.REGRESSION),
    "prices in many rows": (RNG.lognormal(9, 1, 100_000).astype(int).tolist(), Kind.REGRESSION),
    "ages of few people": (RNG.integers(18, 80, 100).tolist(), Kind.REGRESSION),
    "stars": (RNG.integers(1, 6, 1000).tolist(), Kind.SINGLE),
    "numbers of 77 classes in few rows": ([n % 77 for n in range(200)], Kind.SINGLE),
    "numbers of 150 classes from 1": ([1 + n % 150 for n in range(600)], Kind.SINGLE),
    "codes of 30 products": (RNG.choice([10_000 + 331 * n for n in range(30)], 3000).tolist(), Kind.SINGLE),
    "years": (RNG.integers(1990, 2021, 2000).tolist(), Kind.SINGLE),
}


@pytest.mark.parametrize("name", sorted(WHOLE))
@pytest.mark.parametrize("written", [int, str, float])
def test_whole_numbers_are_measured_where_they_hardly_recur_and_classes_otherwise(name: str, written: Any) -> None:
    numbers, kind = WHOLE[name]
    assert scheme([written(number) for number in numbers]).kind is kind


def test_how_numbers_were_taken_is_said_with_what_changes_it() -> None:
    measured, recurring, classes = (
        scheme(WHOLE[name][0]).note
        for name in ("prices that hardly recur", "prices in many rows", "codes of 30 products")
    )
    assert re.search(
        r'column "label": \d+ different numbers in 1,000 rows are taken as measured \(regression\)', measured
    )
    assert "--kind single-label takes them as classes" in recurring
    assert "--kind" not in measured, "so many different values would be refused as classes"
    assert 'column "label": 30 different numbers in 3,000 rows are taken as classes; --kind regression' in classes
    assert "taken as classes" in scheme([1.0, 1.5, 2.0, 2.5] * 25).note


@pytest.mark.parametrize("cells", [WHOLE["stars"][0], ["a", "b"] * 20])
def test_where_nothing_is_in_doubt_nothing_is_said(cells: list[Any]) -> None:
    assert scheme(cells).note == ""


@pytest.mark.parametrize("kind", [Kind.SINGLE, Kind.REGRESSION])
def test_what_the_user_said_is_not_repeated(kind: Kind) -> None:
    found = scheme(WHOLE["prices that hardly recur"][0], kind)
    assert (found.kind, found.note) == (kind, "")


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


@pytest.mark.parametrize(
    "cells",
    [
        [[1, 0, 0], [0, 1, 0], [0, 1, 1]],
        ["[1, 0, 0]", "[0, 1, 0]", "[0, 1, 1]"],
        ["[1 0 0]", "[0 1 0]", "[0 1 1]"],
        ["1;0;0", "0;1;0", "0;1;1"],
        ["1,0,0", "0,1,0", "0,1,1"],
        [[True, False, False], [False, True, False], [False, True, True]],
    ],
)
def test_vectors_of_zeros_and_ones_are_by_position(cells: list[Any]) -> None:
    found = scheme(cells)
    assert found.kind is Kind.MULTI
    assert found.order == ("0", "1", "2")
    assert [found.parse(cell) for cell in cells] == [("0",), ("1",), ("1", "2")]
    assert "3 zeros and ones: each position is a class" in found.note


def test_a_vector_of_another_length_is_refused() -> None:
    found = scheme([*[[1, 0, 0], [0, 1, 0]] * 5, [0, 1]])
    with pytest.raises(CellError, match="a vector of 2 zeros and ones where 3 were expected"):
        found.parse([0, 1])


def test_vectors_with_a_single_one_can_be_taken_as_one_class() -> None:
    assert "--kind single-label" in scheme([[1, 0, 0], [0, 1, 0]]).note
    found = scheme([[1, 0, 0], [0, 1, 0]], Kind.SINGLE)
    assert found.parse([0, 1, 0]) == "1"
    with pytest.raises(CellError, match="one class was expected"):
        found.parse([0, 1, 1])


def test_a_shortened_list_is_refused_as_such() -> None:
    with pytest.raises(CellError, match="shortened"):
        scheme([["a", "b"], ["a"]], Kind.MULTI).parse("['a', 'b', ..., 'c']")


COMPOSED = "caf\u00e9"


@pytest.mark.parametrize(
    "spelling",
    [
        "cafe\u0301",
        "caf\u00e9\u200b",
        "\ufeffcaf\u00e9",
        "ca\u00adf\u00e9",
        " caf\u00e9\u00a0",
        "caf\u200de\u0301",
        "caf\u00e9\ufe0e",
    ],
)
def test_what_looks_the_same_is_one_class_and_said(spelling: str) -> None:
    found = scheme([COMPOSED, "tea", spelling, "tea"])
    assert found.parse(spelling) == COMPOSED
    assert spelling.strip() == COMPOSED or f'taken out of "{COMPOSED}"' in found.note
    several = scheme([[spelling, "tea"], [COMPOSED]])
    assert several.parse([spelling, COMPOSED]) == (COMPOSED,)
    columns = scheme([("1", "0")], columns=(spelling, "tea"))
    assert columns.parse(("1", "0")) == (COMPOSED,)


def test_a_label_of_invisible_characters_alone_is_empty() -> None:
    with pytest.raises(CellError, match="empty"):
        LabelScheme(Kind.SINGLE).parse("\u200b\ufeff")


@pytest.mark.parametrize(
    "cells",
    [["True", "False"], ["TRUE", "FALSE"], [True, False], ["true", 0], [1, "FALSE"], [True, "0"], ["1", "False"]],
)
def test_truth_is_one_class_in_every_spelling(cells: list[Any]) -> None:
    found = scheme([*cells, "true", "false"])
    assert [found.parse(cell) for cell in cells] == ["true", "false"]


def test_zeros_and_ones_alone_stay_numbers() -> None:
    assert scheme(["0", "1", "1.0"]).parse("1.0") == "1"


@pytest.mark.parametrize("cells", [[-1, -1], ["-1", "-1.0"], [-1.0, None]])
def test_nothing_but_minus_one_is_no_label(cells: list[Any]) -> None:
    with pytest.raises(DataError, match="-1, which marks rows without one"):
        scheme(cells)
    assert scheme([-1, 0, 1] * 5).parse(-1) == "-1"


def test_numbers_that_may_be_two_things_are_asked_and_the_flag_answers() -> None:
    cells = [f"{n % 9 + 1},{100 + n}" for n in range(30)]
    with pytest.raises(DataError, match=r"--decimal"):
        scheme(cells)
    rows = [f"row {n}" for n in range(len(cells))]
    assert decide(cells, rows, None, ("label",), ".").parse("2,101") == 2101
    assert decide(cells, rows, None, ("label",), ",").parse("2,101") == 2.101


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


@pytest.mark.parametrize(
    "cells",
    [
        ["001", "002", "010"],
        ["007", "07", "7"],
        ["10000000000000001", "10000000000000002", "10000000000000003"],
        [str(10**25), str(10**25 + 1), str(10**25 + 2)],
        ["1e3", "1000", "1e3"],
    ],
)
def test_codes_keep_their_spelling_and_are_not_merged(cells: list[str]) -> None:
    found = scheme(cells, Kind.SINGLE)
    assert [found.parse(cell) for cell in cells] == cells


def test_words_for_nothing_are_classes_and_said() -> None:
    found = scheme(["good", "NA", "bad", "null", "NA"] * 3, None)
    assert found.parse("NA") == "NA"
    assert 'column "label": NA (6), null (3) taken as a class' in found.note
