"""From pictures to a model's pixels, in groups that are small in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alih.data.examples import Input
from alih.data.images import load
from alih.errors import DataError

#: Most pictures, and most of their pixels, that are decoded before the processor scales them down.
_GROUP = 512
_GROUP_PIXELS = 32_000_000

Processor = Callable[..., Any]


def processed(processor: Processor, pairs: Sequence[tuple[Input, str]]) -> Iterator[NDArray[np.float32]]:
    """Decode and process pictures group by group: up to 512 thumbnails at a time, but only a few photographs.

    Args:
        processor: called with a list of RGB pictures, returns `pixel_values`.
        pairs: picture and origin.

    Yields:
        (group, channels, height, width), in order.

    Raises:
        DataError: a picture cannot be read; the message names its origin.
    """
    group: list[Image.Image] = []
    pixels = 0
    for place, (value, origin) in enumerate(pairs, start=1):
        group.append(_rgb(value, origin))
        pixels += group[-1].width * group[-1].height
        if pixels >= _GROUP_PIXELS or len(group) == _GROUP or place == len(pairs):
            made: Mapping[str, Any] = processor(images=group, return_tensors="np")
            yield np.ascontiguousarray(made["pixel_values"], dtype=np.float32)
            group, pixels = [], 0


def process(processor: Processor, pairs: Sequence[tuple[Input, str]]) -> NDArray[np.float32]:
    """Return all of `processed` as one array."""
    parts = list(processed(processor, pairs))
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def _rgb(value: Input, origin: str) -> Image.Image:
    try:
        if isinstance(value, Path):
            return load(value)
        return Image.fromarray(np.asarray(value, dtype=np.uint8)).convert("RGB")
    except (ValueError, TypeError) as error:
        raise DataError(
            f"{origin}: the picture cannot be read ({error}). Remove it, or save it again as PNG or JPEG."
        ) from error
