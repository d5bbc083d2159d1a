"""Scoring of examples by a module that does not learn from them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.progress import Advance
from alih.training.feed import Batch, ExampleFeed
from alih.training.layout import fast_layout
from alih.training.precision import Precision, autocast, choose


@torch.no_grad()
def logits(
    module: nn.Module,
    feed: ExampleFeed,
    precision: Precision | None = None,
    *,
    advance: Advance | None = None,
    keep: Callable[[Tensor, Tensor], Tensor] | None = None,
) -> NDArray[np.float32]:
    """Score every row of a feed: float32 of shape (rows, outputs), in the order of the feed's rows.

    Args:
        module: maps a batch to logits; its mode is as before afterwards.
        feed: what to score; labels are not looked at.
        precision: compute type; None = the device's best.
        advance: called with the rows scored since last time.
        keep: maps a batch's logits, and its positions in the feed, to what is kept in their place, (batch, width).
    """
    on = device_of(module)
    precision = precision or choose(on)
    training = module.training
    module.eval()
    found: Tensor | None = None
    try:
        with fast_layout(module), autocast(on, precision):
            for positions in feed.plan(None):
                scores = module(to_device(feed.inputs(positions), on)).float()
                if keep is not None:
                    scores = keep(scores, torch.from_numpy(positions))
                if found is None:
                    found = torch.empty(len(feed), scores.shape[1])
                found[torch.from_numpy(positions)] = scores.cpu()
                if advance is not None:
                    advance(len(positions))
    finally:
        module.train(training)
    if found is None:
        return np.zeros((0, 0), dtype=np.float32)
    result: NDArray[np.float32] = found.numpy()
    return result


def device_of(module: nn.Module) -> torch.device:
    """Where the parameters of a module are."""
    first = next(module.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def to_device(batch: Batch, on: torch.device) -> Batch:
    """The batch on a device."""
    if on.type == "cpu":
        return batch
    return {name: tensor.to(on, non_blocking=True) for name, tensor in batch.items()}
