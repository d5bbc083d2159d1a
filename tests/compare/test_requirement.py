"""Enough examples are those whose score cannot be told, in pairs, from the score on all of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from alih.compare.contender import Contender
from alih.compare.requirement import enough_examples
from alih.data.examples import Examples
from alih.routes.base import Variant
from alih.task import Kind, Modality, Task

TWO = Task(Modality.TEXT, Kind.SINGLE, ("no", "yes"))
LABELS = np.arange(400) % 2
VALIDATION = Examples(["x"] * 400, LABELS, [str(n) for n in range(400)])


def logits(wrong: int) -> np.ndarray:
    """Wrong on the first `wrong` examples."""
    right = np.arange(400) >= wrong
    return 4 * np.eye(2, dtype=np.float32)[np.where(right, LABELS, 1 - LABELS)]


def measured(wrong: dict[tuple[str, int, int], int]) -> tuple[Any, Any]:
    """A variant and its run folder, from wrong answers by (purpose, examples, seed)."""
    trials = [SimpleNamespace(purpose=purpose, examples=n, seed=seed) for purpose, n, seed in wrong]
    contender = Contender(Variant("transfer", 0, 3), trials=trials)
    folder = SimpleNamespace(predictions=lambda t: logits(wrong[t.purpose, t.examples, t.seed]))
    return contender, folder


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
@pytest.mark.parametrize(("at_30", "at_10", "enough"), [(42, 41, 10), (42, 200, 30), (120, 200, 90), (120, 41, 90)])
def test_the_smallest_size_that_cannot_be_told_from_all(metric: str, at_30: int, at_10: int, enough: int) -> None:
    contender, folder = measured({("full", 90, 0): 40, ("curve", 30, 0): at_30, ("curve", 10, 0): at_10})
    assert enough_examples(contender, folder, TWO, metric, VALIDATION) == enough


def test_runs_are_compared_with_that_of_their_own_seed() -> None:
    contender, folder = measured({("full", 90, 0): 40, ("full", 90, 1): 300, ("curve", 30, 0): 120})
    assert enough_examples(contender, folder, TWO, "accuracy", VALIDATION) == 90


def test_without_a_curve_nothing_is_claimed() -> None:
    contender, folder = measured({("full", 90, 0): 40})
    assert enough_examples(contender, folder, TWO, "accuracy", VALIDATION) is None
