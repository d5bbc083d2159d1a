"""Passages: the answer stands in them, or nothing that answers does."""

from __future__ import annotations

import random

from recipes.lm_small.passages import ABSENT, passage, repeat

MANY = 400


def test_the_answer_stands_in_the_passage_word_for_word() -> None:
    rng = random.Random(1)
    for _ in range(MANY):
        example = passage(rng)
        text, question = example.prompt.split("\nQuestion: ")
        assert text.startswith("Passage: ")
        assert question.endswith("?")
        assert example.answer in text or example.answer[0].upper() + example.answer[1:] in text


def test_what_is_absent_is_answered_by_saying_so() -> None:
    rng = random.Random(2)
    assert {passage(rng, absent=True).answer for _ in range(MANY)} == {ABSENT}


def test_the_wording_kept_for_evaluation_never_occurs_in_training() -> None:
    rng = random.Random(3)

    def pattern(prompt: str) -> str:
        return " ".join(word for word in prompt.split("Question: ")[1].split() if word[0].islower() or word == "Who")

    usual = {pattern(passage(rng).prompt) for _ in range(3 * MANY)}
    fresh = [pattern(passage(rng, unseen_wording=True).prompt) for _ in range(MANY)]
    assert sum(one in usual for one in fresh) / len(fresh) < 0.05  # a name in small letters can make two alike


def test_the_same_random_numbers_make_the_same_passage() -> None:
    assert passage(random.Random(4)) == passage(random.Random(4))


def test_a_line_to_repeat_is_repeated() -> None:
    example = repeat(random.Random(5))
    assert example.prompt == f"Repeat: {example.answer}"
