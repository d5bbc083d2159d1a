"""Augmented 32×32 pictures of glyphs, an unlimited supply: what the built-in vision models are pre-trained on.

The package draws them to measure what adapting made such a model forget (`alih.compare.forgetting`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from alih.vision.counter import near_normal, uniform
from alih.vision.glyphs import CHARACTERS, TRAINING_FAMILIES, distance_fields

SIDE = 32
"""Side of a picture in pixels."""

_KNOTS = 5  # control points a side of the elastic warp
_WARP = 2 * _KNOTS**2
_COLOURS = 18
_SCALARS = 24
# A low-resolution scan is imitated by shrinking to this side and enlarging again: (side, interpolation).
_SCANS = (
    (8, "bilinear"),
    (8, "bicubic"),
    (8, "nearest"),
    (12, "bilinear"),
    (16, "bicubic"),
    (20, "bilinear"),
)
_SCANNED = 0.6  # part of the pictures that is treated so


class Pictures:
    """Pictures of the 62 characters, each a function of (seed, index) alone.

    Font (or a blend of two), size, proportions, place, rotation, slant, stroke thickness, elastic warp, colours or
    greys, dark on light or light on dark, background gradient, blur, scan resolution and noise all vary.

    Args:
        families: font families to draw from, keys of `alih.vision.glyphs.FONTS`.
    """

    def __init__(self, families: Sequence[str] = TRAINING_FAMILIES) -> None:
        self.fields = distance_fields(families)  # (fonts, 62, FIELD, FIELD)
        self._spread = _spread()  # (SIDE, _KNOTS)

    def draw(self, seed: int, indices: Sequence[int] | NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """The pictures numbered `indices` of the endless series `seed`.

        Returns:
            pictures (n, 3, SIDE, SIDE) uint8 and class numbers (n,) int64.
        """
        numbered = np.asarray(indices, dtype=np.int64)
        draws = torch.from_numpy(uniform(seed, numbered, _SCALARS + _WARP + _COLOURS))
        chance, warp, colours = torch.split(draws, [_SCALARS, _WARP, _COLOURS], dim=1)
        labels = (chance[:, 0] * len(CHARACTERS)).long()
        ink = self._ink(labels, chance, warp)  # (n, SIDE, SIDE), 0…1
        scanned = _scanned(_coloured(ink, chance, colours), chance)  # (n, 3, SIDE, SIDE)
        noise = torch.from_numpy(near_normal(seed + 1, numbered, SIDE * SIDE)).view(-1, 1, SIDE, SIDE)
        level = _between(chance[:, 20], 0.0, 0.2) * _contrast(chance) * (chance[:, 21] < 0.5)
        noisy = scanned + level.view(-1, 1, 1, 1) * noise
        return (noisy * 255.0 + 0.5).clamp(0, 255).to(torch.uint8), labels

    def _ink(self, labels: Tensor, chance: Tensor, warp: Tensor) -> Tensor:
        """How much ink lies on each pixel, 0…1."""
        fonts = self.fields.shape[0]
        first, second = ((chance[:, i] * fonts).long() for i in (1, 2))
        blend = (_between(chance[:, 3], 0.0, 1.0) * (chance[:, 4] < 0.6)).view(-1, 1, 1)
        field = torch.lerp(self.fields[first, labels], self.fields[second, labels], blend)
        grid = self._grid(chance, warp)
        distance = F.grid_sample(field[:, None], grid, align_corners=False, padding_mode="border")[:, 0]
        thicker = _between(chance[:, 5], -0.018, 0.04).view(-1, 1, 1)
        edge = _between(chance[:, 6] ** 2, 0.03, 0.12).view(-1, 1, 1)  # width of the blurred outline
        return ((distance + thicker) / edge + 0.5).clamp(0, 1)

    def _grid(self, chance: Tensor, warp: Tensor) -> Tensor:
        """Where in the distance field each pixel looks: (n, SIDE, SIDE, 2), coordinates −1…1."""
        turn = _between(chance[:, 7], -1.0, 1.0) ** 3 * 0.6  # radians; mostly small
        slant = _between(chance[:, 8], -0.35, 0.35)
        size = _between(chance[:, 9] ** 0.6, 0.85, 1.42)  # 1.42: the glyph fills the picture
        narrow = torch.exp(_between(chance[:, 10], -0.3, 0.3))
        across, down = size * narrow.clamp(max=1), size / narrow.clamp(min=1)
        cos, sin = torch.cos(turn), torch.sin(turn)
        # Rows of the inverse map: picture coordinates to field coordinates.
        rows = torch.stack([(cos + slant * sin) / across, (sin - slant * cos) / across, -sin / down, cos / down], dim=1)
        free = (1.1 - 0.7 * size).clamp(min=0.04)  # room to move without leaving the picture
        place = torch.stack([_between(chance[:, 11], -1, 1) * free, _between(chance[:, 12], -1, 1) * free], dim=1)
        line = (torch.arange(SIDE) * 2.0 + 1.0) / SIDE - 1.0
        pixels = torch.stack(torch.meshgrid(line, line, indexing="xy"), dim=-1)  # (SIDE, SIDE, 2): x, y
        moved = pixels - place[:, None, None, :]
        grid = torch.einsum("nij,nhwj->nhwi", rows.view(-1, 2, 2), moved)
        strength = _between(chance[:, 13], 0.0, 0.24).view(-1, 1, 1, 1)
        knots = _between(warp, -1.0, 1.0).view(-1, 2, _KNOTS, _KNOTS)
        bent = torch.einsum("hk,ncki,wi->nhwc", self._spread, knots, self._spread)
        return grid + strength * bent


def normalised(pictures: Tensor) -> Tensor:
    """(n, 3, h, w) uint8 pictures as the image processor gives them: fp32, −1…1, channels last in memory."""
    return ((pictures.float() / 255.0 - 0.5) / 0.5).contiguous(memory_format=torch.channels_last)


def _coloured(ink: Tensor, chance: Tensor, colours: Tensor) -> Tensor:
    """(n, SIDE, SIDE) ink to (n, 3, SIDE, SIDE) pictures: paper with a gradient, ink of another brightness."""
    grey = (chance[:, 14] < 0.5).view(-1, 1)
    tint = torch.where(grey, 0.0, colours.view(-1, 6, 3)[:, :2].flatten(1) - 0.5)  # (n, 6)
    contrast = _contrast(chance)
    low = (1.0 - contrast) * chance[:, 16]
    light_on_dark = chance[:, 17] < 0.6
    ink_level = torch.where(light_on_dark, low + contrast, low)
    paper_level = torch.where(light_on_dark, low, low + contrast)
    soft = 0.6 * contrast.view(-1, 1)
    ink_colour = ink_level.view(-1, 1) + soft * tint[:, :3]
    paper_colour = paper_level.view(-1, 1) + soft * tint[:, 3:]
    line = torch.linspace(-0.5, 0.5, SIDE)
    slope = _between(colours[:, 6:8], -0.5, 0.5) * (contrast * (chance[:, 18] < 0.4)).view(-1, 1)
    gradient = slope[:, 0].view(-1, 1, 1) * line + slope[:, 1].view(-1, 1, 1) * line.view(-1, 1)
    paper = paper_colour[:, :, None, None] + gradient[:, None]
    return paper + ink[:, None] * (ink_colour[:, :, None, None] - paper)


def _scanned(pictures: Tensor, chance: Tensor) -> Tensor:
    """Some of the pictures shrunk and enlarged again, as a coarse scan would be."""
    choice = (chance[:, 19] / _SCANNED * len(_SCANS)).long()
    for number, (side, mode) in enumerate(_SCANS):
        rows = torch.nonzero(choice == number)[:, 0]
        if len(rows):
            small = F.interpolate(pictures[rows], size=(side, side), mode="area")
            smooth = None if mode == "nearest" else False
            pictures[rows] = F.interpolate(small, size=(SIDE, SIDE), mode=mode, align_corners=smooth)
    return pictures


def _contrast(chance: Tensor) -> Tensor:
    """Difference in brightness between ink and paper, 0…1."""
    return _between(chance[:, 15] ** 0.5, 0.3, 1.0)


def _between(chance: Tensor, low: float, high: float) -> Tensor:
    return low + (high - low) * chance


def _spread() -> Tensor:
    """(SIDE, _KNOTS) weights that make a smooth line of SIDE values from _KNOTS control values."""
    return F.interpolate(torch.eye(_KNOTS)[None], size=SIDE, mode="linear", align_corners=True)[0].T.contiguous()
