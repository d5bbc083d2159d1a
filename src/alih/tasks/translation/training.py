"""Encoded pairs, the batches that a translator learns from, and how it is looked at while it learns."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedModel

from alih.data.batch import Encoded, Indices
from alih.tasks.translation.loss import losses_of_pairs
from alih.training.choice import Look, Outputs, Rows
from alih.training.feed import Batch, Feed
from alih.training.modules import FullModel
from alih.training.precision import Precision
from alih.transformer.cross_entropy import IGNORED
from alih.transformer.token_batches import Pair, collate, token_batches


class EncodedPairs(Encoded):
    """Token ids of pairs.

    Args:
        pairs: (source, target) ids, end tokens included.
        pad: token that sources are padded with.
        too_long: (n,) pairs that were cut, so that nothing should be learnt from them; none if not given.
    """

    def __init__(self, pairs: Sequence[Pair], pad: int, too_long: NDArray[np.bool_] | None = None) -> None:
        self.pairs, self.pad = pairs, pad
        self.too_long = np.zeros(len(pairs), dtype=np.bool_) if too_long is None else too_long
        sizes = [(len(source), len(target)) for source, target in pairs]
        #: (n, 2) tokens of source and target.
        self.sides = np.array(sizes, dtype=np.int64).reshape(-1, 2)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of source and target together, (n,)."""
        found: NDArray[np.int64] = self.sides.sum(axis=1)
        return found

    def digest(self) -> str:
        """Tells these pairs from others."""
        found = sha256(f"pairs {self.pad}".encode())
        for source, target in self.pairs:
            found.update(np.array([*source, -1, *target, -2], dtype=np.int64).tobytes())
        return found.hexdigest()

    def collate(self, indices: Indices) -> dict[str, Tensor]:
        """See `alih.transformer.token_batches.collate`."""
        return collate([self.pairs[int(row)] for row in indices], self.pad)

    def placeholder(self, indices: Indices) -> dict[str, Tensor]:
        """The whole batch: nothing is kept at a boundary of a translator."""
        return self.collate(indices)

    def select(self, indices: Indices) -> EncodedPairs:
        """Return the pairs at `indices`, in that order."""
        rows = np.asarray(indices, dtype=np.int64)
        return EncodedPairs([self.pairs[row] for row in rows], self.pad, self.too_long[rows])


class PairFeed(Feed):
    """Encoded pairs in batches by tokens, those that were cut left out; see `token_batches`.

    Args:
        encoded: the pairs.
        most_tokens: of source and of target in a batch.
        rows: which pairs; all if not given.
    """

    def __init__(self, encoded: EncodedPairs, most_tokens: int, rows: NDArray[np.int64] | None = None) -> None:
        #: The rows as given, those that are left out included.
        self.rows = np.arange(len(encoded), dtype=np.int64) if rows is None else np.asarray(rows, dtype=np.int64)
        self.encoded = encoded
        self._most_tokens = most_tokens
        self._kept = self.rows[~encoded.too_long[self.rows]]
        self._sides = encoded.sides[self._kept]

    def __len__(self) -> int:
        """How many pairs are fed."""
        return len(self._kept)

    def plan(self, epoch_seed: int | None) -> list[NDArray[np.int64]]:
        """Pairs of each batch; as many batches for every seed."""
        return token_batches(self._sides[:, 0], self._sides[:, 1], self._most_tokens, epoch_seed or 0)

    def gather(self, part: NDArray[np.int64]) -> Batch:
        """See `EncodedPairs.collate`."""
        return self.encoded.collate(self._kept[part])

    def tokens(self, part: NDArray[np.int64]) -> int:
        """Source and target tokens, padding aside."""
        return int(self._sides[part].sum())

    def digest(self) -> str:
        """Tells these pairs, and the size of batches, from others."""
        told = sha256(f"{self.encoded.digest()} {self._most_tokens}".encode())
        told.update(self._kept.tobytes())
        return told.hexdigest()


class PairLook(Look):
    """Judges a translator by its loss on held-out pairs, without label smoothing.

    Args:
        model: maps input_ids, attention_mask and labels to logits.
        encoded: held out; those that were cut are left out.
        rows: which of them look; all if not given.
    """

    def __init__(self, model: PreTrainedModel, encoded: EncodedPairs, rows: NDArray[np.int64] | None = None) -> None:
        some = encoded if rows is None else encoded.select(rows)
        whole = np.flatnonzero(~some.too_long)
        self._encoded = some.select(whole) if len(whole) else some
        self._model = model

    def __len__(self) -> int:
        """How many pairs there are."""
        return len(self._encoded)

    def outputs(self, module: nn.Module, precision: Precision) -> Outputs:
        """Of each pair, the sum of its cross-entropies in nats, and of how many target tokens: (n, 2)."""
        return losses_of_pairs(self._model, self._encoded.pairs, self._encoded.pad, precision)

    def judge(self, outputs: Outputs, rows: Rows) -> tuple[float, float]:
        """Mean cross-entropy in nats a target token."""
        total, count = outputs.sum(axis=0, dtype=np.float64)
        return float(total / count), float(total / count)

    def digest(self) -> str:
        """Tells these pairs from others."""
        return self._encoded.digest()


class LossModel(FullModel):
    """The whole model, which gives its own loss: the mean cross-entropy of the target tokens in nats."""

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Keyword arguments of the model, labels among them, to a number."""
        loss: Tensor = self.model(**batch, **self._always).loss
        return loss


def objective(module: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """The loss that `LossModel` gives, summed over the target tokens, and how many there are."""
    tokens = (batch["labels"] != IGNORED).sum()
    return module(batch) * tokens, tokens
