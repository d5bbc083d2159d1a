"""Batches: examples packed into rows without seeing each other, or padded beside others of their length.

In a packed row every example keeps positions of its own, from 0, and a block-diagonal causal mask, so that the logits
are those of the example alone (Krell et al. 2021, arXiv 2107.02027, section 3.2).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from alih.tasks.generation.encode import Tokens
from alih.training.feed import Batch

#: Label of a position that is not learnt.
IGNORED = -100


def pack_rows(lengths: Sequence[int], longest: int, seed: int) -> list[list[int]]:
    """Put examples into rows of at most `longest` tokens: each into the first row with room, in an order by the seed.

    An example longer than that has a row to itself.
    """
    rows: list[list[int]] = []
    room: list[int] = []
    open_from = 0
    for example in np.random.default_rng(seed).permutation(len(lengths)).tolist():
        length = lengths[example]
        place = next((row for row in range(open_from, len(rows)) if room[row] >= length), None)
        if place is None:
            rows.append([example])
            room.append(longest - length)
        else:
            rows[place].append(example)
            room[place] -= length
        open_from = max(open_from, len(rows) - 64)  # older rows are nearly full: looking at them all is quadratic
    return rows


def packed_batches(lengths: Sequence[int], longest: int, most_tokens: int, seed: int) -> list[list[list[int]]]:
    """Batches of packed rows, at most `most_tokens` positions each (or one row)."""
    rows = pack_rows(lengths, longest, seed)
    each = max(1, most_tokens // max(longest, max(lengths, default=1)))
    return [rows[start : start + each] for start in range(0, len(rows), each)]


def length_batches(lengths: Sequence[int], most_tokens: int, seed: int) -> list[list[list[int]]]:
    """Batches of examples of like length, at most `most_tokens` positions each with padding (or one example)."""
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(lengths))
    order = order[np.argsort(np.asarray(lengths)[order], kind="stable")]
    batches: list[list[list[int]]] = []
    for example in order.tolist():
        if batches and lengths[example] * (len(batches[-1]) + 1) <= most_tokens:
            batches[-1].append([example])
        else:
            batches.append([[example]])
    return [batches[place] for place in rng.permutation(len(batches))]


def collate(examples: Sequence[Tokens], rows: Sequence[Sequence[int]], pad: int) -> Batch:
    """Write rows of examples as tensors.

    Returns:
        input_ids: (rows, length).
        labels: (learnt tokens,): the tokens to come that are learnt, row by row.
        learnt: (learnt tokens,): where they are told, as places in rows · length.
        position_ids, mask: of packed rows alone; (rows, length), from 0 in every example, and (rows, 1, length, length)
            bool, True where a token may look. Rows of one example each have their padding at the end, where a causal
            model never looks.
    """
    length = max(sum(len(examples[number]) for number in row) for row in rows)
    input_ids = torch.full((len(rows), length), pad)
    position_ids = torch.zeros((len(rows), length), dtype=torch.long)
    labels = torch.full((len(rows), length), IGNORED)
    owner = torch.full((len(rows), length), -1)
    for place, row in enumerate(rows):
        start = 0
        for turn, number in enumerate(row):
            example = examples[number]
            end = start + len(example)
            ids = torch.tensor(example.ids)
            input_ids[place, start:end] = ids
            position_ids[place, start:end] = torch.arange(len(example))
            learnt = torch.tensor(example.learnt[1:], dtype=torch.bool)
            labels[place, start : end - 1] = torch.where(learnt, ids[1:], IGNORED)
            owner[place, start:end] = turn
            start = end
    told = (labels.flatten() != IGNORED).nonzero().flatten()  # here, since on a GPU it would be waited for
    batch = {"input_ids": input_ids, "labels": labels.flatten()[told], "learnt": told}
    if all(len(row) == 1 for row in rows):
        return batch
    same = owner[:, :, None] == owner[:, None, :]  # (rows, length, length)
    causal = torch.ones((length, length), dtype=torch.bool).tril()
    return {**batch, "position_ids": position_ids, "mask": (same & causal)[:, None]}
