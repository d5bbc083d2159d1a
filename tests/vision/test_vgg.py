"""The VGG against torchvision's construction, and its own rules."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn import functional as F
from transformers import AutoModel, AutoModelForImageClassification

from alih.errors import ModelError
from alih.vision.configuration import AlihVggConfig
from alih.vision.registration import register
from alih.vision.vgg import AlihVggForImageClassification, AlihVggModel

from .reference_vgg import LAYOUTS, TorchvisionVgg, narrowed

TINY = {"layout": (4, "M", 6, 8, "M"), "num_labels": 3}


def copied(reference: TorchvisionVgg, model: AlihVggForImageClassification) -> None:
    """Copy weights by their order alone: both lay the same tensors out from input to output."""
    ours, theirs = model.state_dict(), reference.state_dict()
    assert [tuple(t.shape) for t in ours.values()] == [tuple(t.shape) for t in theirs.values()]
    model.load_state_dict(dict(zip(ours, theirs.values(), strict=True)))


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("name", list(LAYOUTS))
def test_vgg_equals_torchvisions_construction(name: str, batch_norm: bool) -> None:
    torch.manual_seed(0)
    reference = TorchvisionVgg(narrowed(name), batch_norm=batch_norm, hidden=24, classes=5).eval()
    config = AlihVggConfig(
        layout=narrowed(name), batch_norm=batch_norm, pooled_size=7, neck_sizes=(24, 24), num_labels=5
    )
    model = AlihVggForImageClassification(config).eval()
    copied(reference, model)
    for side in (32, 64):
        image = torch.randn(2, 3, side, side)
        torch.testing.assert_close(model(image).logits, reference(image), atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "batch_norm", "parameters"),
    [
        ("vgg11", False, 132_863_336),
        ("vgg13", False, 133_047_848),
        ("vgg16", False, 138_357_544),
        ("vgg16", True, 138_365_992),
        ("vgg19", True, 143_678_248),
    ],
)
def test_full_size_has_the_parameters_torchvision_publishes(name: str, batch_norm: bool, parameters: int) -> None:
    config = AlihVggConfig(
        layout=LAYOUTS[name], batch_norm=batch_norm, pooled_size=7, neck_sizes=(4096, 4096), num_labels=1000
    )
    with torch.device("meta"):
        model = AlihVggForImageClassification(config)
    assert sum(p.numel() for p in model.parameters()) == parameters


def test_each_block_holds_one_convolution_and_they_run_in_order() -> None:
    model = AlihVggForImageClassification(AlihVggConfig(**TINY)).eval()  # type: ignore[arg-type]
    image = torch.randn(2, 3, 16, 16)
    hidden = model.vgg.stem(image)
    for block in model.vgg.blocks:
        assert sum(isinstance(m, torch.nn.Conv2d) for m in block.modules()) == 1
        hidden = block(hidden)
    assert hidden.shape == (2, 8, 4, 4)
    features = model.vgg.neck(model.vgg.pooler(hidden))
    torch.testing.assert_close(features, hidden.mean(dim=(2, 3)))
    torch.testing.assert_close(model.classifier(features), model(image).logits)
    assert len(model.vgg(image, output_hidden_states=True).hidden_states) == 1 + len(model.vgg.blocks)


def test_channels_last_gives_the_same_logits() -> None:
    torch.manual_seed(0)
    config = AlihVggConfig(layout=(8, "M", 16), pooled_size=2, neck_sizes=(12,), num_labels=3)
    model = AlihVggForImageClassification(config).eval()
    image = torch.randn(2, 3, 16, 16)
    expected = model(image).logits
    moved = model.to(memory_format=torch.channels_last)
    torch.testing.assert_close(
        moved(image.to(memory_format=torch.channels_last)).logits, expected, atol=1e-6, rtol=1e-5
    )


def test_every_parameter_gets_a_gradient() -> None:
    torch.manual_seed(0)
    model = AlihVggForImageClassification(AlihVggConfig(neck_sizes=(16,), num_labels=3)).train()
    for layer in (model.vgg.neck[0], model.classifier):
        torch.nn.init.normal_(layer.weight, std=0.3)  # the paper's 0.01 makes first gradients vanish in fp32
    model(torch.randn(8, 3, 16, 16), labels=torch.tensor([0, 1, 2, 0, 1, 2, 0, 1])).loss.backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


@pytest.mark.parametrize(
    ("problem", "labels", "loss"),
    [
        ("single_label_classification", torch.tensor([2, 0]), F.cross_entropy),
        ("multi_label_classification", torch.tensor([[1.0, 0, 1], [0, 0, 1]]), F.binary_cross_entropy_with_logits),
        ("regression", torch.tensor([[0.5, 1, 2], [2, -1, 0.0]]), F.mse_loss),
    ],
)
def test_loss_follows_the_problem_type(problem: str, labels: torch.Tensor, loss: object) -> None:
    model = AlihVggForImageClassification(AlihVggConfig(**TINY, problem_type=problem)).eval()  # type: ignore[arg-type]
    output = model(torch.randn(2, 3, 8, 8), labels=labels)
    torch.testing.assert_close(output.loss, loss(output.logits, labels))  # type: ignore[operator]


@pytest.mark.parametrize("neck", [(), (10, 12)])
def test_saved_model_opens_by_the_auto_classes_with_the_same_logits(tmp_path: Path, neck: tuple[int, ...]) -> None:
    register()
    config = AlihVggConfig(**TINY, pooled_size=2, neck_sizes=neck)  # type: ignore[arg-type]
    model = AlihVggForImageClassification(config).eval()
    model.save_pretrained(tmp_path)
    opened = AutoModelForImageClassification.from_pretrained(tmp_path)
    assert isinstance(opened, AlihVggForImageClassification)
    assert opened.config.layout == [4, "M", 6, 8, "M"]
    image = torch.randn(2, 3, 12, 12)
    torch.testing.assert_close(opened(image).logits, model(image).logits)
    base = AutoModel.from_pretrained(tmp_path)
    assert isinstance(base, AlihVggModel)
    torch.testing.assert_close(base(image).pooler_output, model.vgg(image).pooler_output)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"layout": ("M", 8)}, "follow"),
        ({"layout": (8, "M", "M")}, "follow"),
        ({"layout": (8, "P")}, "layout"),
        ({"layout": ()}, "layout"),
        ({"neck_sizes": (0,)}, "neck_sizes"),
        ({"pooled_size": 0}, "pooled_size"),
    ],
)
def test_impossible_configuration_is_refused_in_words(values: dict[str, object], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        AlihVggConfig(**values)  # type: ignore[arg-type]


def test_images_too_small_for_the_pools_are_refused_with_the_smallest_side() -> None:
    model = AlihVggForImageClassification(AlihVggConfig(layout=(4, "M", 4, "M", 4, "M")))
    with pytest.raises(ModelError, match="at least 8"):
        model(torch.randn(1, 3, 7, 32))
    assert model.eval()(torch.randn(1, 3, 8, 8)).logits.shape == (1, 2)
