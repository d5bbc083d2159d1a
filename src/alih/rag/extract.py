"""Extractive answers: the sentences of the passages that support an answer best, verbatim."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alih.rag.analyse import Analyser
from alih.rag.confidence import Signals
from alih.rag.passage import Passage
from alih.rag.support import Support

#: Sentences of an answer at most, and how near to the best one's score the others have to be.
MOST_SENTENCES = 3
_NEAR = 0.92
#: What likeness of vectors, shared terms and the passage's rank count for in a sentence's score.
_WEIGHTS = (0.55, 0.35, 0.10)
_ASKS = re.compile(r"\?\s*$")


@dataclass(frozen=True)
class Evidence:
    """A sentence that supports an answer.

    Args:
        passage: its place among the passages, from 0.
        start, end: in characters of the passage.
        score: 0 to about 1.
    """

    passage: int
    start: int
    end: int
    score: float


def extract(
    question: str,
    vector: NDArray[np.float32] | None,
    passages: Sequence[Passage],
    analyser: Analyser,
    support: Support,
    *,
    most: int = MOST_SENTENCES,
) -> tuple[list[Evidence], Signals]:
    """Choose the sentences that answer a question.

    Args:
        question: in words.
        vector: the question's, (width,).
        passages: best first.
        analyser, support: of the library.
        most: sentences at most.

    Returns:
        the best sentences, best first, and what tells whether they answer at all.
    """
    asked = analyser.terms(question)
    length = max(float(np.linalg.norm(vector)), 1e-9) if vector is not None else 1.0
    found: list[Evidence] = []
    signals: list[tuple[float, float]] = []
    for place, one in enumerate(passages):
        likeness = one.vectors.astype(np.float32) @ vector / length if vector is not None and len(one.spans) else None
        above = analyser.terms(one.heading)
        for row, (start, end) in enumerate(one.spans):
            told = one.text[start:end]
            terms = analyser.terms(told)
            if len(terms) < 2 or _ASKS.search(told):
                continue  # a crumb, or another question
            cosine = float(likeness[row]) if likeness is not None else 0.0
            shared = support.coverage(asked, [*terms, *above])
            score = _WEIGHTS[0] * cosine + _WEIGHTS[1] * shared + _WEIGHTS[2] / (1 + place)
            found.append(Evidence(place, start, end, score))
            signals.append((cosine, shared))
    if not found:
        return [], Signals()
    order = sorted(range(len(found)), key=lambda row: -found[row].score)
    best = found[order[0]]
    chosen = [found[row] for row in order[:most] if found[row].score >= _NEAR * best.score]
    dense = [one.scores["dense"] for one in passages if "dense" in one.scores]
    if not dense and vector is not None:  # lexical search alone: nobody has compared the vectors yet
        dense = [float(one.mean @ vector) / length for one in passages if len(one.spans)]
    return chosen, Signals(
        passage=max(dense, default=0.0),
        sentence=max(cosine for cosine, _ in signals),
        shared=max(support.coverage(asked, one.terms) for one in passages),
        together=signals[order[0]][1],
    )
