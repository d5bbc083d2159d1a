"""Ranking measures equal scikit-learn's, and what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import ndcg_score

from alih.metrics.ranking import ndcg, recall, reciprocal_rank


@given(st.lists(st.integers(0, 4), min_size=2, max_size=40).filter(any), st.integers(1, 20))
def test_ndcg_is_scikit_learns(grades: list[int], k: int) -> None:
    ranks = -np.arange(len(grades), dtype=float)
    assert ndcg(grades, [g for g in grades if g], k) == pytest.approx(ndcg_score([grades], [ranks], k=k))


@given(st.permutations([3.0, 2.0, 2.0, 1.0, 0.0, 0.0]))
def test_no_ranking_beats_the_best_one(ranking: list[float]) -> None:
    assert 0 < ndcg(ranking, [1, 2, 2, 3]) <= ndcg([3, 2, 2, 1], [1, 2, 2, 3]) == 1


def test_what_was_not_found_lowers_recall_and_ndcg() -> None:
    assert recall([0, 1, 0], [1, 1, 1, 1], 10) == 0.25
    assert recall([0, 1, 1], [1, 1], 2) == 0.5
    assert ndcg([0, 1], [1, 1]) == pytest.approx((1 / np.log2(3)) / (1 + 1 / np.log2(3)))


def test_reciprocal_rank_counts_from_one() -> None:
    assert [reciprocal_rank(one) for one in ([1, 1], [0, 0, 2], [0, 0], [])] == [1, 1 / 3, 0, 0]


def test_nothing_relevant_is_zero_not_an_error() -> None:
    assert (recall([], [], 5), ndcg([], [])) == (0, 0)
