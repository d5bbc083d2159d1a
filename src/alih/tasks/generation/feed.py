"""What a language model learns from: sequences of conversations, in batches, and the look that chooses its weights."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from hashlib import sha256

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.data.batch import Encoded, Indices
from alih.tasks.generation.encode import Tokens
from alih.tasks.generation.loss import Scorer
from alih.tasks.generation.pack import collate, length_batches, packed_batches
from alih.training.choice import Look, Outputs, Rows
from alih.training.feed import Batch, Feed
from alih.training.memory import most_tokens
from alih.training.precision import Precision, device


class EncodedConversations(Encoded):
    """Conversations as a language model reads them.

    Args:
        sequences: of each conversation; there may be none, or several.
        pad: token that fills up rows.
        limit: most tokens of a sequence.
    """

    def __init__(self, sequences: Sequence[tuple[Tokens, ...]], pad: int, limit: int) -> None:
        self.sequences, self.pad, self.limit = sequences, pad, limit
        counts = [sum(len(sequence) for sequence in each) for each in sequences]
        self._lengths = np.array(counts, dtype=np.int64)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each conversation, shape (n,)."""
        return self._lengths

    def digest(self) -> str:
        """Hash of the tokens, of which of them are learnt, and of the padding."""
        found = sha256(f"{self.pad}".encode())
        for each in self.sequences:
            found.update(b"|")
            for sequence in each:
                found.update(np.array([*sequence.ids, -1, *sequence.learnt, -2], dtype=np.int64).tobytes())
        return found.hexdigest()

    def collate(self, indices: Indices) -> dict[str, Tensor]:
        """Right-padded `input_ids` and `attention_mask` of all sequences: (sequences, longest)."""
        chosen = [sequence for index in indices for sequence in self.sequences[int(index)]]
        longest = max((len(sequence) for sequence in chosen), default=1)
        ids = torch.full((len(chosen), longest), self.pad)
        for row, sequence in enumerate(chosen):
            ids[row, : len(sequence)] = torch.tensor(sequence.ids)
        lengths = torch.tensor([len(sequence) for sequence in chosen])
        return {"input_ids": ids, "attention_mask": (torch.arange(longest) < lengths[:, None]).long()}

    def placeholder(self, indices: Indices) -> dict[str, Tensor]:
        """The whole batch."""
        return self.collate(indices)

    def select(self, indices: Indices) -> EncodedConversations:
        """Return the conversations at `indices`, in that order."""
        return EncodedConversations([self.sequences[int(index)] for index in indices], self.pad, self.limit)


class SequenceFeed(Feed):
    """Sequences packed into rows, or padded beside others of their length.

    Args:
        encoded: conversations to learn from.
        most_tokens: positions of a batch in training.
        row: tokens of a packed row; 0 = not packed.
        rows: which conversations, in which order; all if not given.
    """

    def __init__(
        self, encoded: EncodedConversations, most_tokens: int, row: int = 0, rows: NDArray[np.int64] | None = None
    ) -> None:
        self._encoded = encoded if rows is None else encoded.select(rows)
        self._most_tokens, self._row = most_tokens, row
        self.sequences = list(itertools.chain.from_iterable(self._encoded.sequences))
        #: For each sequence, the place of its conversation among those fed.
        self.owners = [place for place, each in enumerate(self._encoded.sequences) for _ in each]
        self._lengths = [len(sequence) for sequence in self.sequences]

    def __len__(self) -> int:
        """How many conversations are fed; those that do not fit count, too."""
        return len(self._encoded)

    def plan(self, epoch_seed: int | None) -> list[list[list[int]]]:
        """Rows of sequences of each batch."""
        if epoch_seed is None:
            return length_batches(self._lengths, most_tokens(device()), 0)
        if self._row:
            return packed_batches(self._lengths, self._row, self._most_tokens, epoch_seed)
        return length_batches(self._lengths, self._most_tokens, epoch_seed)

    def gather(self, part: list[list[int]]) -> Batch:
        """See `alih.tasks.generation.pack.collate`."""
        return collate(self.sequences, part, self._encoded.pad)

    def examples(self, part: list[list[int]]) -> int:
        """Conversations in a batch, each counted where its first sequence is."""
        places = [number for row in part for number in row]
        return sum(number == 0 or self.owners[number] != self.owners[number - 1] for number in places)

    def tokens(self, part: list[list[int]]) -> int:
        """Tokens in a batch, padding aside."""
        return sum(self._lengths[number] for row in part for number in row)

    def digest(self) -> str:
        """Tells these sequences, and how they are put together, from others."""
        return sha256(f"{self._encoded.digest()} {self._most_tokens} {self._row}".encode()).hexdigest()


def losses(scorer: Scorer, feed: SequenceFeed, precision: Precision) -> NDArray[np.float32]:
    """Of each conversation, the sum of its cross-entropies in nats, and of how many tokens: (n, 2)."""
    found = np.zeros((len(feed), 2), dtype=np.float64)
    if feed.sequences:
        np.add.at(found, feed.owners, np.array(scorer.each(feed.sequences, precision), dtype=np.float64))
    return found.astype(np.float32)


class SequenceLook(Look):
    """Judges a language model by its loss on held-out conversations.

    Scores of a few written answers jump by whole points between two looks; the loss of some hundred answers, token by
    token, does not, and it chooses the weights.

    Args:
        feed: of them.
        groups: of them; see `alih.training.choice.EpochChoice`.
    """

    def __init__(self, feed: SequenceFeed, groups: Sequence[str] | None = None) -> None:
        self._feed, self.groups = feed, groups

    def __len__(self) -> int:
        """How many conversations are looked at."""
        return len(self._feed)

    def outputs(self, module: nn.Module, precision: Precision) -> Outputs:
        """See `losses`."""
        assert isinstance(module, Scorer)
        return losses(module, self._feed, precision)

    def judge(self, outputs: Outputs, rows: Rows) -> tuple[float, float]:
        """Mean cross-entropy in nats a learnt token."""
        total, count = outputs.sum(axis=0, dtype=np.float64)
        loss = float(total / count) if count else math.inf
        return loss, loss

    def digest(self) -> str:
        """Tells these conversations from others."""
        return self._feed.digest()
