"""The loss of pairs without learning from them: mean cross-entropy a target token."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F
from transformers import PreTrainedModel

from alih.training.precision import Precision, autocast
from alih.transformer.cross_entropy import IGNORED
from alih.transformer.token_batches import Pair, collate

#: Tokens of a batch, padding included.
_TOKENS = 4000


@torch.no_grad()
def loss_of_pairs(model: PreTrainedModel, pairs: Sequence[Pair], pad: int, precision: Precision = "fp32") -> float:
    """Mean cross-entropy a target token in nats, without label smoothing; the model's mode is as before afterwards.

    Args:
        model: maps input_ids, attention_mask and labels to logits.
        pairs: encoded pairs.
        pad: token that sources are padded with.
        precision: compute type.
    """
    on = next(model.parameters()).device
    training = model.training
    model.eval()
    total, count = 0.0, 0
    try:
        for group in _groups(pairs):
            batch = {name: tensor.to(on) for name, tensor in collate(group, pad).items()}
            with autocast(on, precision):
                logits = model(**batch).logits
            labels = batch["labels"]
            total += float(F.cross_entropy(logits.flatten(0, 1).float(), labels.flatten(), reduction="sum"))
            count += int((labels != IGNORED).sum())
    finally:
        model.train(training)
    return total / max(count, 1)


def _groups(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """Pairs of like length together."""
    groups: list[list[Pair]] = []
    widest = 0
    for pair in sorted(pairs, key=lambda pair: (len(pair[1]), len(pair[0]))):
        widest = max(widest, len(pair[0]), len(pair[1]))
        if not groups or widest * (len(groups[-1]) + 1) > _TOKENS:
            groups.append([])
            widest = max(len(pair[0]), len(pair[1]))
        groups[-1].append(pair)
    return groups
