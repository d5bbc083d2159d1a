"""The ResNet against the paper, written out a second time, and against published weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import AutoConfig, AutoModelForImageClassification

from alih.errors import ModelError
from alih.vision.configuration import AlihResNetConfig
from alih.vision.convert import read_legacy_checkpoint
from alih.vision.registration import register
from alih.vision.resnet import AlihResNetForImageClassification


def paper_resnet(
    state: Mapping[str, Tensor], image: Tensor, names: Mapping[str, str], stages: int, blocks: int, shortcut: str
) -> Tensor:
    """Section 4.2 as a function of named tensors, without modules: stem, stages of basic blocks, pool, head."""

    def normalised(x: Tensor, name: str) -> Tensor:
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        scaled = (x - mean.view(-1, 1, 1)) / torch.sqrt(variance.view(-1, 1, 1) + 1e-5)
        return scaled * state[f"{name}.weight"].view(-1, 1, 1) + state[f"{name}.bias"].view(-1, 1, 1)

    def convolved(x: Tensor, name: str, stride: int, padding: int) -> Tensor:
        return F.conv2d(x, state[f"{name}.weight"], stride=stride, padding=padding)

    x = normalised(convolved(image, names["stem"], 1, 1), names["stem_norm"]).clamp(min=0)
    for stage in range(stages):
        for block in range(blocks):
            at = names["block"].format(stage=stage + 1, block=block, flat=stage * blocks + block)
            stride = 2 if stage and not block else 1
            out = normalised(convolved(x, f"{at}conv1", stride, 1), f"{at}{names['norm']}1").clamp(min=0)
            out = normalised(convolved(out, f"{at}conv2", 1, 1), f"{at}{names['norm']}2")
            if out.shape == x.shape:
                kept = x
            elif shortcut == "A":
                kept = torch.zeros_like(out)
                first = (out.shape[1] - x.shape[1]) // 2
                kept[:, first : first + x.shape[1]] = x[:, :, ::stride, ::stride]
            else:
                kept = normalised(convolved(x, f"{at}shortcut.0", stride, 0), f"{at}shortcut.1")
            x = (out + kept).clamp(min=0)
    return x.mean(dim=(2, 3)) @ state[f"{names['head']}.weight"].T + state[f"{names['head']}.bias"]


OURS = {
    "stem": "resnet.stem.conv",
    "stem_norm": "resnet.stem.norm",
    "block": "resnet.blocks.{flat}.",
    "norm": "norm",
    "head": "classifier",
}
PUBLISHED = {"stem": "conv1", "stem_norm": "bn1", "block": "layer{stage}.{block}.", "norm": "bn", "head": "linear"}


def lived_in(model: torch.nn.Module) -> None:
    """Give batch norms statistics that matter."""
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.normal_(module.running_mean, std=0.3)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.running_var, 0.5, 2.0)  # type: ignore[arg-type]
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.3)


@pytest.mark.parametrize("shortcut", ["A", "B"])
@pytest.mark.parametrize(("widths", "blocks", "side"), [((4, 8, 16), 2, 32), ((3, 3, 8), 1, 9), ((5, 8), 3, 17)])
def test_resnet_equals_the_paper_written_as_a_function(
    shortcut: str, widths: tuple[int, ...], blocks: int, side: int
) -> None:
    torch.manual_seed(0)
    config = AlihResNetConfig(hidden_sizes=widths, blocks_per_stage=blocks, shortcut=shortcut, num_labels=7)
    model = AlihResNetForImageClassification(config).eval()
    lived_in(model)
    image = torch.randn(3, 3, side, side)
    expected = paper_resnet(model.state_dict(), image, OURS, len(widths), blocks, shortcut)
    torch.testing.assert_close(model(image).logits, expected, atol=1e-5, rtol=1e-5)


def test_channels_last_gives_the_same_logits() -> None:
    torch.manual_seed(0)
    model = AlihResNetForImageClassification(AlihResNetConfig()).eval()
    image = torch.randn(2, 3, 32, 32)
    expected = model(image).logits
    moved = model.to(memory_format=torch.channels_last)
    torch.testing.assert_close(
        moved(image.to(memory_format=torch.channels_last)).logits, expected, atol=1e-5, rtol=1e-4
    )


@pytest.mark.parametrize(("blocks", "depth", "millions"), [(3, 20, 0.27), (5, 32, 0.46), (7, 44, 0.66), (9, 56, 0.85)])
def test_depth_and_parameters_are_those_of_the_papers_table_6(blocks: int, depth: int, millions: float) -> None:
    config = AlihResNetConfig(blocks_per_stage=blocks, num_labels=10)
    assert config.depth == depth
    assert AlihResNetForImageClassification(config).num_parameters() / 1e6 == pytest.approx(millions, abs=0.006)


def test_published_cifar_weights_give_what_the_paper_written_as_a_function_gives(shared_data: Path) -> None:
    file = shared_data / "resnet_cifar10" / "resnet20-12fca82f.th"
    model, processor = read_legacy_checkpoint(file, "resnet")
    assert model.num_parameters() == 269_722
    opened = torch.load(file, map_location="cpu", weights_only=True)["state_dict"]
    published = {name.removeprefix("module."): tensor for name, tensor in opened.items()}
    image = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    expected = paper_resnet(published, image, PUBLISHED, stages=3, blocks=3, shortcut="A")
    torch.testing.assert_close(model(image).logits, expected, atol=1e-4, rtol=1e-4)
    assert list(processor.image_mean) == [0.485, 0.456, 0.406]


@pytest.mark.parametrize("side", [8, 11, 40])
def test_any_image_of_eight_pixels_or_more_is_read(side: int) -> None:
    model = AlihResNetForImageClassification(AlihResNetConfig(hidden_sizes=(4, 8, 8), blocks_per_stage=1)).eval()
    assert model(torch.randn(2, 3, side, side + 3)).logits.shape == (2, 2)


def test_head_reads_the_globally_pooled_features() -> None:
    model = AlihResNetForImageClassification(AlihResNetConfig(num_labels=5)).eval()
    image = torch.randn(2, 3, 32, 32)
    base = model.resnet(image, output_hidden_states=True)
    assert base.pooler_output.shape == (2, 64)
    assert len(base.hidden_states) == 1 + len(model.resnet.blocks)
    torch.testing.assert_close(base.pooler_output, base.last_hidden_state.mean(dim=(2, 3)))
    torch.testing.assert_close(model.classifier(base.pooler_output), model(image).logits)
    assert torch.equal(model(image, return_dict=False)[0], model(image).logits)


def test_every_parameter_gets_a_gradient() -> None:
    model = AlihResNetForImageClassification(AlihResNetConfig(shortcut="B", num_labels=3)).train()
    model(torch.randn(4, 3, 16, 16), labels=torch.tensor([0, 1, 2, 0])).loss.backward()
    still = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert still == []


@pytest.mark.parametrize(
    ("problem", "outputs", "labels", "loss"),
    [
        ("single_label_classification", 3, torch.tensor([2, 0]), F.cross_entropy),
        ("multi_label_classification", 3, torch.tensor([[1.0, 0, 1], [0, 0, 1]]), F.binary_cross_entropy_with_logits),
        ("regression", 2, torch.tensor([[0.5, 1.0], [2.0, -1.0]]), F.mse_loss),
    ],
)
def test_loss_follows_the_problem_type(problem: str, outputs: int, labels: Tensor, loss: object) -> None:
    config = AlihResNetConfig(hidden_sizes=(4, 8), blocks_per_stage=1, num_labels=outputs, problem_type=problem)
    model = AlihResNetForImageClassification(config).eval()
    output = model(torch.randn(2, 3, 8, 8), labels=labels)
    torch.testing.assert_close(output.loss, loss(output.logits, labels))  # type: ignore[operator]


def test_one_output_is_a_regression() -> None:
    model = AlihResNetForImageClassification(AlihResNetConfig(hidden_sizes=(4,), num_labels=1)).eval()
    output = model(torch.randn(3, 3, 8, 8), labels=torch.tensor([0.5, 1.0, 2.0]))
    expected = ((output.logits[:, 0] - torch.tensor([0.5, 1.0, 2.0])) ** 2).mean()
    torch.testing.assert_close(output.loss, expected)


def test_saved_model_opens_by_the_auto_class_with_the_same_logits(tmp_path: Path) -> None:
    register()
    model = AlihResNetForImageClassification(
        AlihResNetConfig(hidden_sizes=(4, 8, 8), shortcut="B", num_labels=4)
    ).eval()
    lived_in(model)
    model.save_pretrained(tmp_path)
    opened = AutoModelForImageClassification.from_pretrained(tmp_path)
    assert isinstance(opened, AlihResNetForImageClassification)
    image = torch.randn(2, 3, 12, 12)
    torch.testing.assert_close(opened(image).logits, model(image).logits)
    assert AutoConfig.from_pretrained(tmp_path).shortcut == "B"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"shortcut": "C"}, "shortcut"),
        ({"hidden_sizes": (8, 4)}, "shrink"),
        ({"hidden_sizes": ()}, "hidden_sizes"),
        ({"blocks_per_stage": 0}, "blocks_per_stage"),
        ({"classifier_dropout": 1.5}, "classifier_dropout"),
    ],
)
def test_impossible_configuration_is_refused_in_words(values: dict[str, object], said: str) -> None:
    with pytest.raises(ModelError, match=said):
        AlihResNetConfig(**values)  # type: ignore[arg-type]


def test_grey_images_are_refused_with_what_to_do() -> None:
    with pytest.raises(ModelError, match="image processor"):
        AlihResNetForImageClassification(AlihResNetConfig())(torch.randn(2, 1, 32, 32))
