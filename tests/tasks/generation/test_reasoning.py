"""Final answers are found behind any reasoning, the commonest wins, and an answer begins as it was asked to."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.cli.main import main
from alih.metrics.text import exact_match, final_answer, final_match
from alih.tasks.generation.adapted import AdaptedWriter
from alih.tasks.generation.conversation import USER, Turn
from alih.tasks.generation.reasoning import BEGINNINGS, vote
from alih.tasks.generation.write import Sampling


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("<think>7+8=15, carry 1.</think>85", "85"),
        ("<think>a</think>no, <think>b</think> 12.", "12"),
        ("He has 3 + 4 = 7 apples.\n#### 7", "7"),
        ("Let's think step by step. 3 + 4 = 7. The answer is 7.", "7"),
        ("Tiga tambah empat. Jadi, jawabannya: 'Tujuh'.", "tujuh"),
        ("Paris", "paris"),
        ("", ""),
    ],
)
def test_the_final_answer_stands_behind_the_reasoning(text: str, answer: str) -> None:
    assert final_answer(text) == answer


@given(st.text(max_size=20))
def test_reasoning_changes_no_final_answer(text: str) -> None:
    assert final_answer(f"<think>1 + 1 = 2</think>{text}") == final_answer(text)


@given(st.lists(st.sampled_from(["<think>x</think>4", "<think>y</think>4", "5", "6.", "", "5 "]), min_size=1))
def test_the_commonest_final_answer_wins(answers: list[str]) -> None:
    winner, share = vote(answers)
    finals = [final_answer(text) for text in answers]
    assert winner in answers
    assert share == finals.count(final_answer(winner)) / len(answers)
    if any(finals):
        assert final_answer(winner)
        assert all(finals.count(other) <= finals.count(final_answer(winner)) for other in finals if other)


def test_right_for_other_reasons_is_a_right_final_answer() -> None:
    assert final_match("<think>8+7=15</think>85", "<think>7+8=15</think>85") == 1.0
    assert exact_match("<think>8+7=15</think>85", "<think>7+8=15</think>85") == 0.0


@pytest.fixture(scope="module")
def writer() -> AdaptedWriter:
    return AdaptedWriter.open("alih/lm-small")


@pytest.mark.parametrize("reasoning", ["think", "steps", "off"])
def test_an_answer_begins_as_it_was_asked_to(reasoning: str) -> None:
    writer = AdaptedWriter.open("alih/lm-small")
    plain = writer.writer.prompt([Turn(USER, "What is 2 + 2?")])
    writer.asking = replace(writer.asking, reasoning=reasoning)  # type: ignore[arg-type]
    begun = BEGINNINGS[reasoning]  # type: ignore[index]
    tail = writer.writer.prompt([Turn(USER, "What is 2 + 2?")])[len(plain) :]
    assert str(writer.pretrained.tokenizer.decode(tail)).strip() == begun
    pieces: list[str] = []
    answer = writer.answer([[Turn(USER, "What is 2 + 2?")]], Sampling(4), pieces.append)[0]
    assert answer.startswith(begun)
    assert "".join(pieces).startswith(begun)


def test_votes_come_out_the_same_for_the_same_seed_and_more_agree_on_what_is_surer(writer: AdaptedWriter) -> None:
    writer.asking = replace(writer.asking, samples=5)
    prompts = [[Turn(USER, "What is 4 + 3?")], [Turn(USER, "What is 47 * 89?")]]
    first = writer.writer.answer_often(prompts, Sampling(64))
    assert first == writer.writer.answer_often(prompts, Sampling(64))
    assert [text for text, _ in first] == writer.answer(prompts, Sampling(64))
    assert all(share in {0.2, 0.4, 0.6, 0.8, 1.0} for _, share in first)


def test_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["generate", "alih/lm-small", "What is 4 + 3?", "--samples", "3", "--json", "--max-new-tokens", "40"]) == 0
    )
    found = json.loads(capsys.readouterr().out)
    assert set(found) == {"prompt", "answer", "agreement"}
    assert main(["generate", "alih/lm-small", "What is 4 + 3?", "--reasoning", "off", "--max-new-tokens", "4"]) == 0
    assert capsys.readouterr().out.startswith("<think></think>")
    assert main(["generate", "alih/lm-small", "x", "--samples", "0"]) == 2
    assert "--samples" in capsys.readouterr().err
