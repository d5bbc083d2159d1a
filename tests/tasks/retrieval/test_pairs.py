"""Questions and passages: read, split so that held-out ones are new, and made examples of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.errors import DataError
from alih.tasks.retrieval.pairs import (
    Pair,
    Pairs,
    Questions,
    all_questions,
    looks_like_pairs,
    read_dataset,
    read_pairs,
    split,
)
from tests.tasks.retrieval.conftest import ROWS


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30)), min_size=1, max_size=80), st.integers(0, 99))
def test_no_question_and_where_it_says_so_no_passage_is_on_two_sides(edges: list[tuple[int, int]], seed: int) -> None:
    unique = dict.fromkeys(edges)
    pairs = Pairs("x", tuple(Pair(f"q{q}", f"p{p}", (), "") for q, p in unique))
    try:
        parts = split(pairs, seed)
    except DataError:
        assert len({q for q, _ in unique}) < 10
        return
    sides = [parts.train, parts.validation, parts.test]
    assert sum(map(len, sides)) == len(unique)
    assert all(sides)
    for name in ("question", "passage") if parts.fresh else ("question",):
        values = [{getattr(pair, name) for pair in side} for side in sides]
        assert sum(map(len, values)) == len(set().union(*values))


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=40))
def test_an_example_is_a_question_with_all_its_passages_and_groups_share_one(edges: list[tuple[int, int]]) -> None:
    unique = dict.fromkeys(edges)
    pairs = Pairs("x", tuple(Pair(f"q{q}", f"p{p}", (f"n{q}",), f"row {q}") for q, p in unique))
    found = all_questions(pairs)
    assert {(one.text, text) for one in found.questions for text in one.passages} == {
        (f"q{q}", f"p{p}") for q, p in unique
    }
    assert len(found) == len({q for q, _ in unique})
    assert all(one.negatives == (one.text.replace("q", "n"),) for one in found.questions)
    assert found.groups is not None
    for first, of_first in zip(found.questions, found.groups, strict=True):
        for second, of_second in zip(found.questions, found.groups, strict=True):
            if set(first.passages) & set(second.passages):
                assert of_first == of_second
    assert set(found.select([0]).candidates) == set(pairs.passages)


def test_a_dataset_says_what_it_is_and_changes_its_digest_with_its_rows(place: Path, tmp_path: Path) -> None:
    data = read_dataset(place / "pairs.jsonl", 0, 0.2, None, None)
    assert "40 pairs, 40 passages" in data.notes[0]
    assert len(data.train) + len(data.validation) + len(data.test) == 40
    few = read_dataset(place / "pairs.jsonl", 0, 0.2, None, 5)
    assert len(few.train) == 5
    assert isinstance(few.train, Questions)
    assert isinstance(data.train, Questions)
    assert set(few.train.questions) < set(data.train.questions)
    other = tmp_path / "pairs.jsonl"
    changed = [ROWS[0] | {"passage": "closed"}, *ROWS[1:]]
    other.write_text("".join(json.dumps(row) + "\n" for row in changed), encoding="utf-8")
    assert len({data.digest(), few.digest(), read_dataset(other, 0, 0.2, None, None).digest()}) == 3


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([{"question": "a"}] * 20, "no column with the passage"),
        ([{"text": "a", "label": "b"}] * 20, "no column with the question"),
        ([*ROWS, {"question": "a", "passage": " "}], "row 41"),
        ([*ROWS, {"question": 7, "passage": "p"}], "no text"),
        (ROWS[:5], "at least 10"),
    ],
)
def test_bad_pairs_are_refused(rows: list[dict[str, Any]], words: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with pytest.raises(DataError, match=words):
        read_dataset(path, 0, None, None, None)


@pytest.mark.parametrize(
    ("name", "line", "expected"),
    [
        ("a.jsonl", '{"question": "q", "passage": "p"}', True),
        ("a.jsonl", '{"query": "q", "positive": "p", "negative": ["n"]}', True),
        ("a.csv", "Anchor,Document", True),
        ("a.csv", "question,passage,label", False),
        ("a.jsonl", '{"question": "q", "answer": "a"}', False),
        ("a.jsonl", '{"question": "q", "context": "c", "answer": "a"}', False),
        ("a.jsonl", "7", False),
        ("a.jsonl", "{", False),
        ("a.txt", "question,passage", False),
    ],
)
def test_pairs_are_recognised_by_their_columns_alone(name: str, line: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / name).write_text(line + "\n", encoding="utf-8")
    assert looks_like_pairs(tmp_path / name) is expected


@pytest.mark.parametrize("data", ["no-such-file.jsonl", ["a list"], 7])
def test_what_is_no_file_is_not_recognised_as_pairs(data: Any) -> None:
    assert not looks_like_pairs(data)


def test_a_pair_that_stands_twice_counts_once(tmp_path: Path) -> None:
    path = tmp_path / "twice.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in [*ROWS, ROWS[0]]), encoding="utf-8")
    found = read_pairs(path)
    assert len(found.pairs) == len(ROWS)
    assert "twice" in found.notes[-1]
