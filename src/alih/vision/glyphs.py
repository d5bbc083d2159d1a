"""Characters of many fonts as distance fields: the shapes from which pictures for pre-training are drawn.

A signed distance field holds, at every point of the box around a glyph, how far the outline is (positive inside). From
it a glyph of any size, slant, stroke thickness and blur costs one interpolation, and two fonts blend into a third.
"""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F

from alih.errors import OptionError

CHARACTERS = string.digits + string.ascii_uppercase + string.ascii_lowercase
"""The 62 classes, in the order of their class numbers."""

# Text fonts in matplotlib's package that hold all 62 characters; its symbol and mathematics fonts do not.
FONTS: dict[str, tuple[str, ...]] = {
    "DejaVu Sans": ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSans-Oblique", "DejaVuSans-BoldOblique"),
    "DejaVu Sans Mono": (
        "DejaVuSansMono",
        "DejaVuSansMono-Bold",
        "DejaVuSansMono-Oblique",
        "DejaVuSansMono-BoldOblique",
    ),
    "DejaVu Serif": ("DejaVuSerif", "DejaVuSerif-Bold", "DejaVuSerif-Italic", "DejaVuSerif-BoldItalic"),
    "STIX": ("STIXGeneral", "STIXGeneralBol", "STIXGeneralItalic", "STIXGeneralBolIta"),
    "Computer Modern Roman": ("cmr10", "cmb10", "cmti10"),
    "Computer Modern Sans": ("cmss10",),
    "Computer Modern Typewriter": ("cmtt10",),
}
HELD_OUT_FAMILIES = ("Computer Modern Sans", "Computer Modern Typewriter")
"""Never trained on: they measure whether shapes were learnt, or fonts."""

TRAINING_FAMILIES = tuple(family for family in FONTS if family not in HELD_OUT_FAMILIES)

FIELD = 48
"""Side of a distance field in points."""

_DRAWN = 2 * FIELD  # side of the picture that a field is measured on
_FILLED = 0.7  # part of that side that the longer side of the glyph fills; the rest is room for thicker strokes


def distance_fields(families: Sequence[str] = TRAINING_FAMILIES) -> Tensor:
    """Signed distance fields of every character in every font of the families.

    Args:
        families: keys of `FONTS`.

    Returns:
        (fonts, 62, FIELD, FIELD) fp32: distance to the outline as a part of the field's side, positive inside.

    Raises:
        OptionError: matplotlib, which brings the fonts, is not installed, or a family is unknown.
    """
    unknown = [family for family in families if family not in FONTS]
    if unknown or not families:
        raise OptionError(f"font families {unknown or 'none'}: choose from {', '.join(FONTS)}")
    folder = _font_folder()
    files = [folder / f"{name}.ttf" for family in families for name in FONTS[family]]
    return torch.stack([_font_fields(file) for file in files])


def _font_folder() -> Path:
    try:
        from matplotlib import get_data_path
    except ImportError as error:
        raise OptionError(
            "characters are drawn with the fonts in matplotlib, which is not installed: pip install 'alih[notebook]'"
        ) from error
    return Path(get_data_path()) / "fonts" / "ttf"


@cache
def _font_fields(file: Path) -> Tensor:
    font = ImageFont.truetype(str(file), size=4 * _DRAWN)
    drawn = np.stack([_drawn(font, character) for character in CHARACTERS])
    inside = torch.from_numpy(drawn >= 128)  # (62, _DRAWN, _DRAWN)
    # Pixel centres lie half a pixel from the outline between two of them, on both sides of it.
    distance = (_distance_to(~inside) - 0.5).relu() - (_distance_to(inside) - 0.5).relu()
    return F.avg_pool2d(distance[:, None] / _DRAWN, 2)[:, 0]


def _drawn(font: ImageFont.FreeTypeFont, character: str) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The character, centred, its longer side filling `_FILLED` of a _DRAWN × _DRAWN picture."""
    left, top, right, bottom = font.getbbox(character)
    width, height = round(right - left), round(bottom - top)
    large = Image.new("L", (width, height))
    ImageDraw.Draw(large).text((-left, -top), character, fill=255, font=font)
    scale = _FILLED * _DRAWN / max(width, height)
    small = large.resize((max(1, round(width * scale)), max(1, round(height * scale))), Image.Resampling.BOX)
    picture = Image.new("L", (_DRAWN, _DRAWN))
    picture.paste(small, ((_DRAWN - small.width) // 2, (_DRAWN - small.height) // 2))
    return np.asarray(picture)


def _distance_to(target: Tensor) -> Tensor:
    """Exact Euclidean distance in pixels from every pixel of (n, s, s) to the nearest one where `target` is true.

    Separable lower envelopes of parabolas (Felzenszwalb and Huttenlocher 2012, "Distance transforms of sampled
    functions", section 3), by brute force: the pictures are small.
    """
    side = target.shape[-1]
    steps = torch.arange(side, dtype=torch.float32)
    parabolas = (steps[:, None] - steps[None, :]) ** 2
    distances = []
    for picture in target:
        squared = torch.where(picture, 0.0, 4.0 * side**2)
        for _ in range(2):
            squared = (squared[:, None, :] + parabolas).amin(dim=2).T
        distances.append(squared.sqrt())
    return torch.stack(distances)
