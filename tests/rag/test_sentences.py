"""Where sentences end."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.rag.sentences import sentence_spans, sentences


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three?", ["One.", "Two!", "Three?"]),
        ("Dr. Smith met Prof. Jones. They spoke.", ["Dr. Smith met Prof. Jones.", "They spoke."]),
        ("Temui dr. Budi di Jl. Merdeka No. 5. Ya.", ["Temui dr. Budi di Jl. Merdeka No. 5.", "Ya."]),
        ("Biaya Rp. 5.000 per hari. Lunas.", ["Biaya Rp. 5.000 per hari.", "Lunas."]),
        ("It costs 3.50 euros. Pay now.", ["It costs 3.50 euros.", "Pay now."]),
        ("Fruit, e.g. apples, etc. are sold. Buy some.", ["Fruit, e.g. apples, etc. are sold.", "Buy some."]),
        ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
        ("J. R. Tolkien wrote it. I read it.", ["J. R. Tolkien wrote it.", "I read it."]),
        ("A line\nbroken in two. Next.", ["A line\nbroken in two.", "Next."]),
        ("Heading\n\nText below", ["Heading", "Text below"]),
        ("- one\n- two", ["- one", "- two"]),
        ("1. First\n2. Second", ["1. First", "2. Second"]),
        ("", []),
        ("   \n ", []),
    ],
)  # fmt: skip
def test_sentences_end_where_a_reader_would_end_them(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected


@given(st.text(alphabet='ab.!? \n-1A"', max_size=80))
def test_spans_are_in_order_and_leave_out_white_space_alone(text: str) -> None:
    spans = sentence_spans(text)
    end = 0
    for start, stop in spans:
        assert end <= start < stop
        assert not text[end:start].strip()
        assert text[start:stop].strip() == text[start:stop]
        end = stop
    assert not text[end:].strip()
