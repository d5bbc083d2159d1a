"""Worked sums: every line of every column is true, and together they give the result."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recipes.lm_small.arithmetic import KINDS, added, arithmetic, multiplied, subtracted


def written(steps: str) -> int:
    """The number that the digits written from the ones up make."""
    return int("".join(reversed(re.findall(r"write (\d)", steps))))


def lines(steps: str) -> list[str]:
    return re.findall(r"[\d+*-]+=\d+", steps)


@given(st.integers(0, 9999), st.integers(0, 9999))
def test_the_columns_of_an_addition_are_true_and_give_the_sum(a: int, b: int) -> None:
    steps = added(a, b)
    assert written(steps) == a + b
    for line in lines(steps):
        left, right = line.split("=")
        assert sum(int(term) for term in left.split("+")) == int(right)


@given(st.integers(0, 9999), st.integers(0, 9999))
def test_the_columns_of_a_subtraction_are_true_and_give_the_difference(a: int, b: int) -> None:
    small, large = sorted((a, b))
    steps = subtracted(large, small)
    assert written(steps) == large - small
    for line in lines(steps):
        left, right = line.split("=")
        first, *rest = (int(term) for term in left.split("-"))
        assert first - sum(rest) == int(right)


@given(st.integers(2, 99), st.integers(2, 9))
def test_the_parts_of_a_multiplication_are_true_and_give_the_product(a: int, b: int) -> None:
    steps = multiplied(a, b)
    for left, right, product in re.findall(r"(\d+)\*(\d+)=(\d+)", steps):
        assert int(left) * int(right) == int(product)
    assert str(a * b) in steps or written(steps) == a * b


@pytest.mark.parametrize("kind", KINDS)
def test_the_number_after_the_worked_steps_answers_the_prompt(kind: str) -> None:
    rng = random.Random(0)
    for _ in range(300):
        example = arithmetic(rng, kind)
        a, b = (int(number) for number in re.findall(r"\d+", example.prompt))
        assert example.answer.startswith("<think>")
        assert int(example.result) in {a + b, a - b, a * b}
        if kind != "story":
            sign = re.search(r"\d ([+*-]) \d", example.prompt)
            assert sign is not None
            assert int(example.result) == {"+": a + b, "-": a - b, "*": a * b}[sign[1]]


def test_a_kind_that_is_unknown_is_refused() -> None:
    with pytest.raises(ValueError, match="division"):
        arithmetic(random.Random(0), "division")
