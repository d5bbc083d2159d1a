"""The training and the held-out sentences of the grammar: which is which depends on the sentence alone."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

from recipes.translator.grammar import Grammar
from recipes.translator.phrases import Both

#: What a source sentence begins with: the language to translate into.
INTO_INDONESIAN, INTO_ENGLISH = ">>id<<", ">>en<<"
MARKERS = (INTO_INDONESIAN, INTO_ENGLISH)
#: One sentence in so many is never trained on.
_HELD_OUT_ONE_IN = 50


def is_held_out(english: str) -> bool:
    """Whether a pair is kept from training: by the digest of its English sentence."""
    return int.from_bytes(sha256(english.encode()).digest()[:4]) % _HELD_OUT_ONE_IN == 0


def pairs(seed: int, count: int, *, held_out: bool = False) -> list[Both]:
    """Draw `count` different (English, Indonesian) pairs, either for training or held out."""
    return list(dict.fromkeys(_draw(seed, count, held_out)))


def _draw(seed: int, count: int, held_out: bool) -> Iterator[Both]:
    grammar = Grammar(seed)
    seen: set[Both] = set()
    while len(seen) < count:
        pair = grammar.pair()
        if pair not in seen and is_held_out(pair[0]) is held_out:
            seen.add(pair)
            yield pair


def both_ways(drawn: list[Both]) -> list[Both]:
    """Return (source with its marker, target) of every pair in both directions."""
    there = [(f"{INTO_INDONESIAN} {english}", indonesian) for english, indonesian in drawn]
    back = [(f"{INTO_ENGLISH} {indonesian}", english) for english, indonesian in drawn]
    return there + back
