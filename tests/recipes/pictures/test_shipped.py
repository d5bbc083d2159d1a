"""The weights that ship: what they are, what they reach, and that nobody changed them."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import AutoImageProcessor, AutoModelForImageClassification

from alih.vision.glyphs import CHARACTERS, HELD_OUT_FAMILIES
from alih.vision.pictures import Pictures, normalised
from alih.vision.registration import register
from recipes.pictures.card import write_card
from recipes.pictures.digits import digits_features, digits_pixels, digits_scores
from recipes.pictures.pretrain import build

WEIGHTS = Path(str(files("alih"))) / "pretrained" / "weights"
SHA256 = {
    "resnet-small": "fe4429e45b8da200527c84c0df79d569afa87b1db6be084e8b6db6d77bd6038d",
    "vgg-small": "651daa4beb1efa8af0b88948d3b1bbd04309c8a7f4a1a037b92fa15e9bb9850f",
}
NAMES = sorted(SHA256)


def opened(name: str) -> Any:
    register()
    return AutoModelForImageClassification.from_pretrained(WEIGHTS / name)


def figures(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((WEIGHTS / name / "pretraining.json").read_text(encoding="utf-8"))
    return found


def test_the_vision_weights_together_take_at_most_six_megabytes() -> None:
    assert sum(file.stat().st_size for name in NAMES for file in (WEIGHTS / name).iterdir()) <= 6e6


@pytest.mark.parametrize("name", NAMES)
def test_weights_are_the_ones_that_were_measured(name: str) -> None:
    assert hashlib.sha256((WEIGHTS / name / "model.safetensors").read_bytes()).hexdigest() == SHA256[name]


@pytest.mark.parametrize("name", NAMES)
def test_folder_holds_safetensors_alone_and_the_card_that_the_recipe_writes(name: str, tmp_path: Path) -> None:
    held = {file.name for file in (WEIGHTS / name).iterdir()}
    assert held == {"config.json", "model.safetensors", "preprocessor_config.json", "pretraining.json", "README.md"}
    write_card(tmp_path, figures(name))
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert card == (WEIGHTS / name / "README.md").read_text(encoding="utf-8")
    assert f"{figures(name)['accuracy_held_out_fonts']:.1%}" in card
    assert f"{figures(name)['digits']['pre-trained']['n=100']:.1%}" in card


@pytest.mark.parametrize("name", NAMES)
def test_parameters_are_finite_and_as_many_as_the_card_says(name: str) -> None:
    model = opened(name)
    assert sum(p.numel() for p in model.parameters()) == figures(name)["parameters"] <= 1_000_000
    assert all(torch.isfinite(tensor).all() for tensor in model.state_dict().values())
    assert list(model.config.id2label.values()) == list(CHARACTERS)


@pytest.mark.parametrize("name", NAMES)
def test_processor_and_recipe_normalise_alike(name: str) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    processor = AutoImageProcessor.from_pretrained(WEIGHTS / name, backend="pil")
    processed = processor(Image.fromarray(picture), return_tensors="pt")["pixel_values"]
    trained_on = normalised(torch.from_numpy(picture).permute(2, 0, 1)[None])
    torch.testing.assert_close(processed, trained_on, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_held_out_fonts_are_read_as_well_as_the_card_says(name: str) -> None:
    pytest.importorskip("matplotlib", reason="the fonts come with matplotlib")
    model, pictures = opened(name), Pictures(HELD_OUT_FAMILIES)
    # The first part of the card's own series; measured over all of it the figure is equal.
    drawn, labels = pictures.draw(-2, range(2000))
    with torch.no_grad():
        predicted = torch.cat([model(normalised(part)).logits.argmax(dim=1) for part in drawn.split(200)])
    accuracy = (predicted == labels).float().mean().item()
    assert accuracy == pytest.approx(figures(name)["accuracy_held_out_fonts"], abs=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_frozen_features_read_real_scans_better_than_random_weights_and_pixels(name: str) -> None:
    torch.manual_seed(0)
    random_weights = digits_scores(digits_features(build(name)))  # type: ignore[arg-type]
    pixels = digits_scores(digits_pixels())
    trained = digits_scores(digits_features(opened(name)))
    for size, accuracy in trained.items():
        assert accuracy == pytest.approx(figures(name)["digits"]["pre-trained"][size], abs=0.005)
        assert accuracy > random_weights[size]
        assert accuracy > pixels[size]
    assert trained["n=100"] > max(random_weights["n=100"], pixels["n=100"]) + 0.03
