"""What tells positions apart: sinusoids (the paper, section 3.5), learned vectors (BERT, GPT-2), rotation (Llama).

Shapes: b sequences, h heads, t positions, d the width.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from alih.errors import ModelError


def frequencies(width: int, device: torch.device | None = None) -> Tensor:
    """1/10000^(2i/d) for i = 0 … d/2 − 1, in radians a position."""
    return 10000.0 ** (-torch.arange(0, width, 2, dtype=torch.float64, device=device) / width)


def sinusoids(length: int, width: int) -> Tensor:
    """PE of section 3.5, (length, width) in float32: PE[pos, 2i] = sin(pos·ωᵢ), PE[pos, 2i+1] = cos(pos·ωᵢ).

    A shift by k turns each pair (sin, cos) by the angle k·ωᵢ, wherever it starts: the paper's reason for sinusoids.
    """
    angles = torch.arange(length, dtype=torch.float64)[:, None] * frequencies(width)  # (length, d/2)
    return torch.stack((angles.sin(), angles.cos()), dim=-1).flatten(1).float()  # (length, d): sin, cos, sin, …


def rotate(vectors: Tensor, start: int = 0) -> Tensor:
    """Rotary positions (Su et al. 2021, arXiv 2104.09864, section 3.2.2): turn pair i of position p by the angle p·ωᵢ.

    The product of a turned query and a turned key depends on the distance of their positions alone. Pairs are
    (i, i + d/2), as in Llama, not neighbours as in the article: the same up to the order of the coordinates.

    Args:
        vectors: queries or keys (b, h, t, d), d even.
        start: position of the first one.

    Returns:
        (b, h, t, d), as long as before.
    """
    length, width = vectors.shape[-2:]
    places = torch.arange(start, start + length, dtype=torch.float64, device=vectors.device)
    angles = places[:, None] * frequencies(width, vectors.device)  # (t, d/2)
    cosine, sine = angles.cos().to(vectors.dtype), angles.sin().to(vectors.dtype)
    first, second = vectors.chunk(2, dim=-1)  # (b, h, t, d/2) each
    return torch.cat((first * cosine - second * sine, second * cosine + first * sine), dim=-1)


class SinusoidalPositions(nn.Module):
    """Section 3.5: fixed, without parameters, for any length. The table grows when a longer sequence comes.

    Raises:
        ModelError: the width is odd.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        if width % 2:
            raise ModelError(f"sinusoidal positions need an even d_model, not {width}")
        self.width = width
        self._table = torch.empty(0, width)

    def forward(self, embedded: Tensor, start: int = 0) -> Tensor:
        """(b, t, d) → (b, t, d): add the encodings of positions start … start + t − 1."""
        end = start + embedded.shape[1]
        if len(self._table) < end:
            self._table = sinusoids(max(end, 2 * len(self._table)), self.width)
        if self._table.device != embedded.device:
            self._table = self._table.to(embedded.device)
        return embedded + self._table[start:end].to(embedded.dtype)


class LearnedPositions(nn.Module):
    """A trained vector a position, as in BERT and GPT-2 (section 3.5 finds it as good as sinusoids)."""

    def __init__(self, width: int, most: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(most, width)

    def forward(self, embedded: Tensor, start: int = 0) -> Tensor:
        """(b, t, d) → (b, t, d): add the vectors of positions start … start + t − 1.

        Raises:
            ModelError: there are fewer vectors than positions.
        """
        end = start + embedded.shape[1]
        if end > self.embedding.num_embeddings:
            raise ModelError(
                f"a sequence of {end} tokens, and learned positions for {self.embedding.num_embeddings}: cut it, or "
                "make the model with a larger max_position_embeddings"
            )
        return embedded + self.embedding.weight[start:end]


class NoPositions(nn.Module):
    """Adds nothing: the order is told by rotation within the attention, or not at all."""

    def forward(self, embedded: Tensor, start: int = 0) -> Tensor:
        """(b, t, d), unchanged."""
        return embedded


def positions(kind: str, width: int, most: int) -> nn.Module:
    """Build what is added to the embeddings.

    Args:
        kind: "sinusoidal", "learned", "rotary" or "none".
        width: of the embeddings.
        most: the largest number of learned positions.

    Raises:
        ModelError: no such kind.
    """
    if kind == "sinusoidal":
        return SinusoidalPositions(width)
    if kind == "learned":
        return LearnedPositions(width, most)
    if kind in ("rotary", "none"):
        return NoPositions()
    raise ModelError(f"positions={kind!r}: choose sinusoidal, learned, rotary or none")
