"""What a language model learns from, and how it is looked at while it learns."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from hashlib import sha256

import numpy as np
from torch import nn

from alih.instruct.encode import Tokens
from alih.instruct.loss import Scorer
from alih.instruct.pack import collate, length_batches, packed_batches
from alih.training.choice import Look, Outputs, Rows
from alih.training.feed import Batch, Feed
from alih.training.precision import Precision


class SequenceFeed(Feed):
    """Sequences packed into rows, or padded beside others of their length.

    Args:
        sequences: to learn from.
        pad: token that fills up rows.
        most_tokens: positions of a batch.
        row: tokens of a packed row; 0 = not packed.
    """

    def __init__(self, sequences: Sequence[Tokens], pad: int, most_tokens: int, row: int) -> None:
        self._sequences, self._pad, self._most_tokens, self._row = sequences, pad, most_tokens, row
        self._lengths = [len(sequence) for sequence in sequences]

    def __len__(self) -> int:
        """How many sequences there are."""
        return len(self._sequences)

    def plan(self, epoch_seed: int | None) -> list[list[list[int]]]:
        """Rows of sequences of each batch."""
        if self._row:
            return packed_batches(self._lengths, self._row, self._most_tokens, epoch_seed or 0)
        return length_batches(self._lengths, self._most_tokens, epoch_seed or 0)

    def gather(self, part: list[list[int]]) -> Batch:
        """See `collate`."""
        return collate(self._sequences, part, self._pad)

    def examples(self, part: list[list[int]]) -> int:
        """Sequences in a batch."""
        return sum(map(len, part))

    def tokens(self, part: list[list[int]]) -> int:
        """Tokens in a batch, padding aside."""
        return sum(self._lengths[number] for row in part for number in row)

    def digest(self) -> str:
        """Tells these sequences, and how they are put together, from others."""
        return sha256(f"{digest(self._sequences)} {self._most_tokens} {self._row}".encode()).hexdigest()


class SequenceLook(Look):
    """Judges a language model by its loss on held-out sequences.

    Scores of a few written answers jump by whole points between two looks; the loss of some hundred answers, token by
    token, does not, and it chooses the weights.

    Args:
        scorer: of the model.
        sequences: held out.
        write_scores: lets the model write, and scores that; for the curve alone.
    """

    def __init__(
        self, scorer: Scorer, sequences: Sequence[Tokens], write_scores: Callable[[], dict[str, float]] | None = None
    ) -> None:
        self._scorer, self._sequences, self._write_scores = scorer, sequences, write_scores
        self._loss = math.nan

    def __len__(self) -> int:
        """How many sequences there are."""
        return len(self._sequences)

    def outputs(self, module: nn.Module, precision: Precision) -> Outputs:
        """Of each sequence, the sum of its cross-entropies in nats, and of how many tokens: (n, 2)."""
        found = np.asarray(self._scorer.each(self._sequences, precision), dtype=np.float32)
        self._loss = self.judge(found, np.arange(len(found)))[1]
        return found

    def judge(self, outputs: Outputs, rows: Rows) -> tuple[float, float]:
        """Mean cross-entropy in nats a learnt token."""
        total, count = outputs.sum(axis=0, dtype=np.float64)
        loss = float(total / count) if count else math.inf
        return loss, loss

    def scores(self, module: nn.Module) -> dict[str, float]:
        """Perplexity, and scores of what the model writes."""
        written = {} if self._write_scores is None else self._write_scores()
        return {"perplexity": math.exp(min(self._loss, 50.0)), **written}

    def digest(self) -> str:
        """Tells these sequences from others."""
        return digest(self._sequences)


def digest(sequences: Sequence[Tokens]) -> str:
    """Tells sequences from others."""
    found = sha256()
    for sequence in sequences:
        found.update(np.array([*sequence.ids, -1, *sequence.learnt, -2], dtype=np.int64).tobytes())
    return found.hexdigest()
