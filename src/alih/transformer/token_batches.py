"""Batches by tokens, not sentences (section 5.1): sentences of like length together, so that little is padding."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

#: Source and target tokens of one sentence pair, the end token included.
Pair = tuple[Sequence[int], Sequence[int]]


def token_batches(
    source_lengths: NDArray[np.int64], target_lengths: NDArray[np.int64], most_tokens: int, seed: int
) -> list[NDArray[np.int64]]:
    """Rows of each batch of one epoch.

    Pairs are shuffled, then sorted by their lengths, so that equal lengths meet other partners in every epoch; a batch
    takes pairs while neither its source nor its target, padding included, exceeds `most_tokens`. A pair longer than
    that is a batch of its own. The order of the batches is shuffled.

    Args:
        source_lengths: tokens of each source, (n,).
        target_lengths: tokens of each target, (n,).
        most_tokens: of source and of target each; the paper has about 25,000.
        seed: of both shuffles; another one for each epoch.
    """
    random = np.random.default_rng(seed)
    shuffled = random.permutation(len(source_lengths))
    order = shuffled[np.lexsort((source_lengths[shuffled], target_lengths[shuffled]))]
    batches: list[NDArray[np.int64]] = []
    start, widest = 0, 0
    for end, row in enumerate(order):
        width = max(widest, int(source_lengths[row]), int(target_lengths[row]))
        if end > start and width * (end + 1 - start) > most_tokens:
            batches.append(order[start:end])
            start, width = end, max(int(source_lengths[row]), int(target_lengths[row]))
        widest = width
    if len(order):
        batches.append(order[start:])
    return [batches[i] for i in random.permutation(len(batches))]


def collate(pairs: Sequence[Pair], pad: int) -> dict[str, Tensor]:
    """Pad pairs to input_ids and attention_mask (b, s) and labels (b, t), −100 where there is no target."""
    sources = [torch.as_tensor(source) for source, _ in pairs]
    targets = [torch.as_tensor(target) for _, target in pairs]
    lengths = torch.tensor([len(source) for source in sources])
    ids = torch.nn.utils.rnn.pad_sequence(sources, batch_first=True, padding_value=pad)
    return {
        "input_ids": ids,
        "attention_mask": (torch.arange(ids.shape[1]) < lengths[:, None]).long(),
        "labels": torch.nn.utils.rnn.pad_sequence(targets, batch_first=True, padding_value=-100),
    }
