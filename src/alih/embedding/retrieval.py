"""How well an embedding model finds the passages that answer held-out questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.embedding.pairs import Pair
from alih.rag.embed import Embedder
from alih.rag.evaluate.intervals import interval
from alih.rag.evaluate.ranking import ndcg, recall, reciprocal_rank

MEASURES = ("recall@1", "recall@10", "mrr@10", "ndcg@10")
Values = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Found:
    """Measures of each question.

    Args:
        questions: how many there are.
        passages: among how many passages theirs were looked for.
        values: (questions,) of each measure.
    """

    questions: int
    passages: int
    values: dict[str, Values]

    def mean(self, measure: str) -> float:
        """Mean over the questions."""
        return float(self.values[measure].mean())

    def as_dict(self) -> dict[str, Any]:
        """Means and 95 % intervals as JSON-able data."""
        told: dict[str, Any] = {"questions": self.questions, "passages": self.passages}
        for name, values in self.values.items():
            sure = interval(values)
            told[name] = {"point": sure.point, "low": sure.low, "high": sure.high}
        return told


def measure(embedder: Embedder, pairs: Sequence[Pair], passages: Sequence[str]) -> Found:
    """Rank all passages for each question, by the dot product that the library uses.

    Args:
        embedder: the model.
        pairs: held-out ones; a question may have several passages.
        passages: to look among, theirs included.
    """
    right: dict[str, set[str]] = {}
    for pair in pairs:
        right.setdefault(pair.question, set()).add(pair.passage)
    vectors = embedder.passages(passages).vectors
    place = {text: number for number, text in enumerate(passages)}
    scores: dict[str, list[float]] = {name: [] for name in MEASURES}
    asked = embedder.queries(list(right))
    for vector, texts in zip(asked, right.values(), strict=True):
        relevant = {place[text] for text in texts}
        ranking = np.argsort(-(vectors @ vector), kind="stable")[:10].tolist()
        grades = [1.0 if number in relevant else 0.0 for number in ranking]
        every = [1.0] * len(relevant)
        scores["recall@1"].append(recall(grades, every, 1))
        scores["recall@10"].append(recall(grades, every, 10))
        scores["mrr@10"].append(reciprocal_rank(grades))
        scores["ndcg@10"].append(ndcg(grades, every, 10))
    return Found(len(right), len(passages), {name: np.asarray(values) for name, values in scores.items()})
