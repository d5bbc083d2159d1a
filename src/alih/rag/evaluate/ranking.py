"""Measures of a ranking: recall, reciprocal rank, normalised discounted cumulative gain."""

from __future__ import annotations

import math
from collections.abc import Sequence


def recall(found: Sequence[float], relevant: Sequence[float], k: int) -> float:
    """Share of what is relevant that stands among the first k.

    Args:
        found: grade of each place of the ranking, 0 where it is not relevant.
        relevant: grades of everything relevant.
        k: places that count.
    """
    total = sum(grade > 0 for grade in relevant)
    return sum(grade > 0 for grade in found[:k]) / total if total else 0.0


def reciprocal_rank(found: Sequence[float]) -> float:
    """1 / rank of the first relevant one, 0 where there is none; its mean over questions is the MRR."""
    return next((1 / rank for rank, grade in enumerate(found, 1) if grade > 0), 0.0)


def ndcg(found: Sequence[float], relevant: Sequence[float], k: int = 10) -> float:
    """Normalised discounted cumulative gain at k: Σ grade / log₂(1 + rank), divided by that of the best ranking.

    Järvelin and Kekäläinen 2002, doi:10.1145/582415.582418, with gains that are the grades themselves (as trec_eval's).
    """
    best = _dcg(sorted(relevant, reverse=True)[:k])
    return _dcg(found[:k]) / best if best else 0.0


def _dcg(grades: Sequence[float]) -> float:
    return sum(grade / math.log2(1 + rank) for rank, grade in enumerate(grades, 1))
