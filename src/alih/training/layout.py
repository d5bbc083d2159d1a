"""Memory layout: convolutions compute faster with channels last."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def fast_layout(module: nn.Module) -> Iterator[None]:
    """Keep the weights of 2-D convolutions channels-last inside the block; afterwards they are as they were.

    Activations follow the weights, so inputs need no conversion.
    """
    convolutions = [layer.weight for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    weights = [weight for weight in convolutions if not weight.is_contiguous(memory_format=torch.channels_last)]
    for weight in weights:
        weight.data = weight.data.contiguous(memory_format=torch.channels_last)
    try:
        yield
    finally:
        for weight in weights:
            weight.data = weight.data.contiguous()
            weight.grad = None
