"""The glyph recipe: resumes exactly, writes a folder that opens, refuses what it cannot do."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoImageProcessor, AutoModelForImageClassification

from alih.errors import OptionError
from alih.progress import Progress
from alih.vision.pictures import Pictures
from alih.vision.registration import register
from recipes.pictures import pretrain
from recipes.pictures.pretrain import pretrain_glyphs

pytest.importorskip("matplotlib", reason="the fonts come with matplotlib")


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    """One font, few evaluation pictures, frequent checkpoints, no probe of the digits."""
    monkeypatch.setattr(pretrain, "TRAINING_FAMILIES", ("Computer Modern Sans",))
    monkeypatch.setattr(pretrain, "HELD_OUT_FAMILIES", ("Computer Modern Typewriter",))
    monkeypatch.setattr(pretrain, "_EVALUATION_PICTURES", 100)
    monkeypatch.setattr(pretrain, "_KEEP_EVERY", 2)
    monkeypatch.setattr(pretrain, "digits_features", lambda _: None)
    monkeypatch.setattr(pretrain, "digits_scores", lambda _: {"n=100": 0.5, "n=1297": 0.6})


def run(architecture: str, output: Path, **given: Any) -> dict[str, Any]:
    options: dict[str, Any] = {"steps": 6, "batch_size": 8, "progress": Progress(quiet=True)}
    return pretrain_glyphs(architecture, output, **(options | given))  # type: ignore[arg-type]


@pytest.mark.parametrize("architecture", ["resnet-small", "vgg-small"])
def test_cut_and_resumed_ends_with_the_weights_of_an_uncut_run(
    architecture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(architecture, tmp_path / "whole")
    drawn = Pictures.draw

    def cut(self: Pictures, seed: int, indices: Any) -> Any:
        if indices[0] == 5 * 8:
            raise KeyboardInterrupt
        return drawn(self, seed, indices)

    monkeypatch.setattr(Pictures, "draw", cut)
    with pytest.raises(KeyboardInterrupt):
        run(architecture, tmp_path / "cut")
    monkeypatch.setattr(Pictures, "draw", drawn)
    assert not (tmp_path / "cut" / "model.safetensors").exists()
    run(architecture, tmp_path / "cut")
    whole, resumed = (load_file(tmp_path / name / "model.safetensors") for name in ("whole", "cut"))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert not (tmp_path / "cut" / "checkpoint").exists()


def test_folder_opens_by_the_auto_classes_and_has_its_card(tmp_path: Path) -> None:
    register()
    figures = run("vgg-small", tmp_path)
    model = AutoModelForImageClassification.from_pretrained(tmp_path)
    assert model.config.id2label[10] == "A"
    assert AutoImageProcessor.from_pretrained(tmp_path, backend="pil").size["height"] == 32
    assert json.loads((tmp_path / "pretraining.json").read_text(encoding="utf-8")) == figures
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "license: apache-2.0" in card
    assert "python -m recipes vgg-small --seed 0" in card


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def cut(*_: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(pretrain, "_scores", cut)
    with pytest.raises(KeyboardInterrupt):
        run("vgg-small", tmp_path)
    with pytest.raises(OptionError, match="another recipe"):
        run("vgg-small", tmp_path, seed=1)


def test_another_seed_gives_other_weights(tmp_path: Path) -> None:
    run("vgg-small", tmp_path / "0", steps=1)
    run("vgg-small", tmp_path / "1", steps=1, seed=1)
    zero, one = (load_file(tmp_path / name / "model.safetensors") for name in "01")
    assert not torch.equal(zero["vgg.stem.conv.weight"], one["vgg.stem.conv.weight"])


def test_learning_rate_rises_to_its_peak_and_falls_to_nothing() -> None:
    rate = pretrain._one_cycle(0.2, 100)
    assert rate(0) == pytest.approx(0.2 / 15)
    assert rate(14) == pytest.approx(0.2)
    assert rate(15) == pytest.approx(0.2)
    assert rate(99) == pytest.approx(0.1 * (1 + math.cos(math.pi * 84 / 85)))


@pytest.mark.parametrize("given", [{"steps": 0}, {"batch_size": 1}])
def test_impossible_numbers_are_refused(tmp_path: Path, given: dict[str, int]) -> None:
    with pytest.raises(OptionError, match="at least"):
        run("vgg-small", tmp_path, **given)


def test_unknown_architecture_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="resnet-small, vgg-small"):
        run("alexnet", tmp_path)
