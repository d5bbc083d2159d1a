"""A linear head on made-up features, small enough to know its optimum."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.progress import Progress
from alih.task import Kind, Modality, Task
from alih.training.activations import Activations, ActivationWriter
from alih.training.feed import ExampleFeed, FeatureFeed
from alih.training.loop import FitResult, FitSettings, fit
from alih.training.loss import LabelledLook, objective

SINGLE = Task(Modality.TEXT, Kind.SINGLE, ("a", "b", "c"))
MULTI = Task(Modality.TEXT, Kind.MULTI, ("a", "b", "c"))
REGRESSION = Task(Modality.TEXT, Kind.REGRESSION)


class Head(nn.Module):
    """Dropout and one linear layer."""

    def __init__(self, inputs: int, outputs: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(inputs, outputs)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        scores: Tensor = self.linear(self.dropout(batch["features"]))
        return scores


def head(outputs: int = 3, dropout: float = 0.0) -> Head:
    """A head whose first weights are always the same."""
    torch.manual_seed(7)
    return Head(5, outputs, dropout)


def activations(values: NDArray[np.float32], folder: Path) -> Activations:
    """Activations on disk that hold `values`."""
    writer = ActivationWriter(folder / "values.bin", len(values))
    writer.write(np.arange(len(values)), torch.from_numpy(values), None)
    writer.close()
    return Activations(folder / "values.bin", writer.layout())


def blobs(count: int = 240, seed: int = 0) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Three overlapping clouds of points, and which cloud each is of."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    centres = np.random.default_rng(1).normal(size=(3, 5))
    return (centres[labels] + random.normal(size=(count, 5))).astype(np.float32), labels


def feed(folder: Path, count: int = 240, seed: int = 0, batch_size: int = 32) -> FeatureFeed:
    """The clouds as a feed."""
    values, labels = blobs(count, seed)
    folder.mkdir(parents=True, exist_ok=True)
    return FeatureFeed(activations(values, folder), labels, batch_size=batch_size)


def fit_labelled(
    module: nn.Module,
    train: ExampleFeed,
    validation: ExampleFeed | None,
    task: Task,
    settings: FitSettings,
    *,
    progress: Progress,
    criterion: Callable[[np.ndarray, np.ndarray], float] | None = None,
    **more: Any,
) -> FitResult:
    """Train on labelled examples as `Stage.fit` does."""
    look = None if validation is None else LabelledLook(validation, task, criterion)
    return fit(module, train, objective(task), look, settings, progress=progress, **more)
