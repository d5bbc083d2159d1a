"""Answers are compared as SQuAD's own script does."""

from __future__ import annotations

import re
import string
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.rag.evaluate.matching import exact, f1, holds, normalised


def squad(text: str) -> list[str]:
    """`normalize_answer` of the SQuAD 1.1 evaluation script."""
    plain = "".join(sign for sign in text.lower() if sign not in set(string.punctuation))
    return re.sub(r"\b(a|an|the)\b", " ", plain).split()


def squad_f1(told: str, right: str) -> float:
    common = Counter(squad(told)) & Counter(squad(right))
    same = sum(common.values())
    if same == 0:
        return 0.0
    precision, recall = same / len(squad(told)), same / len(squad(right))
    return 2 * precision * recall / (precision + recall)


WORDS = st.lists(st.sampled_from(["The", "cat", "sat", "12", "days.", "a", "mat", "an", "cat,"]), min_size=1).map(
    " ".join
)


@given(WORDS, WORDS)
def test_f1_and_exact_match_are_squads(told: str, right: str) -> None:
    if squad(told) and squad(right):
        assert f1(told, [right]) == pytest.approx(squad_f1(told, right))
        assert exact(told, [right]) == float(squad(told) == squad(right))


def test_the_best_of_several_answers_counts() -> None:
    assert f1("twelve days", ["12", "twelve days", "days"]) == 1
    assert exact("The cat!", ["dog", "cat"]) == 1


def test_holding_an_answer_needs_whole_words() -> None:
    assert holds("Setiap pegawai berhak atas 12 hari cuti.", ["12 hari"])
    assert not holds("Setiap pegawai berhak atas 112 hari cuti.", ["12 hari"])
    assert not holds("anything", [""])


def test_typography_does_not_count() -> None:
    assert normalised("“Don’t” – stop_now…") == ["dont", "stop", "now"]
