"""What a translator learns from, and how it is looked at while it learns."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from alih.training.choice import Look, Outputs, Rows
from alih.training.feed import Batch, Feed
from alih.training.precision import Precision
from alih.transformer.cross_entropy import IGNORED
from alih.transformer.token_batches import Pair, collate, token_batches
from alih.translation.loss import losses_of_pairs


class PairFeed(Feed):
    """Encoded pairs in batches by tokens; see `token_batches`.

    Args:
        pairs: to learn from.
        pad: token that sources are padded with.
        most_tokens: of source and of target in a batch.
    """

    def __init__(self, pairs: Sequence[Pair], pad: int, most_tokens: int) -> None:
        self._pairs, self._pad, self._most_tokens = pairs, pad, most_tokens
        self._lengths = np.array([[len(source), len(target)] for source, target in pairs], dtype=np.int64)

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self._pairs)

    def plan(self, epoch_seed: int | None) -> list[NDArray[np.int64]]:
        """Pairs of each batch; as many batches for every seed."""
        return token_batches(self._lengths[:, 0], self._lengths[:, 1], self._most_tokens, epoch_seed or 0)

    def gather(self, part: NDArray[np.int64]) -> Batch:
        """See `collate`."""
        return collate([self._pairs[row] for row in part], self._pad)

    def tokens(self, part: NDArray[np.int64]) -> int:
        """Source and target tokens, padding aside."""
        return int(self._lengths[part].sum())

    def digest(self) -> str:
        """Tells these pairs, and the size of batches, from others."""
        return sha256(f"{digest(self._pairs)} {self._most_tokens}".encode()).hexdigest()


class PairLook(Look):
    """Judges a translator by its loss on held-out pairs, without label smoothing.

    Args:
        model: maps input_ids, attention_mask and labels to logits.
        pairs: held out.
        pad: token that sources are padded with.
    """

    def __init__(self, model: PreTrainedModel, pairs: Sequence[Pair], pad: int) -> None:
        self._model, self._pairs, self._pad = model, pairs, pad

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self._pairs)

    def outputs(self, module: nn.Module, precision: Precision) -> Outputs:
        """Of each pair, the sum of its cross-entropies in nats, and of how many target tokens: (n, 2)."""
        return losses_of_pairs(self._model, self._pairs, self._pad, precision)

    def judge(self, outputs: Outputs, rows: Rows) -> tuple[float, float]:
        """Mean cross-entropy in nats a target token."""
        total, count = outputs.sum(axis=0, dtype=np.float64)
        return float(total / count), float(total / count)

    def digest(self) -> str:
        """Tells these pairs from others."""
        return digest(self._pairs)


def objective(module: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """The model's own loss, summed over the target tokens, and how many there are."""
    tokens = (batch["labels"] != IGNORED).sum()
    return module(**batch).loss * tokens, tokens


def digest(pairs: Sequence[Pair]) -> str:
    """Tells pairs from others."""
    found = sha256()
    for source, target in pairs:
        found.update(np.array([*source, -1, *target, -2], dtype=np.int64).tobytes())
    return found.hexdigest()
