"""Which look at held-out examples is the best one, and what it scores on examples that had no say in that."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from alih.training.precision import Precision

#: One row an example.
Outputs = NDArray[np.float32]
Rows = NDArray[np.int64]
#: Maps outputs of some held-out rows, and these rows, to what the best look minimises and to the loss.
Judge = Callable[[Outputs, Rows], tuple[float, float]]

#: With fewer validation examples a half says nothing.
_LEAST_TO_HALVE = 8


class Look(ABC):
    """How a module is looked at, while it trains, on examples that it does not learn from.

    What is minimised should be smooth for the number of examples: a loss, unless there is a reason.
    """

    #: Of the examples; those of one group choose together, or are scored together. None = every one by itself.
    groups: Sequence[str] | None = None

    @abstractmethod
    def __len__(self) -> int:
        """How many examples are looked at."""

    @abstractmethod
    def outputs(self, module: nn.Module, precision: Precision) -> Outputs:
        """What the module gives for every example, (n, c): all that `judge` needs. Its mode is as before afterwards."""

    @abstractmethod
    def judge(self, outputs: Outputs, rows: Rows) -> tuple[float, float]:
        """What the best look minimises, and the loss, which decides between equals; of some rows.

        Args:
            outputs: of these rows.
            rows: which ones.
        """

    @abstractmethod
    def digest(self) -> str:
        """Tells these examples from others."""


class EpochChoice:
    """Chooses among epochs, or other stretches of training, by the outputs for held-out examples.

    The best of many epochs looks better than it is on the examples that chose it, and the more so the more epochs there
    were and the noisier they are, which would favour some routes over others. The validation examples are therefore
    halved: each half is scored by the epoch that the other half chose (cross-fitting; Chernozhukov et al. 2018,
    doi:10.1111/ectj.12097, definition 3.1). The weights that are kept are those of the epoch that all of them choose.

    Args:
        judge: see `Look.judge`.
        count: how many held-out rows there are.
        groups: of these rows; those of one group never stand in both halves. None = every row by itself.
    """

    def __init__(self, judge: Judge, count: int, groups: Sequence[str] | None = None) -> None:
        self._look_at = judge
        everything = np.arange(count, dtype=np.int64)
        self._everything = everything
        halves = _halves(everything if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1])
        #: (rows that choose, rows that are scored, best value so far)
        self._folds: list[tuple[Rows, Rows]] = (
            [(halves[0], halves[1]), (halves[1], halves[0])]
            if count >= _LEAST_TO_HALVE and min(map(len, halves))
            else []
        )
        self._fold_best = [(math.inf, math.inf)] * len(self._folds)
        self._best = (math.inf, math.inf)
        #: Outputs (n, c), each half of the rows as the epoch gave it that the other half chose.
        self.held_out: Outputs | None = None
        #: Loss of the epoch offered last, on all rows.
        self.loss = math.inf

    def offer(self, outputs: Outputs) -> bool:
        """Take the held-out outputs of one more epoch; True if it is the best one so far on all rows.

        A loss that is not a finite number is left to the caller, who finds it in `loss`.
        """
        if self.held_out is None:
            self.held_out = outputs.copy()
        for fold, (choosing, scored) in enumerate(self._folds):
            value = self._judge(outputs, choosing)
            if value < self._fold_best[fold]:
                self._fold_best[fold] = value
                self.held_out[scored] = outputs[scored]
        value = self._judge(outputs, self._everything)
        self.loss = value[1]
        if not self._folds and value < self._best:
            self.held_out = outputs.copy()
        better = value < self._best
        self._best = min(self._best, value)
        return better

    def state(self) -> dict[str, Any]:
        """What was offered so far, to be written down."""
        held_out = None if self.held_out is None else torch.from_numpy(self.held_out)
        return {"fold_best": self._fold_best, "best": self._best, "held_out": held_out}

    def load(self, state: dict[str, Any]) -> None:
        """Go on from what `state` gave."""
        self._fold_best = [tuple(value) for value in state["fold_best"]]
        self._best = tuple(state["best"])
        self.held_out = None if state["held_out"] is None else state["held_out"].numpy()

    def _judge(self, outputs: Outputs, rows: Rows) -> tuple[float, float]:
        """What is minimised and the loss on some rows; infinite where the loss is no number."""
        value, loss = self._look_at(outputs[rows], rows)
        return (value, loss) if math.isfinite(loss) else (math.inf, math.inf)


def _halves(group: Rows) -> tuple[Rows, Rows]:
    """Rows in two parts, no group in both: groups in a fixed random order, each to the smaller part."""
    halves: tuple[list[Rows], list[Rows]] = ([], [])
    sizes = [0, 0]
    rows = np.argsort(group, kind="stable")
    by_group = np.split(rows, np.flatnonzero(np.diff(group[rows])) + 1)
    for index in np.random.default_rng(0).permutation(len(by_group)):
        half = int(sizes[1] < sizes[0])
        halves[half].append(by_group[index])
        sizes[half] += len(by_group[index])
    empty = np.empty(0, dtype=np.int64)
    return np.sort(np.concatenate([empty, *halves[0]])), np.sort(np.concatenate([empty, *halves[1]]))
