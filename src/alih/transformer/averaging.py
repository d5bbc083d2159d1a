"""Checkpoint averaging (section 6.1): the mean of the last checkpoints' weights does better than the last alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor


def average(states: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """The mean of each tensor over the states, in double precision on the way; integers are the last state's.

    Args:
        states: at least one state dict, all with the same names and shapes.
    """
    last = states[-1]
    return {
        name: torch.stack([state[name].double() for state in states]).mean(0).to(tensor.dtype)
        if tensor.is_floating_point()
        else tensor.clone()
        for name, tensor in last.items()
    }
