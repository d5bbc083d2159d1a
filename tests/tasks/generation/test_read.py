"""Reading instruction data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from alih.errors import DataError
from alih.tasks.generation.conversation import ASSISTANT, SYSTEM, USER, Turn
from alih.tasks.generation.read import read_corpus

from .tiny import write

_SAID = [Turn(USER, "hi"), Turn(ASSISTANT, "hello")]
_CASES: list[tuple[dict[str, Any], str, list[Turn]]] = [
    (
        {"instruction": "Add.", "input": "1 2", "output": "3"},
        "alpaca",
        [Turn(USER, "Add.\n\n1 2"), Turn(ASSISTANT, "3")],
    ),
    ({"instruction": "hi", "input": "", "output": "hello"}, "alpaca", _SAID),
    ({"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]}, "messages", _SAID),
    ({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}, "messages", _SAID),
    (
        {
            "system": "Be kind.",
            "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}],
        },
        "messages",
        [Turn(SYSTEM, "Be kind."), *_SAID],
    ),
    ({"prompt": "hi", "completion": "hello"}, "prompt-completion", _SAID),
    ({"question": "hi", "answer": "hello"}, "prompt-completion", _SAID),
    ({"text": "once"}, "text", [Turn(ASSISTANT, "once")]),
]


@pytest.mark.parametrize(("row", "form", "turns"), _CASES)
def test_every_form_is_found_and_read(tmp_path: Path, row: dict[str, Any], form: str, turns: list[Turn]) -> None:
    corpus = read_corpus(write(tmp_path / "data.jsonl", [row]))
    assert corpus.form == form
    assert list(corpus.conversations[0].turns) == turns


def test_what_the_user_says_last_has_no_answer_and_is_left_out(tmp_path: Path) -> None:
    row = {"messages": [{"role": r, "content": c} for r, c in (("user", "a"), ("assistant", "b"), ("user", "c"))]}
    assert read_corpus(write(tmp_path / "d.jsonl", [row])).conversations[0].answer == "b"


_GOOD = {"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hello"}]}
_BAD: list[tuple[dict[str, Any], str]] = [
    ({"messages": [{"role": "assistant", "content": "hello"}]}, "starts with the assistant"),
    ({"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": " "}]}, "assistant.* is empty"),
    ({"messages": [{"role": "user", "content": "hi"}]}, "assistant says nothing"),
    ({"messages": [{"role": "wizard", "content": "hi"}]}, "role 'wizard'"),
    ({"messages": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}]}, "follow each other"),
    ({"messages": "no list"}, "no JSON list"),
    ({"messages": []}, "empty one"),
    ({"messages": [3]}, "no object"),
]


@pytest.mark.parametrize(("row", "words"), _BAD)
def test_a_bad_row_is_named_by_its_number(tmp_path: Path, row: dict[str, Any], words: str) -> None:
    with pytest.raises(DataError, match=rf"row 2: .*{words}"):
        read_corpus(write(tmp_path / "data.jsonl", [_GOOD, row, _GOOD]))


def test_an_empty_completion_is_named_by_its_row(tmp_path: Path) -> None:
    rows = [{"prompt": "a", "completion": "b"}, {"prompt": "a", "completion": ""}, {"prompt": "c", "completion": " "}]
    with pytest.raises(DataError, match=r"row 2: the completion is empty \(and 1 more"):
        read_corpus(write(tmp_path / "data.jsonl", rows))


def test_two_forms_in_one_file_are_refused_with_the_first_row_of_each(tmp_path: Path) -> None:
    rows = [{"instruction": "a", "output": "b"}, _GOOD]
    with pytest.raises(DataError, match=r"mixes forms: Alpaca.*row 1.*messages.*row 2"):
        read_corpus(write(tmp_path / "data.jsonl", rows))


def test_unknown_columns_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='"speech"'):
        read_corpus(write(tmp_path / "data.jsonl", [{"speech": "a"}]))


def test_paragraphs_of_a_text_file_are_texts_with_their_lines(tmp_path: Path) -> None:
    path = tmp_path / "book.txt"
    path.write_text("one\ntwo\n\nthree\n\n\n\nfour\n", encoding="utf-8")
    found = read_corpus(path).conversations
    assert [(one.answer, one.origin) for one in found] == [
        ("one\ntwo", "book.txt, line 1"),
        ("three", "book.txt, line 4"),
        ("four", "book.txt, line 8"),
    ]


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file"):
        read_corpus(tmp_path / "none.jsonl")
