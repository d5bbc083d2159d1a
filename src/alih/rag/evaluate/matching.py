"""Compares an answer with the right ones, word by word: exact match, F1, and whether it holds one of them.

Rajpurkar et al. 2016, arXiv 1606.05250, section 6.1: letter case, punctuation and articles do not count; of several
right answers the best match does.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

_ARTICLES = frozenset({"a", "an", "the"})


def normalised(text: str) -> list[str]:
    """Words of a text without letter case, punctuation and articles."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    plain = "".join(" " if re.match(r"[^\w\s]|_", sign) and sign not in "'’" else sign for sign in plain)
    return [word for word in plain.replace("'", "").replace("’", "").split() if word not in _ARTICLES]


def exact(told: str, answers: Sequence[str]) -> float:
    """1 where the answer is one of the right ones, word for word; else 0."""
    return float(any(normalised(told) == normalised(one) for one in answers))


def f1(told: str, answers: Sequence[str]) -> float:
    """Harmonic mean of the shares of words in common, 0 to 1."""
    return max((_f1(normalised(told), normalised(one)) for one in answers), default=0.0)


def holds(told: str, answers: Sequence[str]) -> bool:
    """Whether a text holds one of the right answers, word for word."""
    words = f" {' '.join(normalised(told))} "
    return any(f" {' '.join(wanted)} " in words for one in answers if (wanted := normalised(one)))


def _f1(told: list[str], right: list[str]) -> float:
    if not told or not right:
        return float(told == right)
    common = sum((Counter(told) & Counter(right)).values())
    return 2 * common / (len(told) + len(right))
