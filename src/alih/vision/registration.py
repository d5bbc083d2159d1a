"""Makes transformers' Auto classes know the ResNet and the VGG for small images."""

from __future__ import annotations

from collections.abc import Sequence

from transformers import (
    AutoConfig,
    AutoImageProcessor,
    AutoModel,
    AutoModelForImageClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from alih.vision.configuration import AlihResNetConfig, AlihVggConfig
from alih.vision.resnet import AlihResNetForImageClassification, AlihResNetModel
from alih.vision.vgg import AlihVggForImageClassification, AlihVggModel

_FAMILIES: tuple[tuple[type[PreTrainedConfig], type[PreTrainedModel], type[PreTrainedModel]], ...] = (
    (AlihResNetConfig, AlihResNetModel, AlihResNetForImageClassification),
    (AlihVggConfig, AlihVggModel, AlihVggForImageClassification),
)


def register() -> None:
    """Register both families with the Auto classes; calling it again changes nothing."""
    for config, base, classifier in _FAMILIES:
        AutoConfig.register(config.model_type, config, exist_ok=True)
        AutoModel.register(config, base, exist_ok=True)
        AutoModelForImageClassification.register(config, classifier, exist_ok=True)
        # Only PIL: torchvision has no build beside every torch, so it is never asked for.
        AutoImageProcessor.register(config, image_processor_classes={"pil": ViTImageProcessorPil}, exist_ok=True)


def image_processor(
    size: int = 32,
    mean: Sequence[float] = (0.5, 0.5, 0.5),
    std: Sequence[float] = (0.5, 0.5, 0.5),
    *,
    shortest_edge: int | None = None,
) -> ViTImageProcessorPil:
    """Pictures of any size and mode to normalised RGB tensors (b, 3, size, size), through PIL.

    Args:
        size: side in pixels of what comes out.
        mean: of each channel, of values scaled to 0…1.
        std: of each channel, likewise.
        shortest_edge: resize the shorter side to this and cut the middle out, as for ImageNet; None resizes both sides
            to `size`. Resizing is bilinear.
    """
    if shortest_edge is None:
        return ViTImageProcessorPil(
            do_convert_rgb=True, size={"height": size, "width": size}, image_mean=list(mean), image_std=list(std)
        )
    return ViTImageProcessorPil(
        do_convert_rgb=True,
        size={"shortest_edge": shortest_edge},
        do_center_crop=True,
        crop_size={"height": size, "width": size},
        image_mean=list(mean),
        image_std=list(std),
    )
