"""The loss of a task, by the kind of its labels."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from alih.task import Kind, Task


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
