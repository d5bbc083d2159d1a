"""What classification and regression learn: their losses, and how a model is looked at on labelled examples."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from alih.task import Kind, Task
from alih.training.choice import Look, Outputs, Rows
from alih.training.feed import Batch, ExampleFeed
from alih.training.loop import Objective
from alih.training.precision import Precision
from alih.training.scoring import logits


def loss(task: Task, logits: Tensor, labels: Tensor) -> Tensor:
    """Return the mean loss over a batch, a scalar, computed in fp32.

    Cross-entropy for single-label; binary cross-entropy, averaged over classes, for multi-label; squared error for
    regression.

    Args:
        task: what is predicted.
        logits: (batch, outputs).
        labels: (batch,) int64, (batch, outputs) float32 or (batch,) float32, as in `Examples.labels`.
    """
    logits = logits.float()
    if task.kind is Kind.SINGLE:
        return functional.cross_entropy(logits, labels.long())
    if task.kind is Kind.MULTI:
        return functional.binary_cross_entropy_with_logits(logits, labels.float())
    return functional.mse_loss(logits.squeeze(-1), labels.float())


def objective(task: Task) -> Objective:
    """The loss of a batch of `ExampleFeed`, summed over its examples."""

    def summed(module: nn.Module, batch: Batch) -> tuple[Tensor, int]:
        inputs = batch.copy()
        labels = inputs.pop("labels")
        count = len(labels)
        if task.kind is Kind.MULTI:
            return loss(task, module(inputs), labels) * count, count
        outputs = module(inputs).float()
        if task.kind is Kind.SINGLE:
            return functional.cross_entropy(outputs, labels.long(), reduction="sum"), count
        return functional.mse_loss(outputs.squeeze(-1), labels.float(), reduction="sum"), count

    return summed


class LabelledLook(Look):
    """Looks at labelled examples.

    Args:
        feed: of them.
        task: decides the loss.
        criterion: maps logits (n, outputs) of some rows, and these rows, to what the best epoch minimises, ties going
            to the lower loss; None = the loss.
        groups: of the rows; see `EpochChoice`.
    """

    def __init__(
        self,
        feed: ExampleFeed,
        task: Task,
        criterion: Callable[[Outputs, Rows], float] | None = None,
        groups: Sequence[str] | None = None,
    ) -> None:
        if feed.labels is None:
            raise ValueError("what is looked at needs labels")
        self._feed, self._task, self._criterion, self.groups = feed, task, criterion, groups
        self._labels: Tensor = feed.labels

    def __len__(self) -> int:
        """How many examples are looked at."""
        return len(self._feed)

    def outputs(self, module: nn.Module, precision: Precision) -> Outputs:
        """Logits (n, outputs)."""
        return logits(module, self._feed, precision)

    def judge(self, outputs: Outputs, rows: Rows) -> tuple[float, float]:
        """The criterion (the loss, where there is none) and the loss on some rows."""
        found = float(loss(self._task, torch.from_numpy(outputs), self._labels[torch.from_numpy(rows)]))
        return (found if self._criterion is None or not np.isfinite(found) else self._criterion(outputs, rows)), found

    def digest(self) -> str:
        """Tells these examples from others."""
        return self._feed.digest()
