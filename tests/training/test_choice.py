"""The best epoch is chosen by all validation rows, and judged on rows that did not choose it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from alih.training.choice import EpochChoice


def wrong(found: np.ndarray, labels: np.ndarray) -> float:
    return float((found.argmax(1) != labels).mean())


def judge(
    labels: np.ndarray, criterion: Callable[[np.ndarray, np.ndarray], float] | None = None
) -> Callable[[np.ndarray, np.ndarray], tuple[float, float]]:
    def judged(found: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
        loss = float(nn.functional.cross_entropy(torch.from_numpy(found), torch.from_numpy(labels[rows])))
        return (criterion or (lambda found, rows: wrong(found, labels[rows])))(found, rows), loss

    return judged


def offered(epochs: list[np.ndarray], labels: np.ndarray) -> tuple[EpochChoice, list[bool]]:
    choice = EpochChoice(judge(labels), len(labels))
    return choice, [choice.offer(found) for found in epochs]


def test_choosing_among_epochs_of_pure_chance_shows_no_skill() -> None:
    generator = np.random.default_rng(0)
    flattered, held_out = [], []
    for _ in range(60):
        labels = generator.integers(0, 2, 100)
        epochs = [generator.normal(size=(100, 2)).astype(np.float32) for _ in range(30)]
        choice, better = offered(epochs, labels)
        best = epochs[max(index for index, was in enumerate(better) if was)]
        assert choice.held_out is not None
        flattered.append(1 - wrong(best, labels))
        held_out.append(1 - wrong(choice.held_out, labels))
    assert np.mean(flattered) > 0.58, "what picking the best epoch alone pretends"
    assert abs(np.mean(held_out) - 0.5) < 0.03


def test_an_epoch_that_is_best_everywhere_is_judged_whole() -> None:
    labels = np.arange(40) % 2
    good = 3 * np.eye(2, dtype=np.float32)[labels]
    choice, better = offered([-good, good, -good], labels)
    assert better == [True, True, False]
    assert choice.held_out is not None
    assert np.array_equal(choice.held_out, good)


def test_few_rows_are_not_halved() -> None:
    labels = np.arange(4) % 2
    good = 3 * np.eye(2, dtype=np.float32)[labels]
    choice, _ = offered([-good, good], labels)
    assert choice.held_out is not None
    assert np.array_equal(choice.held_out, good)


def test_a_loss_that_is_no_number_never_wins() -> None:
    labels = np.arange(40) % 2
    choice, better = offered([np.full((40, 2), np.nan, dtype=np.float32)], labels)
    assert better == [False]
    assert not np.isfinite(choice.loss)


def test_no_group_chooses_and_is_scored() -> None:
    labels = np.arange(60) % 2
    groups = [f"customer {row % 7}" for row in range(60)]
    good = 3 * np.eye(2, dtype=np.float32)[labels]
    choosing: list[set[str]] = []

    def seen(found: np.ndarray, rows: np.ndarray) -> float:
        if len(rows) < 60:
            choosing.append({groups[row] for row in rows})
        return wrong(found, labels[rows])

    choice = EpochChoice(judge(labels, seen), 60, groups)
    choice.offer(good)
    one, other = choosing
    assert one | other == set(groups)
    assert not one & other
    assert min(len(one), len(other)) >= 3, "about half each"


def test_one_group_alone_is_not_halved() -> None:
    labels = np.arange(40) % 2
    good = 3 * np.eye(2, dtype=np.float32)[labels]
    choice = EpochChoice(judge(labels), 40, ["one"] * 40)
    assert choice.offer(-good)
    assert choice.offer(good)
    assert choice.held_out is not None
    assert np.array_equal(choice.held_out, good)
