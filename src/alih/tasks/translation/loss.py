"""The loss of pairs without learning from them: cross-entropy of the target tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F
from transformers import PreTrainedModel

from alih.training.precision import Precision, autocast
from alih.transformer.cross_entropy import IGNORED
from alih.transformer.token_batches import Pair, collate

#: Tokens of a batch, padding included.
_TOKENS = 4000


@torch.no_grad()
def losses_of_pairs(
    model: PreTrainedModel, pairs: Sequence[Pair], pad: int, precision: Precision = "fp32"
) -> NDArray[np.float32]:
    """Of each pair, the sum of its cross-entropies in nats, without label smoothing, and of how many target tokens.

    Args:
        model: maps input_ids, attention_mask and labels to logits; its mode is as before afterwards.
        pairs: encoded pairs.
        pad: token that sources are padded with.
        precision: compute type.

    Returns:
        (pairs, 2).
    """
    on = next(model.parameters()).device
    training = model.training
    model.eval()
    found = np.zeros((len(pairs), 2), dtype=np.float32)
    try:
        for rows in _groups(pairs):
            batch = {name: tensor.to(on) for name, tensor in collate([pairs[row] for row in rows], pad).items()}
            with autocast(on, precision):
                logits = model(**batch).logits
            labels = batch["labels"]
            losses = F.cross_entropy(logits.transpose(1, 2).float(), labels, reduction="none")  # 0 where ignored
            found[rows] = torch.stack([losses.sum(1), (labels != IGNORED).sum(1)], dim=1).cpu().numpy()
    finally:
        model.train(training)
    return found


def _groups(pairs: Sequence[Pair]) -> list[list[int]]:
    """Rows of pairs of like length."""
    groups: list[list[int]] = []
    widest = 0
    for row in sorted(range(len(pairs)), key=lambda row: (len(pairs[row][1]), len(pairs[row][0]))):
        width = max(map(len, pairs[row]))
        widest = max(widest, width)
        if not groups or widest * (len(groups[-1]) + 1) > _TOKENS:
            groups.append([])
            widest = width
        groups[-1].append(row)
    return groups
