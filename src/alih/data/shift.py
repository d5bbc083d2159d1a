"""A shifted copy of examples: the same labels, from the same inputs as a careless hand or camera would give them.

All kinds of shift together make the usual copy; one kind alone shows what a model is sensitive to.

Each example draws from a seed of its own (the given seed and a digest of the input), so that neither the order of the
examples nor which others are there changes what happens to it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from alih.data.examples import Examples, Input
from alih.data.images import PictureError, load
from alih.data.spill import spill
from alih.errors import DataError
from alih.progress import Progress
from alih.task import Modality, Task

_ROWS: Final = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
#: Shares of the words that are misspelt, and left out.
_TYPO: Final = 0.15
_DROP: Final = 0.08
#: Larger pictures come back scaled down to this side: no encoder here looks closer.
_LARGEST_SIDE: Final = 512
#: Kinds of shift, by what is shifted.
KINDS: Final[dict[Modality, tuple[str, ...]]] = {
    Modality.TEXT: ("typing mistakes", "lost words", "letter case"),
    Modality.IMAGE: ("rotation", "blur", "contrast", "noise"),
}
#: Most bytes of shifted pictures kept in memory; beyond it all of them are files in the temporary folder.
IN_MEMORY: Final = 1 << 28


def shifted(
    examples: Examples,
    task: Task,
    seed: int,
    progress: Progress | None = None,
    kinds: Collection[str] | None = None,
) -> Examples:
    """Return a shifted copy with the same labels, origins and groups.

    Texts get spelling mistakes (neighbouring keys, swapped, lost and doubled letters) in about 15 % of their words,
    lose about 8 % of them, and one in four is all small letters or capitals. Pictures are blurred, turned by up to 12
    degrees, changed in contrast and brightness, and made noisy; they come back as uint8 pixels with sides of at most
    512, or as files in the temporary folder where all pixels together take more than 256 MB.

    Args:
        examples: what to copy.
        task: texts or pictures.
        seed: of the shifts.
        progress: where to report.
        kinds: of `KINDS`; None = all of them at once. The letter case alone changes every text.

    Raises:
        DataError: a picture can no longer be read, or there is no room for the files.
    """
    kinds = KINDS[task.modality] if kinds is None else kinds
    found: list[Input] = []
    nbytes = 0
    with (progress or Progress(quiet=True)).step("Making a shifted copy", len(examples), "example") as advance:
        for value, origin in zip(examples.inputs, examples.origins, strict=True):
            made = _shift(value, origin, seed, kinds)
            before, nbytes = nbytes, nbytes + (made.nbytes if isinstance(made, np.ndarray) else 0)
            if before <= IN_MEMORY < nbytes:
                found = [_on_disk(earlier, where) for earlier, where in zip(found, examples.origins, strict=False)]
            found.append(_on_disk(made, origin) if nbytes > IN_MEMORY else made)
            advance(1)
    return replace(examples, inputs=found)


def _on_disk(value: Input, origin: str) -> Input:
    if not isinstance(value, np.ndarray):
        return value
    buffer = io.BytesIO()
    Image.fromarray(value).save(buffer, "PNG", compress_level=1)
    return spill(buffer.getvalue(), origin)


def _shift(value: Input, origin: str, seed: int, kinds: Collection[str]) -> Input:
    if isinstance(value, str):
        return shift_text(value, _generator(value.encode(), seed), kinds)
    if isinstance(value, tuple):
        rng = _generator("\0".join(value).encode(), seed)
        return shift_text(value[0], rng, kinds), shift_text(value[1], rng, kinds)
    if isinstance(value, Path):
        try:
            value = np.asarray(load(value))
        except PictureError as error:
            raise DataError(
                f"{origin}: cannot be read any more ({error}). Put the picture back, or start again."
            ) from error
    return shift_picture(value, _generator(value.tobytes(), seed), kinds)


def _generator(content: bytes, seed: int) -> np.random.Generator:
    digest = hashlib.blake2b(content, digest_size=8).digest()
    return np.random.default_rng([seed % 2**63, int.from_bytes(digest, "little")])


def shift_text(text: str, rng: np.random.Generator, kinds: Collection[str] = KINDS[Modality.TEXT]) -> str:
    """Return a text with typing mistakes, lost words and another letter case; never empty if the text is not."""
    out = text
    if "lost words" in kinds:
        words = out.split(" ")
        kept = [word for word in words if not word.strip() or rng.random() >= _DROP]
        out = " ".join(kept if any(word.strip() for word in kept) else words)
    if "typing mistakes" in kinds:
        out = " ".join(
            _misspell(word, rng) if len(word) > 2 and rng.random() < _TYPO else word for word in out.split(" ")
        )
    if "letter case" in kinds:
        chance = rng.random() * (0.25 if len(kinds) == 1 else 1.0)
        out = out.lower() if chance < 0.15 else out.upper() if chance < 0.25 else out
    return out


def _misspell(word: str, rng: np.random.Generator) -> str:
    place = int(rng.integers(len(word)))
    letter = word[place]
    way = int(rng.integers(4))
    if way == 0:
        return word[:place] + _neighbour(letter, rng) + word[place + 1 :]
    if way == 1 and place + 1 < len(word):
        return word[:place] + word[place + 1] + letter + word[place + 2 :]
    if way == 2:
        return word[:place] + letter + word[place:]
    return word[:place] + word[place + 1 :]


def _neighbour(letter: str, rng: np.random.Generator) -> str:
    for row in _ROWS:
        place = row.find(letter.lower())
        if place >= 0:
            beside = [row[near] for near in (place - 1, place + 1) if 0 <= near < len(row)]
            chosen = beside[int(rng.integers(len(beside)))]
            return chosen.upper() if letter.isupper() else chosen
    return letter


def shift_picture(
    pixels: NDArray[np.uint8], rng: np.random.Generator, kinds: Collection[str] = KINDS[Modality.IMAGE]
) -> NDArray[np.uint8]:
    """Return a picture of the same shape (at most 512 a side) that is turned, blurred, noisy and of other contrast.

    Args:
        pixels: uint8, (height, width) or (height, width, 3).
        rng: decides how much of each.
        kinds: which of them; the brightness goes with the contrast.
    """
    picture = Image.fromarray(pixels)
    picture.thumbnail((_LARGEST_SIDE, _LARGEST_SIDE))
    angle, blur = rng.uniform(-12, 12), rng.uniform(0.2, 1.0)
    contrast, brightness, noise = rng.uniform(0.5, 1.3), rng.uniform(0.8, 1.2), rng.uniform(4, 16)
    steps: list[tuple[str, Callable[[Image.Image], Image.Image]]] = [
        ("rotation", lambda image: image.rotate(angle, Image.Resampling.BILINEAR, fillcolor=_border(image))),
        # As strong for a large picture as for one of 32 × 32.
        ("blur", lambda image: image.filter(ImageFilter.GaussianBlur(blur * max(min(image.size) / 32, 0.5)))),
        ("contrast", lambda image: ImageEnhance.Contrast(image).enhance(contrast)),
        ("contrast", lambda image: ImageEnhance.Brightness(image).enhance(brightness)),
    ]
    for kind, step in steps:
        if kind in kinds:
            picture = step(picture)
    out = np.asarray(picture, dtype=np.float32)
    if "noise" not in kinds:
        return out.astype(np.uint8)
    return np.clip(np.rint(out + rng.normal(0.0, noise, out.shape)), 0, 255).astype(np.uint8)


def _border(image: Image.Image) -> int | tuple[int, ...]:
    """Return the median colour of a picture's edge, which the corners that turning uncovers are filled with."""
    pixels = np.asarray(image)
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    median = np.median(edge, axis=0)
    return int(median) if median.ndim == 0 else tuple(int(value) for value in median)
