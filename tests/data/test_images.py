"""Pictures are known to be readable before anything is trained on them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from alih.data import images
from alih.data.images import FRAMES, LAID, LARGEST_SIDE, PictureError, check, decode, levels_of, load
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
    assert len(check(path).digest) == 16
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


#: A picture with nothing symmetric about it: light left half, a dark corner at the top left.
def upright() -> Image.Image:
    pixels = np.zeros((24, 40, 3), dtype=np.uint8)
    pixels[:, :20] = (200, 120, 40)
    pixels[:6, :8] = (10, 200, 90)
    return Image.fromarray(pixels)


def save(path: Path, picture: Image.Image, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, **options)
    return path


#: What a camera stores where it is held so; the file says how to turn it back.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("orientation", sorted(STORED))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "MPO", "AVIF"])
def test_orientation_is_applied_in_every_format_that_stores_it(tmp_path: Path, kind: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if kind == "WEBP" else {"quality": 100} if kind in ("JPEG", "MPO", "AVIF") else {}
    path = save(tmp_path / "p", upright().transpose(STORED[orientation]), format=kind, exif=exif, **options)
    shown = np.asarray(load(path)).astype(int)
    assert shown.shape == (24, 40, 3)
    assert np.abs(shown - np.asarray(upright()).astype(int)).mean() < 4
    if kind == "PNG":
        assert check(path).digest == check(save(tmp_path / "upright.png", upright())).digest


def test_deep_orientation_is_applied_too(tmp_path: Path) -> None:
    values = np.asarray(upright().convert("L")).astype(np.uint16) * 257
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(values)))
    shown = np.asarray(load(save(tmp_path / "p.png", stored, exif=exif)))[..., 0]
    np.testing.assert_array_equal(shown, values // 257)


def deep(kind: str) -> tuple[Image.Image, dict[str, Any]]:
    """A gradient of more than 8 bits, in one of the ways such pictures are stored, with how it is saved."""
    whole = np.linspace(0, 65535, 200).astype(np.uint16).reshape(10, 20)
    if kind == "float":
        return Image.fromarray((whole / 65535).astype(np.float32)), {"format": "TIFF"}
    if kind == "32-bit":
        return Image.fromarray(whole.astype(np.int32)), {"format": "TIFF"}
    if kind == "big-endian":
        return Image.frombytes("I;16B", (20, 10), whole.astype(">u2").tobytes()), {"format": "TIFF"}
    return Image.fromarray(whole), {"format": {"png": "PNG", "pgm": "PPM", "tiff": "TIFF"}[kind]}


@pytest.mark.parametrize("kind", ["png", "tiff", "pgm", "big-endian", "32-bit", "float"])
def test_values_of_more_than_eight_bits_are_scaled_not_clipped(tmp_path: Path, kind: str) -> None:
    picture, options = deep(kind)
    path = save(tmp_path / "p", picture, **options)
    expected = np.linspace(0, 255, 200).reshape(10, 20)
    np.testing.assert_allclose(np.asarray(load(path))[..., 0], expected, atol=1)
    assert check(path).span == pytest.approx((0, 1 if kind == "float" else 65535))


@pytest.mark.parametrize(
    ("spans", "levels"),
    [
        ([(0, 880), (3, 3509)], (0, 4095)),
        ([(0, 200)], (0, 255)),
        ([(15420, 46260)], (0, 65535)),
        ([(-1000, 3000)], (-1000, 3000)),
        ([(0.0, 0.7)], (0, 1)),
        ([(0, 10**6)], (0, 10**6)),
        ([], None),
    ],
)
def test_black_and_white_are_those_of_the_depth_that_holds_all_pictures(spans: Any, levels: Any) -> None:
    assert levels_of(spans) == levels


def test_a_white_is_zero_tiff_is_inverted(tmp_path: Path) -> None:
    values = np.full((8, 8), 65535, dtype=np.uint16)
    values[0] = 0
    path = save(tmp_path / "p.tif", Image.fromarray(values), tiffinfo={262: 0})
    shown = np.asarray(load(path))[..., 0]
    assert (shown[0] == 255).all()
    assert (shown[1:] == 0).all()


def icon(mode: str, colour: int = 0) -> Image.Image:
    """A square in a transparent picture whose colour below the transparency is the same: only alpha tells the shape."""
    alpha = np.zeros((20, 20), dtype=np.uint8)
    alpha[5:15, 5:15] = 255
    layer = np.dstack([np.full((20, 20, 3), colour, np.uint8), alpha])
    if mode == "LA":
        return Image.merge("LA", (Image.fromarray(layer[..., 0]), Image.fromarray(alpha)))
    if mode == "P":  # a palette whose entry 1 is transparent, both entries of one colour
        palette = Image.fromarray(np.where(alpha == 255, 0, 1).astype(np.uint8), "P")
        palette.putpalette([colour] * 6)
        palette.info["transparency"] = 1
        return palette
    return Image.fromarray(layer, "RGBA")


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF", "GIF"])
@pytest.mark.parametrize("mode", ["RGBA", "LA", "P"])
@pytest.mark.parametrize(("colour", "ground"), [(0, 255), (255, 0)])
def test_a_shape_in_the_alpha_channel_is_seen(tmp_path: Path, kind: str, mode: str, colour: int, ground: int) -> None:
    if (kind == "TIFF" and mode == "P") or (kind in ("WEBP", "GIF") and mode == "LA"):
        pytest.skip("not stored by this format")
    path = save(tmp_path / "p", icon(mode, colour), format=kind, **({"lossless": True} if kind == "WEBP" else {}))
    shown = np.asarray(load(path))[..., 0]
    assert (shown[6:14, 6:14] == colour).all()
    assert (shown[:4] == ground).all()
    assert LAID in check(path).remarks


def test_half_transparent_colours_are_mixed_with_white(tmp_path: Path) -> None:
    path = save(tmp_path / "p.png", Image.new("RGBA", (4, 4), (0, 0, 0, 128)))
    np.testing.assert_allclose(np.asarray(load(path)), 127, atol=1)


def test_palette_and_cmyk_keep_their_colours(tmp_path: Path) -> None:
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    for kind, mode in (("PNG", "P"), ("GIF", "P"), ("TIFF", "CMYK"), ("JPEG", "CMYK"), ("TIFF", "YCbCr")):
        shown = np.asarray(load(save(tmp_path / kind, red.convert(mode), format=kind)))
        np.testing.assert_allclose(shown.reshape(-1, 3).mean(axis=0), (255, 0, 0), atol=6, err_msg=f"{kind} {mode}")


def test_lab_is_converted(tmp_path: Path) -> None:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(Image.new("RGB", (8, 8), (200, 60, 30)), *profiles, outputMode="LAB")
    assert lab is not None
    shown = np.asarray(load(save(tmp_path / "p.tif", lab)))
    np.testing.assert_allclose(shown.reshape(-1, 3).mean(axis=0), (200, 60, 30), atol=4)


@pytest.mark.parametrize("kind", ["GIF", "TIFF", "PNG", "WEBP"])
def test_the_first_of_several_frames_is_taken_and_said(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), (shade, shade, shade)) for shade in (0, 128, 255)]
    path = save(tmp_path / "p", frames[0], format=kind, save_all=True, append_images=frames[1:])
    assert np.asarray(load(path)).max() < 8
    assert FRAMES in check(path).remarks


def test_heic_and_avif_are_read(tmp_path: Path) -> None:
    heif = pytest.importorskip("pillow_heif", reason="needs the extra alih[heic]")
    heif.register_heif_opener()
    for kind in ("HEIF", "AVIF"):
        path = save(tmp_path / f"p.{kind.lower()}", upright(), format=kind, quality=100)
        assert np.abs(np.asarray(load(path)).astype(int) - np.asarray(upright())).mean() < 4


def test_heic_without_the_extra_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "p.heic"
    path.write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    monkeypatch.setattr(images, "_formats", lambda: (["PNG", "JPEG"], False))
    with pytest.raises(PictureError, match=r"pip install 'alih\[heic\]'"):
        check(path)


@pytest.mark.parametrize("name", ["p.svg", "p.nef", "p.eps", "p.jxl"])
def test_files_with_a_pictures_ending_that_cannot_be_read_are_refused(tmp_path: Path, name: str) -> None:
    assert images.is_image_name(name)
    (tmp_path / name).write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n")
    with pytest.raises(PictureError):
        check(tmp_path / name)
