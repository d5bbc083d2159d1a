"""Does a passage support a sentence? By overlap: rarity-weighted terms, and every number.

A sentence counts as supported where the terms that a passage shares with it carry at least 60 % of the sentence's
weight (inverse document frequency) and every number in it stands in the passage. This is a measure of overlap, not of
entailment: `alih.rag.evaluate` states its own error rate beside every groundedness.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from alih.rag.analyse import Analyser
from alih.rag.lexical import Lexical

SUPPORTED = 0.6
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


class Support:
    """Measures how much of a sentence stands in a passage.

    Args:
        analyser, lexical: of the library; rarity is counted in it.
    """

    def __init__(self, analyser: Analyser, lexical: Lexical) -> None:
        self._analyser = analyser
        self._lexical = lexical

    def coverage(self, asked: Iterable[str], told: Iterable[str]) -> float:
        """Share of the asked terms' weight that the told terms carry, 0 to 1; 0 where nothing is asked."""
        wanted = {term: self._lexical.rarity(term) for term in set(asked)}
        total = sum(wanted.values())
        there = set(told)
        return sum(weight for term, weight in wanted.items() if term in there) / total if total else 0.0

    def of(self, sentence: str, passage: str) -> float:
        """How well a passage supports a sentence, 0 to 1; 0 where a number of the sentence is not in it."""
        numbers = set(_NUMBER.findall(sentence))
        if not numbers <= set(_NUMBER.findall(passage)):
            return 0.0
        terms = self._analyser.terms(sentence)
        if not terms:
            return 1.0 if sentence.strip().casefold() in passage.casefold() else 0.0
        return self.coverage(terms, self._analyser.terms(passage))

    def best(self, sentence: str, passages: Sequence[str]) -> tuple[int, float]:
        """Which passage supports a sentence best, and how well; (-1, 0.0) where there are none."""
        values = [self.of(sentence, text) for text in passages]
        if not values:
            return -1, 0.0
        place = max(range(len(values)), key=values.__getitem__)
        return place, values[place]
