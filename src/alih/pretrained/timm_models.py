"""Models of the library timm, which transformers wraps: what their config.json says, and their image processor.

timm needs torchvision, which has no build beside every torch: the package is an extra. Pictures go through PIL all the
same; the processor below follows timm's evaluation transform (`timm.data.create_transform`): resize the shorter side to
size ÷ crop_pct, cut the middle out, normalise.
"""

from __future__ import annotations

import importlib.util
from typing import Any

from PIL import Image
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from alih.errors import ModelError
from alih.vision.convert import IMAGENET_MEAN, IMAGENET_STD
from alih.vision.registration import image_processor

TIMM = "timm_wrapper"


def with_model_type(config: dict[str, Any]) -> dict[str, Any]:
    """Return a config.json with the model type that transformers gives timm's own, which name no model type."""
    timms = "model_type" not in config and isinstance(config.get("architecture"), str) and "pretrained_cfg" in config
    return {**config, "model_type": TIMM} if timms else config


def refuse_without_timm(config: dict[str, Any], name: str) -> None:
    """Check that what wraps timm's models can be imported.

    Raises:
        ModelError: timm or torchvision is not installed.
    """
    lacking = [package for package in ("timm", "torchvision") if importlib.util.find_spec(package) is None]
    if config["model_type"] == TIMM and lacking:
        raise ModelError(
            f"{name}: a model of the library timm ({config.get('architecture')}), and {' and '.join(lacking)} "
            f"{'is' if len(lacking) == 1 else 'are'} not installed. Run: pip install 'alih[timm]' (torchvision must be "
            "the build for your torch: alih doctor says whether it is)."
        )


def timm_processor(config: dict[str, Any], name: str) -> ViTImageProcessorPil:
    """Make the image processor that a timm model was trained with, of what its config.json says.

    Raises:
        ModelError: a value there is malformed.
    """
    told = config.get("pretrained_cfg")
    told = told if isinstance(told, dict) else config
    try:
        _, height, width = told.get("input_size", (3, 224, 224))
        whole = told.get("crop_mode", "center") == "squash" or height != width
        processor = image_processor(
            int(height),
            [float(value) for value in told.get("mean", IMAGENET_MEAN)],
            [float(value) for value in told.get("std", IMAGENET_STD)],
            shortest_edge=None if whole else int(height / float(told.get("crop_pct", 0.875))),
        )
        way = Image.Resampling[str(told.get("interpolation", "bicubic")).upper()]
    except (TypeError, ValueError, KeyError, ZeroDivisionError) as error:
        raise ModelError(
            f"{name}: pretrained_cfg in its config.json says nothing usable about pictures ({error}). Copy it again."
        ) from error
    if height != width:
        processor.size = {"height": int(height), "width": int(width)}
    processor.resample = way
    return processor
