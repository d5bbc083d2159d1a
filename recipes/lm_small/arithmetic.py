"""Sums with worked steps, column by column, as taught in school."""

from __future__ import annotations

import random
from typing import Final

from recipes.lm_small.examples import Example, first_name

_THINGS: Final = ("apples", "books", "stamps", "coins", "pears", "cards", "shells", "pens", "tickets", "cakes", "eggs")
_GAINS: Final = ("buys", "finds", "gets", "receives", "collects")
_LOSSES: Final = ("sells", "loses", "gives away", "uses", "eats")
_HOLDERS: Final = ("box", "bag", "basket", "shelf", "drawer", "crate")
KINDS: Final = ("addition", "subtraction", "multiplication", "story")


def arithmetic(rng: random.Random, kind: str) -> Example:
    """Make one sum: addition and subtraction of up to three digits, two digits times one, or a story with one of them.

    Raises:
        ValueError: no such kind.
    """
    if kind == "addition":
        a, b = _number(rng), _number(rng)
        return Example(kind, _asked(rng, f"{a} + {b}"), _worked(added(a, b), a + b))
    if kind == "subtraction":
        b, a = sorted((_number(rng), _number(rng)))
        return Example(kind, _asked(rng, f"{a} - {b}"), _worked(subtracted(a, b), a - b))
    if kind == "multiplication":
        a, b = rng.randint(2, 99), rng.randint(2, 9)
        return Example(kind, _asked(rng, f"{a} * {b}"), _worked(multiplied(a, b), a * b))
    if kind == "story":
        return _story(rng)
    raise ValueError(f"no kind of arithmetic is called {kind}")


def added(a: int, b: int) -> str:
    """The columns of a + b, ones first: `7+8=15, write 5, carry 1. 4+3+1=8, write 8.`"""
    steps, carry, place = [], 0, 0
    while place < max(len(str(a)), len(str(b))):
        x, y = _digit(a, place), _digit(b, place)
        total = x + y + carry
        left = f"{x}+{y}+1" if carry else f"{x}+{y}"
        carry = total // 10
        steps.append(f"{left}={total}, write {total % 10}{', carry 1' if carry else ''}.")
        place += 1
    if carry:
        steps.append("write 1.")
    return " ".join(steps)


def subtracted(a: int, b: int) -> str:
    """The columns of a − b ≥ 0, ones first: `12-7=5, write 5, borrow 1. 5-3-1=1, write 1.`"""
    steps, borrow = [], 0
    for place in range(len(str(a))):
        x, y = _digit(a, place), _digit(b, place)
        difference = x - y - borrow
        raised = difference < 0
        left = f"{x + 10 * raised}-{y}" + ("-1" if borrow else "")
        difference += 10 * raised
        borrow = int(raised)
        steps.append(f"{left}={difference}, write {difference}{', borrow 1' if raised else ''}.")
    return " ".join(steps)


def multiplied(a: int, b: int) -> str:
    """The parts of a · b for a < 100, b < 10: `40*6=240. 7*6=42. 240+42: …`, the sum in columns."""
    tens, ones = a // 10 * 10, a % 10
    if not tens or not ones:
        return f"{a}*{b}={a * b}."
    return f"{tens}*{b}={tens * b}. {ones}*{b}={ones * b}. {added(tens * b, ones * b)}"


def _digit(number: int, place: int) -> int:
    return int(str(number)[-1 - place]) if place < len(str(number)) else 0


def _number(rng: random.Random) -> int:
    """One to three digits, each length as likely."""
    return rng.randint(*rng.choice(((0, 9), (10, 99), (100, 999))))


def _asked(rng: random.Random, term: str) -> str:
    return rng.choice(("What is {}?", "Compute {}.", "{} = ?", "How much is {}?")).format(term)


def _worked(steps: str, result: int) -> str:
    return f"<think>{steps}</think>{result}"


def _story(rng: random.Random) -> Example:
    name, thing = first_name(rng), rng.choice(_THINGS)
    choice = rng.randrange(3)
    if choice == 0:
        a, b = rng.randint(2, 199), rng.randint(2, 199)
        prompt = f"{name} has {a} {thing} and {rng.choice(_GAINS)} {b} more. How many {thing} does {name} have now?"
        return Example("story", prompt, _worked(f"{a}+{b}: {added(a, b)}", a + b))
    if choice == 1:
        b, a = sorted((rng.randint(2, 199), rng.randint(2, 199)))
        prompt = f"{name} has {a} {thing} and {rng.choice(_LOSSES)} {b} of them. How many {thing} are left?"
        return Example("story", prompt, _worked(f"{a}-{b}: {subtracted(a, b)}", a - b))
    a, b, holder = rng.randint(2, 49), rng.randint(2, 9), rng.choice(_HOLDERS)
    plural = f"{holder}es" if holder == "box" else "shelves" if holder == "shelf" else f"{holder}s"
    prompt = f"There are {a} {thing} in each {holder}. How many {thing} are in {b} {plural}?"
    return Example("story", prompt, _worked(f"{a}*{b}: {multiplied(a, b)}", a * b))
