"""Encoder and decoder blocks (section 3.1): attention and feed-forward sub-layers, residuals and layer norm.

Post-norm, LayerNorm(x + Sublayer(x)), as in the paper; pre-norm, x + Sublayer(LayerNorm(x)), as in most models since
(Xiong et al. 2020, arXiv 2002.04745), by option. Shapes: b sequences, s source tokens, t target tokens, d = d_model.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F
from transformers.cache_utils import EncoderDecoderCache

from alih.transformer.attention import MultiHeadAttention
from alih.transformer.configuration import AlihTransformerConfig


class FeedForward(nn.Module):
    """Section 3.3: FFN(x) = max(0, xW₁ + b₁)W₂ + b₂, at each position alone."""

    def __init__(self, d_model: int, d_ff: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.fc1 = nn.Linear(d_model, d_ff)
        self.fc2 = nn.Linear(d_ff, d_model)
        self.dropout = dropout

    def forward(self, hidden: Tensor) -> Tensor:
        """(b, t, d) → (b, t, d)."""
        inner = F.dropout(F.relu(self.fc1(hidden)), self.dropout, self.training)  # (b, t, d_ff)
        outer: Tensor = self.fc2(inner)  # (b, t, d)
        return outer


class Residual(nn.Module):
    """Residual connection and layer norm around one sub-layer (section 3.1), dropout on its output (section 5.4)."""

    def __init__(self, config: AlihTransformerConfig) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(config.d_model)
        self.norm_first = config.norm_first
        self.dropout = config.dropout

    def forward(self, hidden: Tensor, sublayer: Callable[[Tensor], Tensor]) -> Tensor:
        """(b, t, d) → (b, t, d)."""
        if self.norm_first:
            return hidden + F.dropout(sublayer(self.norm(hidden)), self.dropout, self.training)
        joined: Tensor = self.norm(hidden + F.dropout(sublayer(hidden), self.dropout, self.training))
        return joined


def _attention(config: AlihTransformerConfig, layer: int, *, rotary: bool) -> MultiHeadAttention:
    return MultiHeadAttention(config.d_model, config.heads, config.attention_dropout, layer=layer, rotary=rotary)


class EncoderBlock(nn.Module):
    """Left of figure 1, section 3.1: self-attention, then the feed-forward network."""

    def __init__(self, config: AlihTransformerConfig, layer: int) -> None:
        super().__init__()
        self.self_attention = _attention(config, layer, rotary=config.positions == "rotary")
        self.feed_forward = FeedForward(config.d_model, config.d_ff, config.activation_dropout)
        self.residuals = nn.ModuleList(Residual(config) for _ in range(2))

    def forward(
        self, hidden: Tensor, mask: Tensor | None = None, *, return_weights: bool = False
    ) -> tuple[Tensor, Tensor | None]:
        """(b, s, d) → (b, s, d), and the weights (b, h, s, s) if asked for; the mask is True where one may look."""
        weights: Tensor | None = None

        def look(x: Tensor) -> Tensor:
            nonlocal weights
            seen: Tensor
            seen, weights = self.self_attention(x, mask=mask, return_weights=return_weights)
            return seen

        hidden = self.residuals[0](hidden, look)  # (b, s, d)
        hidden = self.residuals[1](hidden, self.feed_forward)  # (b, s, d)
        return hidden, weights


class DecoderBlock(nn.Module):
    """Right of figure 1, section 3.1: masked self-attention, attention to the encoder, the feed-forward network."""

    def __init__(self, config: AlihTransformerConfig, layer: int) -> None:
        super().__init__()
        self.self_attention = _attention(config, layer, rotary=config.positions == "rotary")
        self.cross_attention = _attention(config, layer, rotary=False)
        self.feed_forward = FeedForward(config.d_model, config.d_ff, config.activation_dropout)
        self.residuals = nn.ModuleList(Residual(config) for _ in range(3))

    def forward(
        self,
        hidden: Tensor,
        memory: Tensor,
        mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        *,
        cache: EncoderDecoderCache | None = None,
        return_weights: bool = False,
    ) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Decode the positions given, after those in the cache.

        Args:
            hidden: (b, t, d).
            memory: the encoder's output, (b, s, d).
            mask: which target positions may be seen beside the causal rule, (b, 1, 1, all positions so far).
            memory_mask: which source positions may be seen, (b, 1, 1, s).
            cache: keys and values of earlier positions and of the memory; filled on the way.
            return_weights: return the weights, too.

        Returns:
            (b, t, d), weights of self-attention (b, h, t, all positions so far) and of cross-attention (b, h, t, s).
        """
        own: Tensor | None = None
        cross: Tensor | None = None

        def look_back(x: Tensor) -> Tensor:
            nonlocal own
            seen: Tensor
            seen, own = self.self_attention(x, mask=mask, causal=True, cache=cache, return_weights=return_weights)
            return seen

        def look_at_source(x: Tensor) -> Tensor:
            nonlocal cross
            seen: Tensor
            seen, cross = self.cross_attention(x, memory, memory_mask, cache=cache, return_weights=return_weights)
            return seen

        hidden = self.residuals[0](hidden, look_back)  # (b, t, d)
        hidden = self.residuals[1](hidden, look_at_source)  # (b, t, d)
        hidden = self.residuals[2](hidden, self.feed_forward)  # (b, t, d)
        return hidden, own, cross
