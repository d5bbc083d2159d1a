"""Pictures are known to be readable before anything is trained on them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alih.data import images
from alih.data.images import LARGEST_SIDE, PictureError, check, decode, load
from alih.data.inputs import located
from alih.errors import DataError

from .malformed import bomb


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


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_huge_picture_comes_back_scaled_down(tmp_path: Path, kind: str) -> None:
    gradient = np.linspace(0, 255, 6000, dtype=np.uint8)[None].repeat(3000, axis=0)
    Image.fromarray(gradient).save(tmp_path / "huge", kind)
    picture = load(tmp_path / "huge")
    assert max(picture.size) <= LARGEST_SIDE
    assert picture.width == 2 * picture.height
    middle = np.asarray(picture)[picture.height // 2, [0, picture.width // 2, -1], 0]
    np.testing.assert_allclose(middle, [0, 128, 255], atol=3)


def test_a_picture_of_usual_size_comes_back_as_it_is(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (300, 400, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    np.testing.assert_array_equal(np.asarray(load(tmp_path / "photo.png")), pixels)


def test_too_many_pixels_are_refused_with_their_number(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(bomb())
    for read in (check, load):
        with pytest.raises(PictureError, match=r"100 million.*scale it down"):
            read(tmp_path / "bomb.png")


def test_a_file_of_too_many_bytes_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "large.bmp").write_bytes(encoded("BMP"))
    monkeypatch.setattr(images, "MAX_FILE_BYTES", 1_000)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read"))
    with pytest.raises(PictureError, match=r"a file of .* MB, more than .*scale the picture down"):
        check(tmp_path / "large.bmp")
