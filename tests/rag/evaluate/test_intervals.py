"""Intervals of means cover as often as they say, and agree with the normal approximation where that holds."""

from __future__ import annotations

import numpy as np
import pytest

from alih.metrics.bootstrap import Difference, Interval
from alih.rag.evaluate import measure
from alih.rag.evaluate.measure import METRICS


def interval(values: np.ndarray, measured: str = "ndcg@10", seed: int = 0) -> Interval:
    return measure.interval(METRICS[measured], values, seed)


def difference(first: np.ndarray, second: np.ndarray) -> Difference:
    return measure.difference(METRICS["ndcg@10"], first, second)


def test_a_large_sample_has_the_normal_interval() -> None:
    values = np.random.default_rng(0).normal(0.4, 0.2, 2000)
    found = interval(values)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert found.point == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.08)


def test_intervals_hold_the_truth_as_often_as_they_say() -> None:
    generator = np.random.default_rng(1)
    held = [
        found.low <= 0.9 <= found.high
        for found in (interval((generator.random(60) < 0.9).astype(float), "holds", n) for n in range(300))
    ]
    assert 0.92 <= np.mean(held) <= 0.99


def test_all_right_is_not_certain() -> None:
    found = interval(np.ones(20), "recall@10")
    assert (found.point, found.high) == (1, 1)
    assert found.low < 0.95


def test_paired_differences_are_narrower_than_separate_intervals() -> None:
    generator = np.random.default_rng(2)
    hard = generator.random(100)
    first, second = hard + generator.normal(0.05, 0.01, 100), hard
    found = difference(first, second)
    assert 0.04 < found.low < found.point < found.high < 0.06
    assert interval(first).high - interval(first).low > 4 * (found.high - found.low)


def test_questions_that_say_nothing_do_not_count() -> None:
    nan = float("nan")
    assert interval(np.array([0.25, nan, 0.75])).point == 0.5
    assert difference(np.array([1.0, nan, 0.5]), np.array([0.5, 1.0, nan])).point == 0.5
    assert np.isnan(interval(np.array([nan])).point)
