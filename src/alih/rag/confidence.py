"""How likely the documents hold an answer: a logistic regression on four signals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Signals:
    """What tells whether the documents hold an answer.

    Args:
        passage: cosine of the question's vector and the best passage's.
        sentence: cosine of the question's vector and the best sentence's.
        shared: share of the question's terms, weighted by rarity, that the best passage has.
        together: the same for the best sentence.
    """

    passage: float = 0.0
    sentence: float = 0.0
    shared: float = 0.0
    together: float = 0.0

    def values(self) -> tuple[float, float, float, float]:
        """In the order of the fields."""
        return self.passage, self.sentence, self.shared, self.together


#: Logistic regression of "the documents hold the answer" on the four signals, fitted by `alih.rag.calibrate.fit` on 200
#: English and Indonesian questions, half of them without an answer (`python benchmarks/rag.py --only defaults`).
DEFAULT_WEIGHTS = (-6.15, 2.80, 2.74, 3.29, 2.72)


def confidence(signals: Signals, weights: Sequence[float] = DEFAULT_WEIGHTS) -> float:
    """How likely the documents hold an answer, 0 to 1.

    Args:
        signals: of the question.
        weights: intercept and one weight a signal.
    """
    value = weights[0] + sum(w * x for w, x in zip(weights[1:], signals.values(), strict=True))
    return 1 / (1 + math.exp(-max(min(value, 50.0), -50.0)))
