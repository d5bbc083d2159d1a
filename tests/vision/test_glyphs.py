"""Distance fields against an exact transform elsewhere, and the fonts they are drawn from."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt

from alih.errors import OptionError
from alih.vision import glyphs
from alih.vision.glyphs import CHARACTERS, FIELD, FONTS, HELD_OUT_FAMILIES, TRAINING_FAMILIES, distance_fields

pytest.importorskip("matplotlib", reason="the fonts come with matplotlib")


def test_distances_equal_scipys_exact_transform() -> None:
    target = torch.from_numpy(np.random.default_rng(0).random((3, 40, 40)) < 0.05)
    for picture, distance in zip(target, glyphs._distance_to(target), strict=True):
        np.testing.assert_allclose(distance.numpy(), distance_transform_edt(~picture.numpy()), atol=1e-4)


def test_every_listed_font_holds_every_character() -> None:
    from matplotlib.ft2font import FT2Font

    for family in FONTS.values():
        for name in family:
            held = FT2Font(str(glyphs._font_folder() / f"{name}.ttf")).get_charmap()
            assert [c for c in CHARACTERS if ord(c) not in held] == [], name


def test_held_out_families_are_never_trained_on() -> None:
    assert set(TRAINING_FAMILIES) | set(HELD_OUT_FAMILIES) == set(FONTS)
    assert not set(TRAINING_FAMILIES) & set(HELD_OUT_FAMILIES)


def test_fields_are_positive_inside_the_glyph_and_negative_outside() -> None:
    fields = distance_fields(["Computer Modern Sans"])
    assert fields.shape == (1, 62, FIELD, FIELD)
    middle = FIELD // 2
    assert fields[0, CHARACTERS.index("l"), middle, middle] > 0  # a stem runs through the middle of l
    assert fields[0, CHARACTERS.index("O"), middle, middle] < 0  # O is open there
    assert (fields[0, :, 0, 0] < -0.1).all()  # every glyph leaves room around it


def test_glyphs_differ_from_one_another() -> None:
    # O and 0, I and l may share a shape in some fonts, not in this one.
    flat = distance_fields(["Computer Modern Typewriter"])[0].flatten(1)
    apart = torch.cdist(flat, flat) + 1e6 * torch.eye(62)
    assert apart.min() > 0.1


def test_unknown_families_are_named() -> None:
    with pytest.raises(OptionError, match="Comic"):
        distance_fields(["Comic"])


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(OptionError, match=r"alih\[notebook\]"):
        distance_fields(["Computer Modern Sans"])
