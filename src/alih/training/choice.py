"""Which epoch is the best one, and what it scores on examples that had no say in that."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alih.task import Task
from alih.training.loss import loss as loss_of

Logits = NDArray[np.float32]
Rows = NDArray[np.int64]
#: Maps logits (n, outputs) of some validation rows, and these rows, to what the best epoch minimises.
Criterion = Callable[[Logits, Rows], float]

#: With fewer validation examples a half says nothing.
_LEAST_TO_HALVE = 8


class EpochChoice:
    """Chooses among epochs by their validation logits.

    The best of many epochs looks better than it is on the examples that chose it, and the more so the more epochs there
    were and the noisier they are, which would favour some routes over others. The validation examples are therefore
    halved: each half is scored by the epoch that the other half chose (cross-fitting; Chernozhukov et al. 2018,
    doi:10.1111/ectj.12097, definition 3.1). The weights that are kept are those of the epoch that all of them choose.

    Args:
        task: decides the loss.
        labels: of the validation rows.
        criterion: what the best epoch minimises, ties going to the lower loss; None = the loss.
        groups: of the validation rows; those of one group never stand in both halves. None = every row by itself.
    """

    def __init__(
        self, task: Task, labels: Tensor, criterion: Criterion | None, groups: Sequence[str] | None = None
    ) -> None:
        self._task, self._labels, self._criterion = task, labels, criterion
        everything = np.arange(len(labels), dtype=np.int64)
        self._everything = everything
        halves = _halves(everything if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1])
        #: (rows that choose, rows that are scored, best value so far)
        self._folds: list[tuple[Rows, Rows]] = (
            [(halves[0], halves[1]), (halves[1], halves[0])]
            if len(labels) >= _LEAST_TO_HALVE and min(map(len, halves))
            else []
        )
        self._fold_best = [(math.inf, math.inf)] * len(self._folds)
        self._best = (math.inf, math.inf)
        #: Logits (n, outputs), each half of the rows as the epoch scored it that the other half chose.
        self.held_out: Logits | None = None
        #: Loss of the epoch offered last, on all rows.
        self.loss = math.inf

    def offer(self, found: Logits) -> bool:
        """Take the validation logits of one more epoch; True if it is the best one so far on all rows.

        A loss that is not a finite number is left to the caller, who finds it in `loss`.
        """
        if self.held_out is None:
            self.held_out = found.copy()
        for fold, (choosing, scored) in enumerate(self._folds):
            value = self._judge(found, choosing)
            if value < self._fold_best[fold]:
                self._fold_best[fold] = value
                self.held_out[scored] = found[scored]
        value = self._judge(found, self._everything)
        self.loss = value[1]
        if not self._folds and value < self._best:
            self.held_out = found.copy()
        better = value < self._best
        self._best = min(self._best, value)
        return better

    def _judge(self, found: Logits, rows: Rows) -> tuple[float, float]:
        """The criterion (the loss, where there is none) and the loss on some rows."""
        chosen = found[rows]
        loss = float(loss_of(self._task, torch.from_numpy(chosen), self._labels[torch.from_numpy(rows)]))
        if not math.isfinite(loss):
            return math.inf, math.inf
        return (loss if self._criterion is None else self._criterion(chosen, rows)), loss


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
