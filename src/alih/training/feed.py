"""Feeds: labelled batches for training and scoring, from inputs, from boundary activations, or from features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alih.data.batch import Encoded, length_batches
from alih.training.activations import Activations
from alih.training.memory import most_tokens
from alih.training.precision import device

#: What a module's forward takes: tensors by name, first dimension = batch.
Batch = dict[str, Tensor]


class Feed(ABC):
    """Batches of examples with their labels.

    Args:
        total: examples there are.
        labels: as in `Examples.labels`, or None where they are unknown.
        batch_size: examples a batch.
        rows: which examples to feed; all if not given.
    """

    def __init__(
        self,
        total: int,
        labels: NDArray[np.generic] | None,
        batch_size: int = 32,
        rows: NDArray[np.int64] | None = None,
    ) -> None:
        if batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, not {batch_size}")
        if labels is not None and len(labels) != total:
            raise ValueError(f"{len(labels)} labels for {total} examples")
        self.rows = np.arange(total, dtype=np.int64) if rows is None else np.asarray(rows, dtype=np.int64)
        self.batch_size = batch_size
        #: Labels of the rows fed, in their order; None where they are unknown.
        self.labels = None if labels is None else torch.from_numpy(np.ascontiguousarray(labels[self.rows]))

    @property
    def labelled(self) -> bool:
        """Whether batches come with labels."""
        return self.labels is not None

    @abstractmethod
    def gather(self, positions: NDArray[np.int64]) -> Batch:
        """Return the inputs at these positions in `rows` as one batch."""

    @abstractmethod
    def plan(self, epoch_seed: int | None) -> list[NDArray[np.int64]]:
        """Return the positions in `rows` of each batch; None orders for scoring, a seed shuffles."""

    def steps(self, processes: int = 1) -> int:
        """Batches an epoch that each of so many processes gets."""
        return max(1, -(-len(self) // self.batch_size) // processes)

    def batches(
        self, epoch_seed: int | None, process: int = 0, processes: int = 1
    ) -> Iterator[tuple[Batch, Tensor | None, NDArray[np.int64]]]:
        """Yield (batch, labels or None, positions in `rows`) until every row was fed once.

        Args:
            epoch_seed: seed of the order; None feeds the longest first, for scoring.
            process: which of several processes this is; each gets every `processes`-th batch, all the same number
                (batches that do not divide among them are left out of this epoch).
            processes: how many there are.
        """
        plan = self.plan(epoch_seed)
        if processes > 1:
            plan = [plan[(step * processes + process) % len(plan)] for step in range(self.steps(processes))]
        for positions in plan:
            labels = None if self.labels is None else self.labels[torch.from_numpy(positions)]
            yield self.gather(positions), labels, positions

    def __len__(self) -> int:
        return len(self.rows)


class _LengthFeed(Feed):
    """A feed whose batches hold examples of like length."""

    def __init__(
        self,
        encoded: Encoded,
        labels: NDArray[np.generic] | None,
        batch_size: int,
        rows: NDArray[np.int64] | None,
    ) -> None:
        super().__init__(len(encoded), labels, batch_size, rows)
        self._encoded = encoded

    def plan(self, epoch_seed: int | None) -> list[NDArray[np.int64]]:
        """Batches of like length; see `length_batches`. For scoring, long texts come in smaller ones."""
        most = most_tokens(device()) if epoch_seed is None else None
        lengths = self._encoded.lengths[self.rows]
        return length_batches(lengths, self.batch_size, shuffle_seed=epoch_seed, most_tokens=most)


class InputFeed(_LengthFeed):
    """Encoded inputs, for a model that runs from its first layer on."""

    def __init__(
        self,
        encoded: Encoded,
        labels: NDArray[np.generic] | None,
        *,
        batch_size: int = 32,
        rows: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__(encoded, labels, batch_size, rows)

    def gather(self, positions: NDArray[np.int64]) -> Batch:
        """The keyword arguments of the model."""
        return self._encoded.collate(self.rows[positions])


class BoundaryFeed(_LengthFeed):
    """Activations at a boundary under the key `hidden`, beside what the model still needs of the inputs."""

    def __init__(
        self,
        activations: Activations,
        encoded: Encoded,
        labels: NDArray[np.generic] | None,
        *,
        batch_size: int = 32,
        rows: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__(encoded, labels, batch_size, rows)
        if len(activations) != len(encoded):
            raise ValueError(f"activations of {len(activations)} examples for {len(encoded)} inputs")
        self._activations = activations

    def gather(self, positions: NDArray[np.int64]) -> Batch:
        """`hidden`, masks and ids."""
        rows = self.rows[positions]
        return {"hidden": self._activations.collate(rows), **self._encoded.placeholder(rows)}


class FeatureFeed(Feed):
    """Features under the key `features`, held in memory: a step of head training is too short to read files in."""

    def __init__(
        self,
        activations: Activations,
        labels: NDArray[np.generic] | None,
        *,
        batch_size: int = 32,
        rows: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__(len(activations), labels, batch_size, rows)
        self._features = activations.collate(self.rows)

    def gather(self, positions: NDArray[np.int64]) -> Batch:
        """`features`: (batch, …)."""
        return {"features": self._features[torch.from_numpy(positions)]}

    def plan(self, epoch_seed: int | None) -> list[NDArray[np.int64]]:
        """Equal batches in random order, or in the order of the rows for scoring."""
        count = len(self)
        order = np.arange(count) if epoch_seed is None else np.random.default_rng(epoch_seed).permutation(count)
        return [order[start : start + self.batch_size] for start in range(0, count, self.batch_size)]
