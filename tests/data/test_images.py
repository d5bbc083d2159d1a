"""Pictures are known to be readable before anything is trained on them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alih.data.images import PictureError, check, decode
from alih.data.inputs import located
from alih.errors import DataError


def encoded(kind: str, side: int = 40) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "GIF", "WEBP", "TIFF"])
@pytest.mark.parametrize("side", [40, 1100])
def test_whole_pictures_pass_and_cut_ones_do_not(tmp_path: Path, kind: str, side: int) -> None:
    data = encoded(kind, side)
    path = tmp_path / "picture"
    path.write_bytes(data)
    assert len(check(path)) == 16
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(PictureError):
        check(path)


def test_decoding_gives_rgb_whatever_the_mode() -> None:
    for mode in ("1", "L", "P", "RGBA", "CMYK"):
        buffer = io.BytesIO()
        Image.new(mode, (3, 2)).save(buffer, "TIFF")
        pixels = decode(buffer.getvalue())
        assert pixels.shape == (2, 3, 3)
        assert pixels.dtype == np.uint8


def test_relative_paths_stay_inside_the_tables_folder(tmp_path: Path) -> None:
    assert located("a/../b.png", "t.csv, row 2", tmp_path) == tmp_path / "a/../b.png"
    assert located("/elsewhere/b.png", "t.csv, row 2", tmp_path) == Path("/elsewhere/b.png")
    assert located("a\\b.png", "t.csv, row 2", tmp_path) == tmp_path / "a/b.png"
    for name in ("../b.png", "a/../../b.png", "..\\b.png"):
        with pytest.raises(DataError, match=r"t\.csv, row 2"):
            located(name, "t.csv, row 2", tmp_path)
