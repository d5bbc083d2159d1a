"""Weights under other libraries' names: converted exactly, or refused in words."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from alih.errors import ModelError
from alih.vision.configuration import AlihResNetConfig
from alih.vision.convert import from_state_dict, read_legacy_checkpoint
from alih.vision.resnet import AlihResNetForImageClassification

from .reference_vgg import TimmVgg, TorchvisionVgg, narrowed


@pytest.mark.parametrize("name", ["vgg11", "vgg13", "vgg16", "vgg19"])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_torchvision_names_give_the_same_logits(name: str, batch_norm: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = TorchvisionVgg(narrowed(name), batch_norm=batch_norm, hidden=20, classes=6).eval()
    torch.save(reference.state_dict(), tmp_path / "vgg.pth")
    model, processor = read_legacy_checkpoint(tmp_path / "vgg.pth")
    assert model.config.layout == narrowed(name)
    image = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(model(image).logits, reference(image), atol=1e-5, rtol=1e-4)
    assert processor.crop_size["height"] == 224


@pytest.mark.parametrize("batch_norm", [False, True])
def test_timm_names_give_the_same_logits(batch_norm: bool, tmp_path: Path) -> None:
    torch.manual_seed(0)
    reference = TimmVgg(narrowed("vgg11"), batch_norm=batch_norm, hidden=20, classes=6).eval()
    save_file(reference.state_dict(), tmp_path / "model.safetensors")
    model, _ = read_legacy_checkpoint(tmp_path / "model.safetensors", "vgg")
    image = torch.randn(1, 3, 224, 224)
    torch.testing.assert_close(model(image).logits, reference(image), atol=1e-5, rtol=1e-4)


def published_names(model: AlihResNetForImageClassification) -> dict[str, torch.Tensor]:
    """Our names turned back into the CIFAR repository's, for two blocks a stage."""
    named = {}
    for name, tensor in model.state_dict().items():
        _, _, rest = name.partition("resnet.blocks.")
        if rest:
            number, _, leaf = rest.partition(".")
            stage, block = divmod(int(number), 2)
            named[f"module.layer{stage + 1}.{block}.{leaf.replace('norm', 'bn')}"] = tensor
        elif name.startswith("classifier"):
            named["module." + name.replace("classifier", "linear")] = tensor
        else:
            leaf = name.removeprefix("resnet.stem.")
            named["module." + leaf.replace("conv.", "conv1.").replace("norm.", "bn1.")] = tensor
    return named


@pytest.mark.parametrize("shortcut", ["A", "B"])
def test_sizes_of_a_cifar_resnet_are_read_off_its_tensors(shortcut: str) -> None:
    config = AlihResNetConfig(hidden_sizes=(4, 6, 10), blocks_per_stage=2, shortcut=shortcut, num_labels=9)
    model = AlihResNetForImageClassification(config).eval()
    converted = from_state_dict(published_names(model)).model
    assert converted.config.hidden_sizes == [4, 6, 10]
    assert (converted.config.blocks_per_stage, converted.config.shortcut) == (2, shortcut)
    image = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(converted(image).logits, model(image).logits)


def cifar_state() -> dict[str, torch.Tensor]:
    config = AlihResNetConfig(hidden_sizes=(4, 6, 10), blocks_per_stage=2)
    return published_names(AlihResNetForImageClassification(config))


def test_a_missing_tensor_is_named() -> None:
    state = cifar_state()
    del state["module.layer2.1.bn1.bias"]
    with pytest.raises(ModelError, match=r"missing: resnet\.blocks\.3\.norm1\.bias"):
        from_state_dict(state, source="cut.th")


def test_a_surplus_tensor_is_named() -> None:
    with pytest.raises(ModelError, match=r"cut\.th.*not part of it: layer2\.1\.attention"):
        from_state_dict(cifar_state() | {"layer2.1.attention": torch.zeros(2)}, source="cut.th")


def test_another_shape_is_named_with_both_shapes() -> None:
    wrong = cifar_state() | {"module.layer2.1.bn1.bias": torch.zeros(7)}
    with pytest.raises(ModelError, match=r"layer2\.1\.bn1\.bias \(7,\) instead of \(6,\)"):
        from_state_dict(wrong)


def test_weights_that_are_not_finite_are_refused() -> None:
    with pytest.raises(ModelError, match="not finite"):
        from_state_dict(cifar_state() | {"module.linear.bias": torch.tensor([0.0, float("nan")])})


def test_another_family_or_another_network_is_refused() -> None:
    with pytest.raises(ModelError, match="not a vgg"):
        from_state_dict(cifar_state(), "vgg")
    with pytest.raises(ModelError, match="named encoder"):
        from_state_dict({"encoder.weight": torch.zeros(2)})


def test_a_resnet_for_large_images_is_pointed_elsewhere() -> None:
    with pytest.raises(ModelError, match="large images"):
        from_state_dict(cifar_state() | {"module.conv1.weight": torch.zeros(4, 3, 7, 7)})


class Evil:
    """Unpickling this would create a file."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return open, (str(self.file), "w")


def test_a_pickle_with_code_is_refused_and_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "ran"
    torch.save({"state_dict": Evil(trace)}, tmp_path / "evil.th")
    (tmp_path / "bare.th").write_bytes(pickle.dumps(Evil(trace), protocol=2))
    for name in ("evil.th", "bare.th"):
        with pytest.raises(ModelError, match="never run"):
            read_legacy_checkpoint(tmp_path / name)
    assert not trace.exists()


@pytest.mark.parametrize("content", [b"", b"not weights", b"\x80\x02}q\x00."])
@pytest.mark.parametrize("suffix", [".th", ".safetensors"])
def test_a_damaged_file_is_refused_in_words(tmp_path: Path, content: bytes, suffix: str) -> None:
    file = tmp_path / f"weights{suffix}"
    file.write_bytes(content)
    with pytest.raises(ModelError, match="weights"):
        read_legacy_checkpoint(file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such file"):
        read_legacy_checkpoint(tmp_path / "absent.th")
