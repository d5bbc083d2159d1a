"""Attention: scaled dot products and several heads of them (arXiv 1706.03762, section 3.2).

Shapes: b sequences, q queries, k keys, d = d_model, h heads, e = d / h features of a head.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import EncoderDecoderCache

from alih.transformer.positions import Rotation, rotate


class Attended(NamedTuple):
    """What attention gives: the values it mixed, and with which weights (None where they were not asked for)."""

    output: Tensor
    weights: Tensor | None


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    *,
    causal: bool = False,
    dropout: float = 0.0,
    need_weights: bool = False,
) -> Attended:
    """Attention(Q, K, V) = softmax(Q Kᵀ / √e) V, equation 1.

    Without weights PyTorch's fused kernel runs; with them the same formula step by step.

    Args:
        query: (b, h, q, e).
        key: (b, h, k, e).
        value: (b, h, k, e).
        mask: true where a query may look at a key; any shape that broadcasts to (b, h, q, k). A query that may look
            at nothing gives zeros.
        causal: query i sees only keys 0 … i; in place of a mask, not beside one.
        dropout: chance of zeroing a weight, 0 to 1.
        need_weights: also give softmax(Q Kᵀ / √e), (b, h, q, k), as it was before dropout.

    Returns:
        Output (b, h, q, e), and the weights.
    """
    if not need_weights:
        return Attended(F.scaled_dot_product_attention(query, key, value, mask, dropout, is_causal=causal), None)
    if causal:
        mask = torch.ones(query.shape[-2], key.shape[-2], dtype=torch.bool, device=query.device).tril()  # (q, k)
    scores = query @ key.transpose(-2, -1) / query.shape[-1] ** 0.5  # (b, h, q, k)
    if mask is not None:
        scores = scores.masked_fill(~mask, float("-inf"))
    weights = scores.softmax(dim=-1)  # (b, h, q, k), each row sums to one
    if mask is not None:
        weights = weights.masked_fill(~mask, 0.0)  # a row of −∞ alone has no softmax
    return Attended(F.dropout(weights, dropout) @ value, weights)


class MultiHeadAttention(nn.Module):
    """MultiHead(Q, K, V) = Concat(head₁, …, head_h) Wᴼ with headᵢ = Attention(Q Wᵢ^Q, K Wᵢ^K, V Wᵢ^V), section 3.2.2.

    The matrices of all heads lie side by side: head i is rows i·e … (i + 1)·e of `q_proj.weight`, `k_proj.weight` and
    `v_proj.weight`, and columns i·e … (i + 1)·e of `out_proj.weight`.

    Args:
        d_model: d, features of a position.
        num_heads: h; divides d_model.
        dropout: chance of zeroing an attention weight in training.
        layer: index of the block, under which keys and values are cached.
    """

    def __init__(self, d_model: int, num_heads: int, dropout: float = 0.0, layer: int = 0) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.dropout = dropout
        self.layer = layer
        self.q_proj = nn.Linear(d_model, d_model)
        self.k_proj = nn.Linear(d_model, d_model)
        self.v_proj = nn.Linear(d_model, d_model)
        self.out_proj = nn.Linear(d_model, d_model)

    def forward(
        self,
        hidden: Tensor,
        memory: Tensor | None = None,
        mask: Tensor | None = None,
        *,
        causal: bool = False,
        rotation: Rotation | None = None,
        cache: EncoderDecoderCache | None = None,
        need_weights: bool = False,
    ) -> Attended:
        """Let every position of `hidden` look at `memory`, or at `hidden` itself.

        Args:
            hidden: (b, q, d), what asks.
            memory: (b, k, d), what is looked at: the encoder's output. None is self-attention.
            mask: as in `scaled_dot_product_attention`.
            causal: likewise.
            rotation: rotary positions of queries and keys, for self-attention.
            cache: keys and values of earlier steps; self-attention adds to them, cross-attention makes them once.
            need_weights: also give the weights (b, h, q, k).

        Returns:
            Output (b, q, d), and the weights.
        """
        query = self._split(self.q_proj(hidden))  # (b, h, q, e)
        if memory is not None:
            key, value = self._cross(memory, cache)  # (b, h, k, e) each
        else:
            key, value = self._split(self.k_proj(hidden)), self._split(self.v_proj(hidden))  # (b, h, q, e) each
            if rotation is not None:
                query, key = rotate(query, rotation), rotate(key, rotation)
            if cache is not None:
                key, value = cache.self_attention_cache.update(key, value, self.layer)  # (b, h, past + q, e) each
        heads, weights = scaled_dot_product_attention(
            query, key, value, mask, causal=causal, dropout=self.dropout * self.training, need_weights=need_weights
        )
        joined = heads.transpose(1, 2).flatten(2)  # (b, h, q, e) → (b, q, h, e) → (b, q, d)
        return Attended(self.out_proj(joined), weights)

    def _split(self, projected: Tensor) -> Tensor:
        """(b, k, d) → (b, h, k, e)."""
        batch, length, _ = projected.shape
        return projected.view(batch, length, self.num_heads, -1).transpose(1, 2)

    def _cross(self, memory: Tensor, cache: EncoderDecoderCache | None) -> tuple[Tensor, Tensor]:
        """Keys and values of the encoder's output, which are the same at every step of decoding."""
        if cache is not None and cache.is_updated.get(self.layer):
            stored: Any = cache.cross_attention_cache.layers[self.layer]
            return stored.keys, stored.values
        key, value = self._split(self.k_proj(memory)), self._split(self.v_proj(memory))  # (b, h, k, e) each
        if cache is not None:
            key, value = cache.cross_attention_cache.update(key, value, self.layer)
            cache.is_updated[self.layer] = True
        return key, value
