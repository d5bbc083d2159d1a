"""Pictures as a viewer shows them: one way from a file's bytes to RGB, for checking, loading and decoding.

Orientation is applied, transparency laid on a background, palettes, CMYK and Lab converted, and values of more than 8
bits scaled to 0…255. Of several frames or pages the first is taken.

Pictures of up to one megapixel are decoded once, so that every one is known to be readable and duplicates are found
by their pixels. Larger ones are checked by their structure, and compared by their file's bytes: decoding thousands of
photographs would take longer than finding out that one of them is broken.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, UnidentifiedImageError

from alih.data.content import remember

#: Pictures above this are refused: a file of a few kilobytes can claim to be gigabytes of pixels.
MAX_PIXELS = 100_000_000
#: Larger picture files are refused before they are read: twice what that many pixels take without compression.
MAX_FILE_BYTES = 6 * MAX_PIXELS
_DECODED = 1_000_000
#: Sides of what comes back of a picture of more than 16 million pixels: no encoder here looks closer.
_LARGE, LARGEST_SIDE = 16_000_000, 4096
_READABLE = (
    ".png .apng .jpg .jpeg .jpe .jfif .mpo .gif .bmp .dib .webp .tif .tiff .ppm .pgm .pbm .pnm .pfm .tga .ico .icns "
    ".jp2 .j2k .jpx .pcx .psd .dds .sgi .avif .avifs .heic .heics .heif .heifs .hif"
)
#: What cameras write before any development, whose preview would be taken for the picture.
_RAW = frozenset((".dng", ".cr2", ".cr3", ".nef", ".arw", ".orf", ".rw2", ".raf", ".pef", ".srw"))
#: Endings of pictures: a file that ends so and cannot be read is counted, never passed over.
SUFFIXES = frozenset(_READABLE.split()) | _RAW | {".svg", ".jxl", ".eps", ".ai", ".xcf", ".exr", ".hdr", ".dcm", ".wmf"}
#: Formats that Pillow hands to other programs, or that are no pictures of pixels.
_REFUSED = frozenset(("EPS", "WMF", "PDF", "FPX", "MIC", "MPEG", "GRIB", "HDF5", "BUFR"))
_HEIF = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif", b"avis")
_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
#: TIFF's tag for what 0 means, and its value for white.
_PHOTOMETRIC, _WHITE_IS_ZERO = 262, 0
#: The largest value of common depths: 8, 10, 12, 14 and 16 bits.
_CEILINGS = (255, 1023, 4095, 16383, 65535)

#: What was done so that a picture is what a viewer shows, as it is said of several pictures.
UPRIGHT = "turned upright, as the file says"
LAID = "with transparent parts, laid on a background"
FRAMES = "of several frames or pages: the first is taken"


@dataclass(frozen=True)
class Checked:
    """What is known of a picture that can be read.

    Args:
        digest: equal pictures share it.
        remarks: what is done so that it is what a viewer shows.
        span: its smallest and largest value, where they have more than 8 bits; else None.
    """

    digest: bytes
    remarks: tuple[str, ...] = ()
    span: tuple[float, float] | None = None


class PictureError(ValueError):
    """Why one picture cannot be used; turned into a `Damage` by the caller."""


def is_image_name(name: str) -> bool:
    """Say whether a file name ends as pictures do."""
    return Path(name).suffix.lower() in SUFFIXES


def check(path: Path) -> Checked:
    """Check that a picture file can be read.

    Raises:
        PictureError: the file is missing, empty, not a picture, damaged, or too large.
    """
    if path.is_dir():
        raise PictureError("a folder, not a picture")
    if path.suffix.lower() in _RAW:
        raise PictureError("a camera's raw file, which is not read; export it as JPEG or PNG")
    try:
        nbytes = path.stat().st_size
        data = path.read_bytes() if nbytes <= MAX_FILE_BYTES else b""
    except FileNotFoundError as error:
        raise PictureError("no such file") from error
    except OSError as error:
        raise PictureError(f"cannot be opened ({error.strerror or error})") from error
    except ValueError as error:
        raise PictureError("not a file name") from error
    if nbytes > MAX_FILE_BYTES:
        raise PictureError(
            f"a file of {nbytes / 1e6:,.0f} MB, more than {MAX_FILE_BYTES // 1_000_000:,}; scale the picture down"
        )
    remember(path, data)
    return _check_bytes(data)


def load(path: Path, levels: tuple[float, float] | None = None) -> Image.Image:
    """Return a picture file as RGB; one of more than 16 million pixels scaled down to sides of at most 4,096.

    Args:
        path: the file.
        levels: the values that are black and white, where it has more than 8 bits; by default those of its own range.

    Raises:
        PictureError: missing, not a picture, damaged, or too large.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(f"cannot be opened ({error.strerror or error})") from error
    with _opened(data) as picture:
        return _scaled(picture, levels)


def decode(data: bytes) -> NDArray[np.uint8]:
    """Return the pixels of an encoded picture, scaled as in `load`: uint8 (height, width, 3).

    Raises:
        PictureError: not a picture, damaged, or too large.
    """
    with _opened(data) as picture:
        return np.asarray(_scaled(picture, None))


def is_deep(path: Path) -> bool:
    """Whether a picture file has values of more than 8 bits; False where it cannot be read."""
    try:
        with path.open("rb") as file, Image.open(file, formats=_formats()[0]) as picture:
            return _is_deep(picture)
    except Exception:  # as in `_opened`; whoever loads it is told
        return False


def digest(pixels: NDArray[np.generic]) -> bytes:
    """Return a digest of pixels and their shape."""
    return hashlib.blake2b(repr(pixels.shape).encode() + pixels.tobytes(), digest_size=16).digest()


def levels_of(spans: Iterable[tuple[float, float]]) -> tuple[float, float] | None:
    """Return the values that are black and white in pictures of more than 8 bits, together; None where there are none.

    Black is 0, or the smallest value where there are negative ones. White is the largest value that 8, 10, 12, 14 or
    16 bits hold, whichever is enough for all pictures, 1 where all are fractions of it, or else the largest value. All
    pictures of a dataset share them: how bright one is beside another may be what tells classes apart.
    """
    found = list(spans)
    if not found:
        return None
    low, high = min(0.0, *(span[0] for span in found)), max(span[1] for span in found)
    if low < 0:
        return low, max(high, low + 1)
    if high <= 1:
        return 0.0, 1.0
    return 0.0, float(next((ceiling for ceiling in _CEILINGS if high <= ceiling), high))


def _check_bytes(data: bytes) -> Checked:
    with _opened(data) as picture:
        # Photographs of many pixels are not decoded, except deep ones, whose range has to be known.
        if picture.width * picture.height > _DECODED and not _is_deep(picture):
            _check_structure(picture, data)
            return Checked(hashlib.blake2b(data, digest_size=16).digest(), _remarks(picture))
        loaded = _loaded(picture)
        remarks = _remarks(loaded)
        if _is_deep(loaded):
            values = _values(loaded)
            return Checked(digest(values), remarks, (float(values.min()), float(values.max())))
        return Checked(digest(np.asarray(_rgb(loaded, None))), remarks)


def _remarks(picture: Image.Image) -> tuple[str, ...]:
    found = []
    if _orientation(picture) in _TURNS:
        found.append(UPRIGHT)
    if picture.has_transparency_data:
        found.append(LAID)
    if getattr(picture, "n_frames", 1) > 1 and picture.format != "MPO":  # beside its photograph, that holds previews
        found.append(FRAMES)
    return tuple(found)


def _check_structure(picture: Image.Image, data: bytes) -> None:
    # `verify` walks the chunks of a PNG, but sees nothing in other formats: a JPEG cut short lacks its end mark.
    if picture.format == "PNG":
        try:
            with Image.open(io.BytesIO(data), formats=["PNG"]) as again:  # what was verified cannot be read any more
                again.verify()
        except Exception as error:  # PIL's decoders raise SyntaxError, OSError, struct.error, …
            raise PictureError(f"a damaged picture ({error})") from error
    elif picture.format not in ("JPEG", "MPO") or b"\xff\xd9" not in data[-1024:]:
        _loaded(picture)


def _scaled(picture: Image.Image, levels: tuple[float, float] | None) -> Image.Image:
    if picture.width * picture.height > _LARGE:
        # A JPEG is decoded at an eighth, a quarter or a half of its size, so that it is never in memory as a whole.
        picture.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
    found = _rgb(_loaded(picture), levels)
    if found.width * found.height > _LARGE:
        found.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return found


def _rgb(picture: Image.Image, levels: tuple[float, float] | None) -> Image.Image:
    """Return a loaded picture as a viewer shows it."""
    try:
        if _is_deep(picture):
            values = _values(picture)
            black, white = levels or levels_of([(float(values.min()), float(values.max()))]) or (0.0, 255.0)
            shown = np.clip((values - black) * (255 / (white - black)), 0, 255)
            found = Image.fromarray(np.rint(shown).astype(np.uint8)).convert("RGB")
        elif picture.has_transparency_data:
            found = _laid(picture)
        elif picture.mode == "CMYK" and picture.info.get("icc_profile"):
            found = _by_profile(picture)
        elif picture.mode == "LAB":
            found = ImageCms.applyTransform(picture, _from_lab()) or picture
        else:
            found = picture.convert("RGB")
    except (ValueError, OSError, ImageCms.PyCMSError) as error:
        raise PictureError(f"colours that cannot be read ({error})") from error
    turn = _TURNS.get(_orientation(picture))
    return found if turn is None else found.transpose(turn)


def _orientation(picture: Image.Image) -> int:
    try:
        return int(picture.getexif().get(_ORIENTATION, 1))
    except Exception:  # damaged Exif data, which viewers pass over, too
        return 1


def _is_deep(picture: Image.Image) -> bool:
    return picture.mode in ("I", "F") or picture.mode.startswith("I;16")


def _values(picture: Image.Image) -> NDArray[np.float32]:
    """Return the values of a picture of one channel of more than 8 bits: float32 (height, width), all finite."""
    values = np.nan_to_num(np.asarray(picture).astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    tags = getattr(picture, "tag_v2", None) or {}
    if tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO and values.size:
        largest = float(next((ceiling for ceiling in _CEILINGS if values.max() <= ceiling), values.max()))
        return np.asarray(largest - values, dtype=np.float32)
    return values


def _laid(picture: Image.Image) -> Image.Image:
    """Return a picture with transparent parts on white, or on black where what is to be seen is itself white."""
    whole = {"La": "LA", "RGBa": "RGBA"}.get(picture.mode)
    layer = (picture.convert(whole) if whole else picture).convert("RGBA")
    alpha = np.asarray(layer.getchannel("A"), dtype=np.float32)
    light = np.asarray(layer.convert("L"), dtype=np.float32)
    seen = alpha.sum()
    bright = float((light * alpha).sum() / seen) if seen and alpha.min() < 128 else 0.0
    ground = Image.new("RGBA", layer.size, "black" if bright > _NEARLY_WHITE else "white")
    return Image.alpha_composite(ground, layer).convert("RGB")


#: Mean brightness, of 255, above which a shape would be lost on white.
_NEARLY_WHITE = 235


def _by_profile(picture: Image.Image) -> Image.Image:
    """Return a CMYK picture by its own colour profile, or as Pillow converts it where the profile is unusable."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(picture.info["icc_profile"]))
        found = ImageCms.profileToProfile(picture, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture.convert("RGB")
    return found or picture.convert("RGB")


@cache
def _from_lab() -> ImageCms.ImageCmsTransform:
    return ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")


@cache
def _formats() -> tuple[list[str], bool]:
    """The formats that are read, and whether HEIC is among them (the extra `heic`)."""
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        has_heif = False
    else:
        register_heif_opener()
        has_heif = True
    Image.init()
    return [name for name in Image.ID if name not in _REFUSED], has_heif


def _opened(data: bytes) -> Image.Image:
    if not data:
        raise PictureError("an empty file (0 bytes)")
    formats, has_heif = _formats()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(data), formats=formats)
    except UnidentifiedImageError as error:
        if data[4:8] == b"ftyp" and data[8:12] in _HEIF and not has_heif:
            raise PictureError("a HEIC picture; to read these: pip install 'alih[heic]'") from error
        raise PictureError("not a picture that can be opened; save it as PNG or JPEG") from error
    except Image.DecompressionBombError as error:
        raise PictureError(f"more than {MAX_PIXELS // 1_000_000} million pixels; scale it down") from error
    except Exception as error:  # PIL's decoders raise SyntaxError, OSError, struct.error, … on damaged files
        raise PictureError(f"a damaged picture ({error})") from error
    if picture.width * picture.height > MAX_PIXELS:
        raise PictureError(
            f"{picture.width:,} × {picture.height:,} pixels, more than {MAX_PIXELS // 1_000_000} million; scale it down"
        )
    return picture


def _loaded(picture: Image.Image) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture.load()
    except Exception as error:  # as in `_opened`
        raise PictureError(f"a damaged picture ({error})") from error
    return picture
