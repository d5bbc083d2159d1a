"""How to train, and how training went."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from alih.errors import AlihError
from alih.training.precision import Precision
from alih.training.schedule import Schedule

Stopped = Literal["patience", "deadline", "diverged"]


class TrainingError(AlihError):
    """Training that cannot go on; the message says what to change."""


class DivergenceError(TrainingError):
    """The loss is not a finite number any more.

    Args:
        steps: steps made until then.
        rate: the peak learning rate.
    """

    def __init__(self, steps: int, rate: float) -> None:
        super().__init__(
            f"training diverged: the loss is not a finite number after {steps} steps at learning rate {rate:g}. "
            f"Use a lower one, for example --learning-rate {rate / 10:g}."
        )
        self.steps, self.rate = steps, rate


@dataclass(frozen=True)
class FitSettings:
    """How to train.

    Args:
        learning_rate: the peak rate of AdamW.
        epochs: passes over the training examples, at most; `steps` goes before it.
        batch_size: examples a step; the feed cuts the batches, this records how.
        weight_decay: decoupled decay of matrices; biases and norms do not decay.
        warmup: share of the steps in which the rate rises.
        max_grad_norm: gradients are scaled down to this length; None = never.
        seed: everything random follows from it: order, dropout.
        patience: looks without a better one after which training stops; None = never.
        precision: compute type; None = the device's best.
        validate_every: epochs (steps, where `steps` is given) from one look to the next; the end is looked at, too.
        steps: steps to make, whatever epochs they are; None = as many as the epochs have.
        schedule: how the rate rises and falls; see `alih.training.schedule`.
        betas: of AdamW's two moments.
        epsilon: AdamW's ε.
        averaged: the weights that are looked at and kept are the mean of those at so many last looks; also where
            there is no look, and the last ones are kept.
        look_first: look before the first step, so that what was there before may win.
    """

    learning_rate: float
    epochs: int = 3
    batch_size: int = 32
    weight_decay: float = 0.01
    warmup: float = 0.1
    max_grad_norm: float | None = 1.0
    seed: int = 0
    patience: int | None = None
    precision: Precision | None = None
    validate_every: int = 1
    steps: int | None = None
    schedule: Schedule = "linear"
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    averaged: int = 1
    look_first: bool = False


@dataclass(frozen=True)
class Point:
    """An epoch, or the steps from one look to the next.

    Args:
        epoch: that it ended with or in, from 1; 0 before the first step.
        step: steps made until its end.
        train_loss: mean over its terms; None if no step was made.
        validation_loss: at its end; None where it was not looked at.
        learning_rate: of its last step.
        seconds: since the start, over all resumed runs.
    """

    epoch: int
    step: int
    train_loss: float | None
    validation_loss: float | None
    learning_rate: float
    seconds: float


@dataclass(frozen=True)
class FitResult:
    """How training went.

    Args:
        curve: in order.
        best_epoch: the epoch whose weights the module has now, from 1.
        seconds: wall time, over all resumed runs.
        steps: optimizer steps.
        examples_seen: examples fed, counted each time.
        stopped: why training ended before its end, or None if it did not.
        held_out: what the look gave for its examples (n, outputs), each half of the rows scored by the epoch that the
            other half chose (see `EpochChoice`); None without a look.
        training_seconds: of each epoch, the seconds that its steps took, without looking at held-out examples.
        best_step: the step after which the module had its weights.
        tokens_seen: tokens fed, padding aside; 0 where the feed does not count them.
    """

    curve: tuple[Point, ...]
    best_epoch: int
    seconds: float
    steps: int
    examples_seen: int
    stopped: Stopped | None = None
    held_out: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    training_seconds: tuple[float, ...] = field(default=(), compare=False, repr=False)
    best_step: int = 0
    tokens_seen: int = 0

    @property
    def history(self) -> tuple[dict[str, Any], ...]:
        """One dict an epoch: epoch, train_loss, validation_loss, learning_rate, seconds."""
        kept = ("epoch", "train_loss", "validation_loss", "learning_rate", "seconds")
        return tuple({name: getattr(point, name) for name in kept} for point in self.curve)

    @property
    def best(self) -> Point:
        """Where the module had its weights."""
        return next(point for point in self.curve if (point.epoch, point.step) == (self.best_epoch, self.best_step))


def untrained(epochs: int, seconds: float, held_out: NDArray[np.float32]) -> FitResult:
    """The result of a route that trains nothing, in the form that trained ones have."""
    curve = tuple(Point(epoch, 0, None, None, 0.0, seconds) for epoch in range(1, epochs + 1))
    return FitResult(curve, 1, seconds, 0, 0, None, held_out)
