"""Metrics of a ranking: recall, mean reciprocal rank, normalised discounted cumulative gain; one row a question."""

from __future__ import annotations

import math
from collections.abc import Sequence

from alih.metrics.base import Floats, Metric, mean_of, means


def recall_at(k: int) -> Metric:
    """recall@k: share of what is relevant that is among the first k; right or wrong where one thing is relevant."""
    return mean_of(f"recall@{k}", is_share=True, in_points=True)


def mrr_at(k: int) -> Metric:
    """mrr@k: mean of 1 / rank of the first relevant one, 0 where it is not among the first k."""
    return mean_of(f"mrr@{k}", in_points=True)


def ndcg_at(k: int) -> Metric:
    """ndcg@k; see `ndcg`."""
    return mean_of(f"ndcg@{k}", in_points=True)


def statistics(
    rankings: Sequence[Sequence[float]], relevant: Sequence[Sequence[float]], metrics: Sequence[Metric]
) -> dict[str, Floats]:
    """The tables (questions, 2) of ranking metrics, by name.

    Args:
        rankings: grade of each place of each question's ranking, 0 where it is not relevant.
        relevant: grades of everything relevant to each question.
        metrics: made by `recall_at`, `mrr_at`, `ndcg_at`.
    """
    return {
        metric.name: means(
            [_value(metric.name, grades, right) for grades, right in zip(rankings, relevant, strict=True)]
        )
        for metric in metrics
    }


def _value(name: str, grades: Sequence[float], relevant: Sequence[float]) -> float:
    kind, _, places = name.partition("@")
    k = int(places)
    if kind == "mrr":
        return reciprocal_rank(grades[:k])
    return recall(grades, relevant, k) if kind == "recall" else ndcg(grades, relevant, k)


def recall(grades: Sequence[float], relevant: Sequence[float], k: int) -> float:
    """Share of what is relevant that stands among the first k.

    Args:
        grades: of each place of the ranking, 0 where it is not relevant.
        relevant: grades of everything relevant.
        k: places that count.
    """
    total = sum(grade > 0 for grade in relevant)
    return sum(grade > 0 for grade in grades[:k]) / total if total else 0.0


def reciprocal_rank(grades: Sequence[float]) -> float:
    """1 / rank of the first relevant one, 0 where there is none; its mean over questions is the MRR."""
    return next((1 / rank for rank, grade in enumerate(grades, 1) if grade > 0), 0.0)


def ndcg(grades: Sequence[float], relevant: Sequence[float], k: int = 10) -> float:
    """Normalised discounted cumulative gain at k: Σ grade / log₂(1 + rank), divided by that of the best ranking.

    Järvelin and Kekäläinen 2002, doi:10.1145/582415.582418, with gains that are the grades themselves (as trec_eval's).
    """
    best = _dcg(sorted(relevant, reverse=True)[:k])
    return _dcg(grades[:k]) / best if best else 0.0


def _dcg(grades: Sequence[float]) -> float:
    return sum(grade / math.log2(1 + rank) for rank, grade in enumerate(grades, 1))
