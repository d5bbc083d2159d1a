"""Models of timm: refused in words where it is not installed; their shapes are measured; their pictures go through PIL.

timm itself is not needed: `_Vit`, `_ConvNext` and `_ResNet` have the module trees and the forward passes of its models.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.models.timm_wrapper import modeling_timm_wrapper
from transformers.models.timm_wrapper.configuration_timm_wrapper import TimmWrapperConfig

from alih.cli.main import main
from alih.errors import ModelError
from alih.pretrained.families import anatomy_of, head_modules
from alih.pretrained.timm_models import timm_processor

NO_TIMM = importlib.util.find_spec("timm") is None
CFG = {"input_size": [3, 32, 32], "mean": [0.5] * 3, "std": [0.5] * 3, "crop_pct": 0.8, "interpolation": "bilinear"}


@pytest.mark.skipif(not NO_TIMM, reason="timm is installed")
@pytest.mark.parametrize(
    "config",
    [{"model_type": "timm_wrapper", "architecture": "vit"}, {"architecture": "vit", "pretrained_cfg": CFG}],
    ids=["transformers' form", "timm's own form"],
)
def test_without_timm_the_message_says_what_to_install(
    config: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert main(["inspect", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert "a model of the library timm (vit)" in said
    assert "pip install 'alih[timm]'" in said


class _Residual(nn.Module):
    def __init__(self, make: Any) -> None:
        super().__init__()
        self.inner = make()

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class _Vit(nn.Module):
    """As timm's VisionTransformer: a class token is read, blocks are a Sequential, the head is one layer."""

    def __init__(self, classes: int, depth: int = 3) -> None:
        super().__init__()
        self.patch_embed = nn.Conv2d(3, 8, 8, 8)
        self.pos_drop = nn.Dropout(0.0)
        self.norm_pre = nn.Identity()
        self.blocks = nn.Sequential(*(_Residual(lambda: nn.Linear(8, 8)) for _ in range(depth)))
        self.norm = nn.LayerNorm(8)
        self.fc_norm = nn.Identity()
        self.head_drop = nn.Dropout(0.1)
        self.head = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm_pre(self.pos_drop(self.patch_embed(x).flatten(2).transpose(1, 2)))
        x = self.norm(self.blocks(x))
        logits: Tensor = self.head(self.head_drop(self.fc_norm(x[:, 0])))
        return logits


class _PoolingHead(nn.Module):
    """As timm's NormMlpClassifierHead: pool, norm, flatten, dropout, linear."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.norm = nn.BatchNorm2d(8)
        self.flatten = nn.Flatten(1)
        self.drop = nn.Dropout(0.1)
        self.fc = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.drop(self.flatten(self.norm(self.global_pool(x)))))
        return logits


class _Stage(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.downsample = nn.Conv2d(8, 8, 1)
        self.blocks = nn.Sequential(*(_Residual(lambda: nn.Conv2d(8, 8, 3, padding=1)) for _ in range(2)))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.blocks(self.downsample(x))
        return out


class _ConvNext(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 4, 4)
        self.stages = nn.Sequential(*(_Stage() for _ in range(4)))
        self.norm_pre = nn.Identity()
        self.head = _PoolingHead(classes)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.norm_pre(self.stages(self.stem(x))))
        return logits


class _ResNet(nn.Module):
    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
        for number, count in enumerate((2, 2, 3, 2), start=1):
            layer = nn.Sequential(*(_Residual(lambda: nn.Conv2d(8, 8, 3, padding=1)) for _ in range(count)))
            self.add_module(f"layer{number}", layer)
        self.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1))
        self.fc = nn.Linear(8, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.conv1(x).relu()
        for number in range(1, 5):
            x = self.get_submodule(f"layer{number}")(x)
        logits: Tensor = self.fc(self.global_pool(x))
        return logits


@pytest.fixture
def wrapped(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes transformers' wrapper around a module tree, as if timm had made it."""

    def wrap(tree: type[nn.Module]) -> PreTrainedModel:
        made = SimpleNamespace(create_model=lambda _name, pretrained, num_classes: tree(num_classes))
        monkeypatch.setattr(modeling_timm_wrapper, "timm", made, raising=False)
        monkeypatch.setattr(modeling_timm_wrapper, "requires_backends", lambda *_: None)
        torch.manual_seed(0)
        config = TimmWrapperConfig(architecture="any", pretrained_cfg=CFG, num_labels=3)
        model = modeling_timm_wrapper.TimmWrapperForImageClassification(config)
        return model.eval()

    return wrap


TREES = {
    "vit": (
        _Vit,
        [f"timm_model.blocks.{n}" for n in range(3)],
        ("timm_model.norm",),
        ("timm_model.head_drop", "timm_model.head"),
    ),
    "convnext": (
        _ConvNext,
        [f"timm_model.stages.{n}" for n in range(4)],
        ("timm_model.head.norm",),
        ("timm_model.head.drop", "timm_model.head.fc"),
    ),
    "resnet": (_ResNet, [f"timm_model.layer{n}" for n in range(1, 5)], (), ("timm_model.fc",)),
}


@pytest.mark.parametrize("name", sorted(TREES))
def test_the_parts_of_a_wrapped_model_are_measured(name: str, wrapped: Any) -> None:
    tree, blocks, neck, head = TREES[name]
    anatomy = anatomy_of(wrapped(tree))
    assert anatomy.family == "fallback"
    assert [block.name for block in anatomy.blocks] == blocks
    assert len(anatomy.stem) == 1
    assert (anatomy.neck, anatomy.head) == (neck, head)


@pytest.mark.parametrize("name", sorted(TREES))
def test_the_head_of_a_wrapped_model_on_what_reaches_it_gives_the_logits(name: str, wrapped: Any) -> None:
    model = wrapped(TREES[name][0])
    anatomy = anatomy_of(model)
    reached: list[Tensor] = []
    model.get_submodule(anatomy.head[0]).register_forward_pre_hook(lambda _, args: reached.append(args[0]))
    with torch.no_grad():
        logits = model(torch.randn(4, 3, 32, 32)).logits
        torch.testing.assert_close(head_modules(model, anatomy)(reached[0]), logits)


def test_a_wrapped_model_without_a_list_of_blocks_is_refused(wrapped: Any) -> None:
    class Plain(nn.Module):
        def __init__(self, classes: int) -> None:
            super().__init__()
            self.features = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
            self.head = nn.Linear(8, classes)

    with pytest.raises(ModelError, match="it has no list of blocks"):
        anatomy_of(wrapped(Plain))


def test_pictures_are_resized_cropped_and_normalised_as_the_configuration_says() -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    # crop_pct 0.8: the shorter side becomes 32 / 0.8 = 40, the longer 60; the middle 32 × 32 is cut out.
    resized = np.asarray(picture.resize((60, 40), Image.Resampling.BILINEAR), dtype=np.float32)
    expected = (resized[4:36, 14:46].transpose(2, 0, 1) / 255 - 0.5) / 0.5
    found = timm_processor({"pretrained_cfg": CFG}, "a model")(images=[picture], return_tensors="np")["pixel_values"][0]
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("change", [{"input_size": "big"}, {"crop_pct": 0}, {"mean": ["x"]}, {"interpolation": "odd"}])
def test_a_malformed_configuration_of_pictures_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ModelError, match=r"a model: pretrained_cfg .* Copy it again"):
        timm_processor({"pretrained_cfg": {**CFG, **change}}, "a model")
