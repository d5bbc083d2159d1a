"""Encoder and decoder blocks (arXiv 1706.03762, section 3.1), post-norm as in the paper or pre-norm.

Shapes: b sequences, n positions of the target, m of the source, d = d_model, f = d_ff, h heads.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F
from transformers import EncoderDecoderCache

from alih.transformer.attention import Attended, MultiHeadAttention
from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.positions import Rotation


class FeedForward(nn.Module):
    """FFN(x) = max(0, x W₁ + b₁) W₂ + b₂ at each position alone, section 3.3."""

    def __init__(self, d_model: int, d_ff: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(d_model, d_ff)
        self.linear2 = nn.Linear(d_ff, d_model)

    def forward(self, hidden: Tensor) -> Tensor:
        """(b, n, d) → (b, n, f) → (b, n, d)."""
        expanded = F.relu(self.linear1(hidden))  # (b, n, f)
        output: Tensor = self.linear2(expanded)
        return output


class Residual(nn.Module):
    """What surrounds every sub-layer: LayerNorm(x + Dropout(Sublayer(x))), sections 3.1 and 5.4.

    Pre-norm is x + Dropout(Sublayer(LayerNorm(x))) (Xiong et al. 2020, arXiv 2002.04745): easier to train deep; a last
    norm then closes the stack.
    """

    def __init__(self, config: AlihTransformerConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.d_model, eps=config.layer_norm_eps)
        self.dropout = nn.Dropout(config.dropout)
        self.pre_norm = config.pre_norm

    def forward(self, hidden: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        """(b, n, d) → (b, n, d)."""
        if self.pre_norm:
            output: Tensor = hidden + self.dropout(sublayer(self.norm(hidden)))
        else:
            output = self.norm(hidden + self.dropout(sublayer(hidden)))
        return output


class EncoderBlock(nn.Module):
    """Self-attention, then the feed-forward network: the left half of figure 1."""

    def __init__(self, config: AlihTransformerConfig, layer: int) -> None:
        super().__init__()
        self.self_attention = MultiHeadAttention(config.d_model, config.num_heads, config.attention_dropout, layer)
        self.feed_forward = FeedForward(config.d_model, config.d_ff)
        self.around_self_attention = Residual(config)
        self.around_feed_forward = Residual(config)

    def forward(
        self,
        hidden: Tensor,
        mask: Tensor | None = None,
        rotation: Rotation | None = None,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """(b, m, d) → (b, m, d), and the weights (b, h, m, m) where they are asked for."""
        weights: Tensor | None = None

        def look_around(hidden: Tensor) -> Tensor:
            nonlocal weights
            attended: Attended = self.self_attention(hidden, None, mask, rotation=rotation, need_weights=need_weights)
            weights = attended.weights
            return attended.output

        hidden = self.around_self_attention(hidden, look_around)  # (b, m, d)
        hidden = self.around_feed_forward(hidden, self.feed_forward)  # (b, m, d)
        return hidden, weights


class DecoderBlock(nn.Module):
    """Masked self-attention, attention to the encoder's output, the feed-forward network: figure 1, right half."""

    def __init__(self, config: AlihTransformerConfig, layer: int) -> None:
        super().__init__()
        self.self_attention = MultiHeadAttention(config.d_model, config.num_heads, config.attention_dropout, layer)
        self.cross_attention = MultiHeadAttention(config.d_model, config.num_heads, config.attention_dropout, layer)
        self.feed_forward = FeedForward(config.d_model, config.d_ff)
        self.around_self_attention = Residual(config)
        self.around_cross_attention = Residual(config)
        self.around_feed_forward = Residual(config)

    def forward(
        self,
        hidden: Tensor,
        memory: Tensor,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        *,
        causal: bool = False,
        rotation: Rotation | None = None,
        cache: EncoderDecoderCache | None = None,
        need_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """One block of the decoder.

        Args:
            hidden: (b, n, d).
            memory: (b, m, d), the encoder's output.
            mask: of self-attention, broadcasting to (b, h, n, past + n).
            memory_mask: of cross-attention, broadcasting to (b, h, n, m).
            causal: self-attention sees the past alone; in place of `mask`.
            rotation: rotary positions of self-attention.
            cache: keys and values of earlier steps.
            need_weights: also give the weights.

        Returns:
            (b, n, d); the weights of self-attention (b, h, n, past + n) and of cross-attention (b, h, n, m).
        """
        self_weights: Tensor | None = None
        cross_weights: Tensor | None = None

        def look_back(hidden: Tensor) -> Tensor:
            nonlocal self_weights
            attended: Attended = self.self_attention(
                hidden, None, mask, causal=causal, rotation=rotation, cache=cache, need_weights=need_weights
            )
            self_weights = attended.weights
            return attended.output

        def look_at_source(hidden: Tensor) -> Tensor:
            nonlocal cross_weights
            attended: Attended = self.cross_attention(
                hidden, memory, memory_mask, cache=cache, need_weights=need_weights
            )
            cross_weights = attended.weights
            return attended.output

        hidden = self.around_self_attention(hidden, look_back)  # (b, n, d)
        hidden = self.around_cross_attention(hidden, look_at_source)  # (b, n, d)
        hidden = self.around_feed_forward(hidden, self.feed_forward)  # (b, n, d)
        return hidden, self_weights, cross_weights
