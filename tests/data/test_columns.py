"""Columns are found by name and content, in English and Indonesian, and said."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from alih.data.columns import choose
from alih.data.table import Table
from alih.errors import DataError, OptionError
from alih.task import Modality


def table(**columns: Any) -> Table:
    full = {name: [make(n) for n in range(30)] for name, make in columns.items()}
    return Table("t.csv", full, [f"t.csv, row {n}" for n in range(2, 32)])


def prose(n: int) -> str:
    return f"some words in sentence number {n}"


def two(n: int) -> str:
    return "ab"[n % 2]


@pytest.mark.parametrize(
    ("columns", "inputs", "labels"),
    [
        ({"text": prose, "label": two}, ("text",), ("label",)),
        ({"id": int, "ulasan": prose, "sentimen": two}, ("ulasan",), ("sentimen",)),
        ({"Kalimat": prose, "Kategori": two}, ("Kalimat",), ("Kategori",)),
        ({"review_text": prose, "star_rating": lambda n: n % 5}, ("review_text",), ("star_rating",)),
        ({"left": prose, "right": two}, ("left",), ("right",)),
        ({"premise": prose, "hypothesis": prose, "label": two}, ("premise", "hypothesis"), ("label",)),
        ({"idx": int, "sentence1": prose, "sentence2": prose, "score": two}, ("sentence1", "sentence2"), ("score",)),
        ({"label": lambda n: n % 2, "label_text": two, "text": prose}, ("text",), ("label",)),
        ({"title": prose, "text": prose, "topic": two}, ("text",), ("topic",)),
        ({"text": prose, "value": lambda n: n / 7}, ("text",), ("value",)),
        ({"text": prose, "tags_of_it": lambda n: [two(n)]}, ("text",), ("tags_of_it",)),
    ],
)  # fmt: skip
def test_text_and_label_are_found(columns: dict[str, Any], inputs: tuple[str, ...], labels: tuple[str, ...]) -> None:
    chosen = choose(table(**columns), text=None, label=None, group=None)
    assert (chosen.inputs, chosen.labels) == (inputs, labels)
    assert all(name in chosen.note for name in (*inputs, *labels))


def test_ids_are_never_labels() -> None:
    with pytest.raises(DataError, match="--label"):
        choose(table(text=prose, number=lambda n: n, user_id=lambda n: n % 3), text=None, label=None, group=None)


def test_what_the_user_says_goes() -> None:
    found = table(text=prose, other=prose, label=two, topic=two, user=lambda n: n % 4)
    chosen = choose(found, text="other", label="topic", group="user")
    assert (chosen.inputs, chosen.labels, chosen.group) == (("other",), ("topic",), "user")
    assert "not used: text, label" in chosen.note


def test_two_texts_make_a_pair_and_several_labels_are_columns_of_their_own() -> None:
    found = table(a=prose, b=prose, x=lambda n: n % 2, y=lambda n: n % 3 // 2)
    chosen = choose(found, text="a,b", label=["x", "y"], group=None)
    assert (chosen.inputs, chosen.labels) == (("a", "b"), ("x", "y"))
    assert chosen.columns.label == "x,y"


def test_a_name_may_hold_a_comma_and_differ_in_case() -> None:
    found = Table(
        "t.csv", {"Text, long": [prose(n) for n in range(20)], "Label": [two(n) for n in range(20)]}, ["o"] * 20
    )
    assert choose(found, text="Text, long", label="label", group=None).inputs == ("Text, long",)


def test_a_column_named_twice_is_refused() -> None:
    with pytest.raises(OptionError, match="twice"):
        choose(table(text=prose, label=two), text="text,text", label=None, group=None)


def test_a_split_column_is_found_when_it_names_splits() -> None:
    found = table(text=prose, label=two, split=lambda n: ["train", "test", "val"][n % 3])
    assert choose(found, text=None, label=None, group=None).split == "split"
    assert choose(table(text=prose, label=two, set=two), text=None, label=None, group=None).split is None


def test_a_split_that_is_none_is_refused_with_its_row_and_an_empty_one_is_said() -> None:
    odd = table(text=prose, label=two, split=lambda n: ["train", "test", "banana"][n % 3])
    with pytest.raises(DataError, match=r'row .*: column "split" says "banana", which is no split'):
        choose(odd, text=None, label=None, group=None)
    gaps = table(text=prose, label=two, split=lambda n: ["train", "test", ""][n % 3])
    assert "without one: train)" in choose(gaps, text=None, label=None, group=None).note


def test_pictures_are_found_by_their_suffix_and_in_memory() -> None:
    by_path = choose(table(file=lambda n: f"p/{n}.JPG", label=two), text=None, label=None, group=None)
    assert (by_path.modality, by_path.inputs) == (Modality.IMAGE, ("file",))
    pixels = choose(table(x=lambda n: np.zeros((2, 2), np.uint8), label=two), text=None, label=None, group=None)
    assert (pixels.modality, pixels.inputs) == (Modality.IMAGE, ("x",))


def test_a_missing_header_is_said() -> None:
    found = replace(table(**{"column 1": prose, "column 2": two}), name="t.tsv", header=False)
    note = choose(found, text=None, label=None, group=None).note
    assert note == "t.tsv: no header line: took column 1 as text, column 2 as label"


@pytest.mark.parametrize("words", [("yes", "no"), ("Ya", "Tidak"), ("true", "false"), ("0", "1")])
def test_several_columns_of_yes_and_no_may_be_classes_and_the_advice_says_so(words: tuple[str, str]) -> None:
    def cell(n: int) -> str:
        return words[n % 2]

    with pytest.raises(DataError, match='or --label "p,q,r" if each is one class of several'):
        choose(table(text=prose, p=cell, q=cell, r=cell), text=None, label=None, group=None)
