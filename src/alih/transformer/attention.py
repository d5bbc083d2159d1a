"""Attention: scaled dot-product and multi-head (section 3.2), with a cache of keys and values for decoding.

Shapes: b sequences, h heads, q queries, k keys, d = d_model, d/h the width of a head. Masks are True where a query may
look, and broadcast to (b, h, q, k).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.cache_utils import EncoderDecoderCache

from alih.errors import ModelError
from alih.transformer.positions import rotate


def causal_mask(queries: int, keys: int, device: torch.device | None = None) -> Tensor:
    """(queries, keys): each query sees its own position and those before it; the queries are the last of the keys."""
    return torch.ones(queries, keys, dtype=torch.bool, device=device).tril(keys - queries)


def padding_mask(attention_mask: Tensor | None) -> Tensor | None:
    """(b, k) of ones for tokens and zeros for padding → (b, 1, 1, k): no query sees padding; None if there is none.

    Without a mask the kernel is a faster one. An accelerator is not asked: the answer would cost a wait for all that
    it has to do yet, more than the mask.
    """
    if attention_mask is None or (attention_mask.device.type == "cpu" and bool(attention_mask.all())):
        return None
    return attention_mask.bool()[:, None, None, :]


def visible(mask: Tensor | None, causal: bool, queries: int, keys: int, device: torch.device) -> Tensor | None:
    """Join a mask with the causal one (section 3.2.3); None = every query sees every key."""
    if not causal or queries == 1:  # one query at the end sees all keys
        return mask
    past = causal_mask(queries, keys, device)
    return past if mask is None else mask & past


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None = None, *, causal: bool = False) -> Tensor:
    """softmax(QKᵀ/√dₖ) of equation 1: (b, h, q, d/h), (b, h, k, d/h) → (b, h, q, k).

    Rows sum to one; a masked position gets exactly zero, and a query that sees nothing gets zeros throughout.
    """
    scores: Tensor = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5  # (b, h, q, k)
    seen = visible(mask, causal, query.shape[-2], key.shape[-2], query.device)
    if seen is None:
        return F.softmax(scores, dim=-1)
    # The least finite number instead of −∞: a row without any visible key stays free of NaN, forwards and backwards.
    weights = F.softmax(scores.masked_fill(~seen, torch.finfo(scores.dtype).min), dim=-1)
    return weights.masked_fill(~seen, 0.0)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    dropout: float = 0.0,
) -> Tensor:
    """softmax(QKᵀ/√dₖ)V of equation 1 by PyTorch's fused kernel, which never writes the weights down.

    Args:
        query: (b, h, q, d/h).
        key: (b, h, k, d/h).
        value: (b, h, k, d/h).
        mask: True where a query may look.
        causal: no query sees what comes after it; the queries are the last q of the k positions.
        dropout: share of the weights that are set to zero.

    Returns:
        (b, h, q, d/h).
    """
    queries, keys = query.shape[-2], key.shape[-2]
    if causal and mask is None and 1 < queries == keys:
        return F.scaled_dot_product_attention(query, key, value, dropout_p=dropout, is_causal=True)
    seen = visible(mask, causal, queries, keys, query.device)
    return F.scaled_dot_product_attention(query, key, value, seen, dropout)


class MultiHeadAttention(nn.Module):
    """Multi-head attention, section 3.2.2: h attentions side by side, each in a projection of its own.

    W^Q, W^K, W^V and W^O are `q_proj`, `k_proj`, `v_proj`, `out_proj`: head i reads rows i·d/h … (i+1)·d/h of the
    first three. The paper writes no biases; the usual implementations, PyTorch's among them, have them.

    Args:
        d_model: width d.
        heads: number of heads h.
        dropout: share of the attention weights set to zero in training.
        layer: which layer of the decoder this is, the key to its place in the cache.
        rotary: turn queries and keys by their positions (see `positions.rotate`); for self-attention only.

    Raises:
        ModelError: d is no multiple of h.
    """

    def __init__(self, d_model: int, heads: int, dropout: float = 0.0, *, layer: int = 0, rotary: bool = False) -> None:
        super().__init__()
        if d_model % heads:
            raise ModelError(f"d_model={d_model} is no multiple of heads={heads}: choose heads that divide the width")
        self.heads, self.dropout, self.layer, self.rotary = heads, dropout, layer, rotary
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.out_proj = nn.Linear(d_model, d_model)

    def split(self, projected: Tensor) -> Tensor:
        """(b, t, d) → (b, h, t, d/h)."""
        batch, length, _ = projected.shape
        return projected.view(batch, length, self.heads, -1).transpose(1, 2)

    def forward(
        self,
        hidden: Tensor,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        causal: bool = False,
        cache: EncoderDecoderCache | None = None,
        return_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Let `hidden` look at itself, or at `memory` (section 3.2.3).

        Args:
            hidden: (b, q, d), where the queries come from.
            memory: (b, k, d), where keys and values come from: the encoder's output; None = `hidden`.
            mask: True where a query may look; broadcasts to (b, h, q, k).
            causal: no query sees what comes after it.
            cache: keys and values of earlier positions; those of this call are added to it.
            return_weights: compute the weights in the open and return them, too.

        Returns:
            (b, q, d), and the weights (b, h, q, k) or None.
        """
        query = self.split(self.q_proj(hidden))  # (b, h, q, d/h)
        if memory is None:
            key, value = self._own(hidden, cache)  # (b, h, k, d/h) each
            if self.rotary:
                query = rotate(query, start=key.shape[-2] - query.shape[-2])
        else:
            key, value = self._others(memory, cache)  # (b, h, k, d/h) each
        dropout = self.dropout if self.training else 0.0
        weights: Tensor | None = None
        if return_weights:
            weights = attention_weights(query, key, mask, causal=causal)  # (b, h, q, k)
            heads = F.dropout(weights, dropout) @ value  # (b, h, q, d/h)
        else:
            heads = attention(query, key, value, mask, causal=causal, dropout=dropout)  # (b, h, q, d/h)
        together = heads.transpose(1, 2).flatten(2)  # (b, q, d): the heads side by side
        return self.out_proj(together), weights

    def _own(self, hidden: Tensor, cache: EncoderDecoderCache | None) -> tuple[Tensor, Tensor]:
        """Keys and values of the sequence itself: the cached ones and, after them, the new ones."""
        key, value = self.split(self.k_proj(hidden)), self.split(self.v_proj(hidden))
        if self.rotary:
            key = rotate(key, start=0 if cache is None else cache.get_seq_length(self.layer))
        if cache is not None:
            key, value = cache.self_attention_cache.update(key, value, self.layer)
        return key, value

    def _others(self, memory: Tensor, cache: EncoderDecoderCache | None) -> tuple[Tensor, Tensor]:
        """Keys and values of the encoder's output: the same at every step of decoding, so computed once."""
        if cache is not None and cache.is_updated.get(self.layer):
            kept: Any = cache.cross_attention_cache.layers[self.layer]
            return kept.keys, kept.values
        key, value = self.split(self.k_proj(memory)), self.split(self.v_proj(memory))
        if cache is not None:
            key, value = cache.cross_attention_cache.update(key, value, self.layer)
            cache.is_updated[self.layer] = True
        return key, value
