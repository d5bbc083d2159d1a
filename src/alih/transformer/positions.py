"""Where a token stands: sinusoidal encodings, learned ones, and rotary ones.

The paper's encoder and decoder add a vector to each embedding (sinusoidal or learned, section 3.5); rotary positions
turn queries and keys instead.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from alih.errors import ModelError


def sinusoidal_encoding(positions: Tensor, d_model: int) -> Tensor:
    """PE(pos, 2i) = sin(pos / 10000^(2i/d)), PE(pos, 2i+1) = cos(pos / 10000^(2i/d)), section 3.5.

    PE(pos + k) is PE(pos) with each pair (2i, 2i+1) turned by the angle k / 10000^(2i/d), whatever pos is: this is
    what lets attention learn relative positions.

    Args:
        positions: (n,) positions, counted from 0.
        d_model: d, an even number of features.

    Returns:
        (n, d) in float32, computed in float64.
    """
    exponents = torch.arange(0, d_model, 2, dtype=torch.float64, device=positions.device) / d_model  # (d/2,)
    angles = positions.double()[:, None] / 10000.0**exponents  # (n, d/2)
    return torch.stack((angles.sin(), angles.cos()), dim=2).flatten(1).float()  # (n, d/2, 2) → (n, d)


class SinusoidalPositions(nn.Module):
    """Adds the fixed encoding of section 3.5; any length, no parameters."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        self.d_model = d_model
        # A plain attribute: the table follows from d_model, so it is neither saved nor loaded.
        self._table = torch.empty(0, d_model)

    def forward(self, embedded: Tensor, start: int = 0) -> Tensor:
        """(b, n, d) → (b, n, d); the first position is number `start`."""
        end = start + embedded.shape[1]
        if len(self._table) < end or self._table.device != embedded.device or self._table.dtype != embedded.dtype:
            length = max(64, 2 * end)
            table = sinusoidal_encoding(torch.arange(length, device=embedded.device), self.d_model)
            self._table = table.to(embedded.dtype)
        return embedded + self._table[start:end]  # (b, n, d) + (n, d)


class LearnedPositions(nn.Module):
    """Adds a trained vector a position, as BERT (arXiv 1810.04805) and GPT-2 do; table 3 (E) found them as good.

    Args:
        max_positions: positions that have a vector.
        d_model: d.

    Raises:
        ModelError: a sequence that is longer than `max_positions`.
    """

    def __init__(self, max_positions: int, d_model: int) -> None:
        super().__init__()
        self.encoding = nn.Embedding(max_positions, d_model)

    def forward(self, embedded: Tensor, start: int = 0) -> Tensor:
        """(b, n, d) → (b, n, d); the first position is number `start`."""
        end, known = start + embedded.shape[1], self.encoding.num_embeddings
        if end > known:
            raise ModelError(
                f"alih-transformer: a sequence of {end} tokens, but its learned positions end at {known}: cut the text "
                f"(max_length={known}), or train with max_positions={end} or with sinusoidal positions"
            )
        return embedded + self.encoding(torch.arange(start, end, device=embedded.device))  # (b, n, d) + (n, d)


class Rotation(NamedTuple):
    """Cosine and sine by which queries and keys turn, each (n, e)."""

    cos: Tensor
    sin: Tensor


class RotaryPositions(nn.Module):
    """Makes the rotations of RoFormer (Su et al. 2021, arXiv 2104.09864, section 3.2), in Llama's layout.

    A query at position m and a key at position n meet in a score that depends on m − n alone.

    Args:
        d_head: e, an even number of features of a head.
        base: features i and i + e/2 turn by pos / base^(2i/e).
    """

    def __init__(self, d_head: int, base: float = 10000.0) -> None:
        super().__init__()
        self.d_head = d_head
        self.base = base

    def forward(self, hidden: Tensor, start: int = 0) -> Rotation:
        """(b, n, …) → rotations of positions `start` … `start` + n − 1, each (n, e)."""
        steps = torch.arange(0, self.d_head, 2, dtype=torch.float64, device=hidden.device) / self.d_head  # (e/2,)
        positions = torch.arange(start, start + hidden.shape[1], dtype=torch.float64, device=hidden.device)  # (n,)
        angles = (positions[:, None] / self.base**steps).repeat(1, 2)  # (n, e/2) → (n, e)
        return Rotation(angles.cos().to(hidden.dtype), angles.sin().to(hidden.dtype))


def rotate(heads: Tensor, rotation: Rotation) -> Tensor:
    """Turn the pairs (i, i + e/2) of every head, (b, h, n, e) → (b, h, n, e)."""
    first, second = heads.chunk(2, dim=-1)  # (b, h, n, e/2) each
    return heads * rotation.cos + torch.cat((-second, first), dim=-1) * rotation.sin
