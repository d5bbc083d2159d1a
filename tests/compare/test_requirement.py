"""Enough examples are those whose score cannot be told, in pairs, from the score on all of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from alih.compare.contender import Contender
from alih.compare.curve import LearningCurve, Point
from alih.compare.requirement import Requirement, enough_examples
from alih.metrics.base import Floats
from alih.metrics.classification import ACCURACY, table
from alih.metrics.names import named
from alih.routes.base import Variant
from alih.task import Kind

LABELS = np.arange(400) % 2


def statistics(wrong: int, metric: str = "accuracy") -> Floats:
    """Wrong on the first `wrong` examples."""
    right = np.arange(400) >= wrong
    logits = 4 * np.eye(2, dtype=np.float32)[np.where(right, LABELS, 1 - LABELS)]
    return table(named(metric), Kind.SINGLE, "ny", logits, LABELS)


def measured(wrong: dict[tuple[str, int, int], int], metric: str = "accuracy") -> tuple[Any, Any]:
    """A variant and the statistics of its trials, from wrong answers by (purpose, examples, seed)."""
    trials = [SimpleNamespace(purpose=purpose, examples=n, seed=seed) for purpose, n, seed in wrong]
    contender = Contender(Variant("transfer", 0, 3), trials=trials)
    return contender, lambda t: statistics(wrong[t.purpose, t.examples, t.seed], metric)


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
@pytest.mark.parametrize(("at_30", "at_10", "enough"), [(42, 41, 10), (42, 200, 30), (120, 200, 90), (120, 41, 90)])
def test_the_smallest_size_that_cannot_be_told_from_all(metric: str, at_30: int, at_10: int, enough: int) -> None:
    contender, tables = measured({("full", 90, 0): 40, ("curve", 30, 0): at_30, ("curve", 10, 0): at_10}, metric)
    found = enough_examples(contender, named(metric), tables)
    assert found == Requirement(enough, enough, enough)


def test_runs_are_compared_with_that_of_their_own_seed() -> None:
    contender, tables = measured({("full", 90, 0): 40, ("full", 90, 1): 300, ("curve", 30, 0): 120})
    assert enough_examples(contender, ACCURACY, tables) == Requirement(90, 90, 90)


def test_the_interval_holds_what_the_law_of_the_curve_says() -> None:
    # Errors of 0.4·(n/10)^(−0.5), on 400 examples: 160, 92, 53 wrong at 10, 30, 90.
    contender, tables = measured({("full", 90, 0): 53, ("curve", 30, 0): 92, ("curve", 10, 0): 160})
    points = [Point(n, 1 - 0.4 * (n / 10) ** -0.5, 0.01) for n in (10, 30, 90)]
    curve = LearningCurve(ACCURACY, points)
    found = enough_examples(contender, ACCURACY, tables, curve=curve)
    assert found is not None
    # The runs differ on 39 examples of 400, all in one direction: standard error √0.0975·0.9025/√400 = 0.0148.
    noise = 1.96 * np.sqrt(0.0975 * 0.9025 / 400)
    by_law = 10 * ((53 / 400 + noise) / 0.4) ** -2
    assert 30 < found.low < by_law < found.high <= found.examples == 90, "30 were measured to be too few"
    assert found.high - found.low < 60


@pytest.mark.parametrize("wrong", [(0, 0, 0), (1, 0, 0), (400, 400, 400)])
def test_a_perfect_or_hopeless_curve_gives_sound_numbers(wrong: tuple[int, int, int]) -> None:
    at = dict(zip((10, 30, 90), wrong, strict=True))
    contender, tables = measured({("full", 90, 0): at[90], ("curve", 30, 0): at[30], ("curve", 10, 0): at[10]})
    curve = LearningCurve(ACCURACY, [Point(n, 1 - found / 400, 0.01) for n, found in at.items()])
    found = enough_examples(contender, ACCURACY, tables, curve=curve)
    assert found is not None
    assert 1 <= found.low <= found.examples <= found.high <= 90


def test_without_a_curve_nothing_is_claimed() -> None:
    contender, tables = measured({("full", 90, 0): 40})
    assert enough_examples(contender, ACCURACY, tables) is None
