"""Pictures: whether a file can be opened, what identifies its pixels, and how bytes become pixels.

Pictures of up to one megapixel are decoded once, so that every one is known to be readable and duplicates are found
by their pixels. Larger ones are checked by their structure, and compared by their file's bytes: decoding thousands of
photographs would take longer than finding out that one of them is broken.
"""

from __future__ import annotations

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from alih.data.content import remember

#: Pictures above this are refused: a file of a few kilobytes can claim to be gigabytes of pixels.
MAX_PIXELS = 100_000_000
#: Larger picture files are refused before they are read: twice what that many pixels take without compression.
MAX_FILE_BYTES = 6 * MAX_PIXELS
_DECODED = 1_000_000
#: Sides of what comes back of a picture of more than 16 million pixels: no encoder here looks closer.
_LARGE, LARGEST_SIDE = 16_000_000, 4096
SUFFIXES = frozenset(
    [".png", ".jpg", ".jpeg", ".jfif", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm"]
)


class PictureError(ValueError):
    """Why one picture cannot be used; turned into a `Damage` by the caller."""


def is_image_name(name: str) -> bool:
    """Say whether a file name ends as pictures do."""
    return Path(name).suffix.lower() in SUFFIXES


def check(path: Path) -> bytes:
    """Check that a picture file can be read, and return a digest that equal pictures share.

    Raises:
        PictureError: the file is missing, empty, not a picture, damaged, or too large.
    """
    if path.is_dir():
        raise PictureError("a folder, not a picture")
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


def load(path: Path) -> Image.Image:
    """Return a picture file as RGB; one of more than 16 million pixels scaled down to sides of at most 4,096.

    Raises:
        PictureError: missing, not a picture, damaged, or too large.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PictureError(f"cannot be opened ({error.strerror or error})") from error
    with _opened(data) as picture:
        return _scaled(picture)


def decode(data: bytes) -> NDArray[np.uint8]:
    """Return the pixels of an encoded picture, scaled as in `load`: uint8 (height, width, 3).

    Raises:
        PictureError: not a picture, damaged, or too large.
    """
    with _opened(data) as picture:
        return np.asarray(_scaled(picture))


def digest(pixels: NDArray[np.uint8]) -> bytes:
    """Return a digest of pixels and their shape."""
    return hashlib.blake2b(repr(pixels.shape).encode() + pixels.tobytes(), digest_size=16).digest()


def _check_bytes(data: bytes) -> bytes:
    with _opened(data) as picture:
        if picture.width * picture.height <= _DECODED:
            return digest(np.asarray(_loaded(picture).convert("RGB")))
        _check_structure(picture, data)
    return hashlib.blake2b(data, digest_size=16).digest()


def _check_structure(picture: Image.Image, data: bytes) -> None:
    # `verify` walks the chunks of a PNG, but sees nothing in other formats: a JPEG cut short lacks its end mark.
    if picture.format == "PNG":
        try:
            picture.verify()
        except Exception as error:  # PIL's decoders raise SyntaxError, OSError, struct.error, …
            raise PictureError(f"a damaged picture ({error})") from error
    elif picture.format != "JPEG" or b"\xff\xd9" not in data[-1024:]:
        _loaded(picture)


def _scaled(picture: Image.Image) -> Image.Image:
    if picture.width * picture.height > _LARGE:
        # A JPEG is decoded at an eighth, a quarter or a half of its size, so that it is never in memory as a whole.
        picture.draft("RGB", (LARGEST_SIDE, LARGEST_SIDE))
        _loaded(picture).thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return _loaded(picture).convert("RGB")


def _opened(data: bytes) -> Image.Image:
    if not data:
        raise PictureError("an empty file (0 bytes)")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(io.BytesIO(data))
    except UnidentifiedImageError as error:
        raise PictureError("not a picture that can be opened") from error
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
