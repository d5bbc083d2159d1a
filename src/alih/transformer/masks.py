"""Masks: which keys a query may look at (true = it may)."""

from __future__ import annotations

import torch
from torch import Tensor


def padding_mask(attention_mask: Tensor | None) -> Tensor | None:
    """Hide padding as keys, (b, k) → (b, 1, 1, k); None where nothing is hidden, so that faster kernels can run.

    Args:
        attention_mask: (b, k), one for a token and zero for padding, as tokenizers make it.
    """
    if attention_mask is None or bool(attention_mask.all()):
        return None
    return attention_mask[:, None, None, :].bool()


def causal_mask(length: int, past: int, device: torch.device) -> Tensor:
    """Let a position see itself and what came before (section 3.2.3), (length, past + length).

    Args:
        length: positions that ask; the first is number `past`.
        past: positions before them, whose keys are cached.
        device: where the mask is made.
    """
    return torch.ones(length, past + length, dtype=torch.bool, device=device).tril(past)


def decoder_mask(length: int, past: int, padding: Tensor | None, device: torch.device) -> tuple[Tensor | None, bool]:
    """What decoder self-attention needs: a mask, or the word that "causal" alone says it.

    Args:
        length: positions that ask.
        past: positions before them.
        padding: (b, 1, 1, past + length) of `padding_mask`, or None.
        device: where the mask is made.

    Returns:
        The mask, broadcasting to (b, h, length, past + length), and whether to pass `causal=True` instead.
    """
    if length == 1:
        return padding, False
    if padding is None and past == 0:
        return None, True
    causal = causal_mask(length, past, device)
    return (causal if padding is None else causal & padding), False
