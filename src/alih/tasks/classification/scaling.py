"""The numbers of a regression, scaled for training and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from alih.errors import ModelError
from alih.task import Kind, Task


@dataclass(frozen=True)
class Scaling:
    """How the numbers of a regression are scaled for training, so that learning rates mean the same on any unit."""

    mean: float = 0.0
    deviation: float = 1.0

    @classmethod
    def of(cls, task: Task, labels: NDArray[np.generic], *, centre: bool) -> Scaling:
        """Scale by the training labels; `centre` only where the head has a bias to carry the mean."""
        if task.kind is not Kind.REGRESSION:
            return cls()
        values = np.asarray(labels, dtype=np.float64)
        return cls(float(values.mean()) if centre else 0.0, float(values.std()) or 1.0)

    def scale(self, task: Task, labels: NDArray[np.generic]) -> NDArray[np.generic]:
        """Labels as the training loop sees them."""
        if task.kind is not Kind.REGRESSION:
            return labels
        return ((np.asarray(labels, dtype=np.float64) - self.mean) / self.deviation).astype(np.float32)

    def unscale(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Outputs in the unit of the labels."""
        return logits * np.float32(self.deviation) + np.float32(self.mean)

    def fold(self, head: nn.Module) -> None:
        """Write the scale into the last linear layer, so that the saved model predicts in the unit of the labels."""
        if (self.mean, self.deviation) == (0.0, 1.0):
            return
        last = last_linear(head)
        with torch.no_grad():
            last.weight.mul_(self.deviation)
            if last.bias is not None:
                last.bias.mul_(self.deviation).add_(self.mean)

    def unfold(self, head: nn.Module) -> None:
        """Undo `fold`: a head that came with the weights predicts in labels' units, training scales them."""
        if (self.mean, self.deviation) == (0.0, 1.0):
            return
        last = last_linear(head)
        with torch.no_grad():
            last.weight.div_(self.deviation)
            if last.bias is not None:
                last.bias.sub_(self.mean).div_(self.deviation)


def last_linear(head: nn.Module) -> nn.Linear:
    """The layer that makes the logits.

    Raises:
        ModelError: the head has no linear layer.
    """
    layers = [module for module in head.modules() if isinstance(module, nn.Linear)]
    if not layers:
        raise ModelError("the model's head has no linear layer; Alih cannot train it for regression.")
    return layers[-1]
