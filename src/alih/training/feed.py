"""Feeds: batches for training and scoring, from inputs, from boundary activations, or from features."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from alih.data.batch import Encoded, length_batches
from alih.training.activations import Activations
from alih.training.memory import most_tokens
from alih.training.precision import device

#: What an objective reads: tensors by name, first dimension = batch.
Batch = dict[str, Tensor]
#: The examples of one batch: their positions, or rows of positions where several examples share a row.
Part = Any


class Feed(ABC):
    """What training goes through: the batches of every epoch."""

    @abstractmethod
    def __len__(self) -> int:
        """Examples an epoch."""

    @abstractmethod
    def plan(self, epoch_seed: int | None) -> list[Part]:
        """The examples of each batch of an epoch; None orders for scoring, a seed shuffles."""

    @abstractmethod
    def gather(self, part: Part) -> Batch:
        """The tensors of one batch."""

    @abstractmethod
    def digest(self) -> str:
        """Tells these examples from others."""

    def examples(self, part: Part) -> int:
        """How many examples are in a batch."""
        return len(part)

    def tokens(self, part: Part) -> int:
        """How many tokens are in a batch, padding aside; 0 where nobody counts them."""
        return 0

    def steps(self, processes: int = 1) -> int:
        """Batches an epoch that each of so many processes gets."""
        return max(1, len(self.plan(0)) // processes)

    def batches(
        self, epoch_seed: int | None, process: int = 0, processes: int = 1, start: int = 0
    ) -> Iterator[tuple[Batch, Part]]:
        """Yield (tensors, examples) of each batch of an epoch.

        Args:
            epoch_seed: seed of the order; None feeds the longest first, for scoring.
            process: which of several processes this is; each gets every `processes`-th batch, all the same number
                (batches that do not divide among them are left out of this epoch).
            processes: how many there are.
            start: batches that are passed over, since they were made before.
        """
        plan = self.plan(epoch_seed)
        if processes > 1:
            plan = [plan[(step * processes + process) % len(plan)] for step in range(max(1, len(plan) // processes))]
        for part in plan[start:]:
            yield self.gather(part), part


class ExampleFeed(Feed):
    """A feed of examples that may have labels, which batches hold under the key `labels`.

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

    @abstractmethod
    def inputs(self, positions: NDArray[np.int64]) -> Batch:
        """Return the inputs at these positions in `rows` as one batch."""

    @abstractmethod
    def inputs_digest(self) -> str:
        """Tells these inputs from others."""

    def gather(self, part: NDArray[np.int64]) -> Batch:
        """The inputs at these positions in `rows`, and their labels."""
        batch = self.inputs(part)
        if self.labels is not None:
            batch["labels"] = self.labels[torch.from_numpy(part)]
        return batch

    def steps(self, processes: int = 1) -> int:
        """Batches an epoch that each of so many processes gets."""
        return max(1, -(-len(self) // self.batch_size) // processes)

    def digest(self) -> str:
        """Tells these examples from others."""
        labels = b"" if self.labels is None else self.labels.numpy().tobytes()
        return sha256(self.inputs_digest().encode() + self.rows.tobytes() + labels).hexdigest()

    def __len__(self) -> int:
        return len(self.rows)


class _LengthFeed(ExampleFeed):
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

    def inputs_digest(self) -> str:
        """Tells these inputs from others."""
        return self._encoded.digest()

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

    def inputs(self, positions: NDArray[np.int64]) -> Batch:
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

    def inputs(self, positions: NDArray[np.int64]) -> Batch:
        """`hidden`, masks and ids."""
        rows = self.rows[positions]
        return {"hidden": self._activations.collate(rows), **self._encoded.placeholder(rows)}


class TokenFeatureFeed(BoundaryFeed):
    """Features of every token under the key `features`, for a head that reads them one by one."""

    def inputs(self, positions: NDArray[np.int64]) -> Batch:
        """`features`: (batch, longest, width)."""
        return {"features": self._activations.collate(self.rows[positions])}


class FeatureFeed(ExampleFeed):
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

    def inputs(self, positions: NDArray[np.int64]) -> Batch:
        """`features`: (batch, …)."""
        return {"features": self._features[torch.from_numpy(positions)]}

    def inputs_digest(self) -> str:
        """Tells these features from others."""
        return sha256(self._features.numpy().tobytes()).hexdigest()

    def plan(self, epoch_seed: int | None) -> list[NDArray[np.int64]]:
        """Equal batches in random order, or in the order of the rows for scoring."""
        count = len(self)
        order = np.arange(count) if epoch_seed is None else np.random.default_rng(epoch_seed).permutation(count)
        return [order[start : start + self.batch_size] for start in range(0, count, self.batch_size)]
