"""Whole numbers in words, English and Indonesian."""

from __future__ import annotations

_UP_TO_NINETEEN = """
zero one two three four five six seven eight nine
ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen
"""
_EN = [*_UP_TO_NINETEEN.split()]
_EN_TENS = ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
_ID = ["nol", "satu", "dua", "tiga", "empat", "lima", "enam", "tujuh", "delapan", "sembilan"]


def english(number: int) -> str:
    """Return 0…999,999,999 in words: 21 → "twenty-one", 305 → "three hundred and five"."""
    if number < 20:
        return _EN[number]
    if number < 100:
        tens, rest = divmod(number, 10)
        return _EN_TENS[tens] + (f"-{_EN[rest]}" if rest else "")
    if number < 1000:
        hundreds, rest = divmod(number, 100)
        return f"{_EN[hundreds]} hundred" + (f" and {english(rest)}" if rest else "")
    for size, name in ((1_000_000, "million"), (1000, "thousand")):
        if number >= size:
            front, rest = divmod(number, size)
            link = " and " if 0 < rest < 100 else " "
            return f"{english(front)} {name}" + (f"{link}{english(rest)}" if rest else "")
    raise AssertionError


def indonesian(number: int) -> str:
    """Return 0…999,999,999 in words: 11 → "sebelas", 100 → "seratus", 21,000 → "dua puluh satu ribu"."""
    if number < 10:
        return _ID[number]
    if number < 20:
        return {10: "sepuluh", 11: "sebelas"}.get(number) or f"{_ID[number - 10]} belas"
    for size, name, single in (
        (1_000_000, "juta", ""),
        (1000, "ribu", "seribu"),
        (100, "ratus", "seratus"),
        (10, "puluh", ""),
    ):
        if number >= size:
            front, rest = divmod(number, size)
            head = single if front == 1 and single else f"{indonesian(front)} {name}"
            return head + (f" {indonesian(rest)}" if rest else "")
    raise AssertionError
