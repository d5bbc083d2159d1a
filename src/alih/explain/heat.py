"""Matrices as small pictures: PNG with a palette, one pixel a number, to stand within a page."""

from __future__ import annotations

import base64
import struct
import zlib

import torch
from torch import Tensor

#: Steps of the palette: light to dark, or negative through nothing to positive.
_LEVELS = 32
_BLUE, _ORANGE = (0, 114, 178), (213, 94, 0)


def shares(weights: Tensor) -> str:
    """Weights from 0 to 1, (r, c), as a data URI: the darker, the larger; √ so that small ones can be seen."""
    levels = (weights.clamp(0, 1).sqrt() * _LEVELS).round().to(torch.uint8)
    return _png(levels, [(*_BLUE, round(255 * level / _LEVELS)) for level in range(_LEVELS + 1)])


def signed(values: Tensor) -> tuple[str, float]:
    """Numbers of both signs, (r, c), blue above zero and orange below; also gives the largest magnitude.

    −∞ is shown as the palette's grey, which no number has.
    """
    finite = values[values.isfinite()]
    limit = float(finite.abs().max()) if len(finite) else 0.0
    half = _LEVELS // 2
    scaled = (values.clamp(-limit, limit) / (limit or 1.0) * half).round() + half
    levels = scaled.masked_fill(~values.isfinite(), _LEVELS + 1).to(torch.uint8)
    palette = [
        (*(_BLUE if level >= half else _ORANGE), round(255 * abs(level - half) / half)) for level in range(_LEVELS + 1)
    ]
    return _png(levels, [*palette, (128, 128, 128, 70)]), limit


def _png(levels: Tensor, palette: list[tuple[int, int, int, int]]) -> str:
    """An indexed PNG (RFC 2083): one byte a pixel, colours and opacities in a table."""
    rows, columns = levels.shape
    lines = b"".join(b"\0" + bytes(row) for row in levels.tolist())
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)),
        (b"PLTE", bytes(part for colour in palette for part in colour[:3])),
        (b"tRNS", bytes(colour[3] for colour in palette)),
        (b"IDAT", zlib.compress(lines, 9)),
        (b"IEND", b""),
    )
    whole = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in parts
    )
    return f"data:image/png;base64,{base64.b64encode(whole).decode()}"
