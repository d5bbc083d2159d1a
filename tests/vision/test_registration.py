"""The Auto classes and the image processor, with PIL alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoConfig, AutoImageProcessor
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from alih.vision.configuration import AlihResNetConfig, AlihVggConfig
from alih.vision.registration import image_processor, register


def test_registering_twice_changes_nothing() -> None:
    register()
    register()
    assert isinstance(AutoConfig.for_model("alih-resnet"), AlihResNetConfig)
    assert isinstance(AutoConfig.for_model("alih-vgg"), AlihVggConfig)


@pytest.mark.parametrize("shortest_edge", [None, 40])
def test_saved_processor_reopens_as_the_pil_one_and_gives_the_same(tmp_path: Path, shortest_edge: int | None) -> None:
    register()
    processor = image_processor(32, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4), shortest_edge=shortest_edge)
    processor.save_pretrained(tmp_path)
    opened = AutoImageProcessor.from_pretrained(tmp_path, backend="pil")
    assert type(opened) is ViTImageProcessorPil
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (50, 70, 3), dtype=np.uint8))
    both = [p(picture, return_tensors="pt")["pixel_values"] for p in (processor, opened)]
    assert both[0].shape == (1, 3, 32, 32)
    assert torch.equal(*both)


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "CMYK"])
def test_pictures_of_any_mode_become_three_channels(mode: str) -> None:
    made = image_processor()(Image.new(mode, (20, 9)), return_tensors="pt")["pixel_values"]
    assert made.shape == (1, 3, 32, 32)


def test_normalisation_is_value_over_255_less_mean_over_deviation() -> None:
    grey = Image.new("RGB", (32, 32), (51, 102, 255))
    made = image_processor(32, (0.4, 0.5, 0.6), (0.2, 0.3, 0.4))(grey, return_tensors="pt")["pixel_values"]
    expected = torch.tensor([(0.2 - 0.4) / 0.2, (0.4 - 0.5) / 0.3, (1.0 - 0.6) / 0.4])
    torch.testing.assert_close(made[0, :, 5, 7], expected, atol=1e-6, rtol=1e-6)
