"""How well an embedding model finds the passages that answer held-out questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alih.embedding.pairs import Pair
from alih.metrics import ranking
from alih.metrics.base import Floats
from alih.metrics.bootstrap import Difference, Interval, difference, interval
from alih.rag.embed import Embedder, Vectors

__all__ = ["METRICS", "Found", "Vectors", "answers_of", "measure", "ranked"]

METRICS = {
    metric.name: metric
    for metric in (ranking.recall_at(1), ranking.recall_at(10), ranking.mrr_at(10), ranking.ndcg_at(10))
}
_PLACES = 10


@dataclass(frozen=True, eq=False)
class Found:
    """What was found for each question.

    Args:
        questions: how many there are.
        passages: among how many passages theirs were looked for.
        statistics: the table (questions, 2) of each metric, by name.
    """

    questions: int
    passages: int
    statistics: dict[str, Floats]

    def mean(self, metric: str) -> float:
        """Mean over the questions."""
        return METRICS[metric].score(self.statistics[metric])

    def intervals(self) -> dict[str, Interval]:
        """Each metric with its interval."""
        return {name: interval(METRICS[name], table) for name, table in self.statistics.items()}

    def gains(self, before: Found) -> dict[str, Difference]:
        """By how much it is better than another, over the same questions."""
        return {
            name: difference(METRICS[name], table, before.statistics[name]) for name, table in self.statistics.items()
        }

    def as_dict(self) -> dict[str, Any]:
        """Means and 95 % intervals as JSON-able data."""
        ends = {
            name: {"point": found.point, "low": found.low, "high": found.high}
            for name, found in self.intervals().items()
        }
        return {"questions": self.questions, "passages": self.passages, **ends}


def answers_of(pairs: Sequence[Pair]) -> dict[str, set[str]]:
    """The passages of each question, in the order of the questions."""
    found: dict[str, set[str]] = {}
    for pair in pairs:
        found.setdefault(pair.question, set()).add(pair.passage)
    return found


def measure(embedder: Embedder, pairs: Sequence[Pair], passages: Sequence[str]) -> Found:
    """Rank all passages for each question, by the dot product that the library uses.

    Args:
        embedder: the model.
        pairs: held-out ones; a question may have several passages.
        passages: to look among, theirs included.
    """
    answers = answers_of(pairs)
    return ranked(embedder.queries(list(answers)), embedder.passages(passages).vectors, answers, passages)


def ranked(questions: Vectors, vectors: Vectors, answers: dict[str, set[str]], passages: Sequence[str]) -> Found:
    """What is found by vectors of questions and passages, each (n, width)."""
    place = {text: number for number, text in enumerate(passages)}
    rankings: list[list[float]] = []
    for vector, texts in zip(questions, answers.values(), strict=True):
        relevant = {place[text] for text in texts}
        first = np.argsort(-(vectors @ vector), kind="stable")[:_PLACES].tolist()
        rankings.append([float(number in relevant) for number in first])
    relevance = [[1.0] * len(texts) for texts in answers.values()]
    return Found(len(answers), len(passages), ranking.statistics(rankings, relevance, list(METRICS.values())))
