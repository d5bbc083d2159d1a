"""Reads ResNet and VGG weights saved under other names: CIFAR ResNets, torchvision's and timm's VGG."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor
from transformers import PreTrainedModel
from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

from alih.errors import ModelError
from alih.vision.configuration import AlihResNetConfig, AlihVggConfig
from alih.vision.registration import image_processor
from alih.vision.resnet import AlihResNetForImageClassification
from alih.vision.vgg import AlihVggForImageClassification

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)

Family = Literal["resnet", "vgg"]
_WRAPPERS = ("state_dict", "model", "model_state_dict")
_SHOWN = 3  # names listed in a message


class Converted(NamedTuple):
    """A model in Hugging Face form, in eval mode, and the image processor that its weights were trained with."""

    model: PreTrainedModel
    processor: ViTImageProcessorPil


def read_legacy_checkpoint(path: str | Path, family: Family | None = None) -> Converted:
    """Open a checkpoint file of a CIFAR ResNet or of a torchvision or timm VGG; sizes are read off the tensors.

    A pickle is opened with `weights_only`, which builds tensors and runs no code.

    Args:
        path: a .safetensors file, or what `torch.save` wrote of a state dict or of a dict that holds one.
        family: what the file must be; None finds out from the names.

    Raises:
        ModelError: no such file, not a checkpoint, code inside, or names and shapes of another network.
    """
    return from_state_dict(read_tensors(path), family, source=str(path))


def from_state_dict(
    state: Mapping[str, Tensor], family: Family | None = None, *, source: str = "state dict"
) -> Converted:
    """Put named tensors of a CIFAR ResNet or of a torchvision or timm VGG into our own model.

    Args:
        state: names to tensors; a common prefix "module." is dropped.
        family: what they must be; None finds out from the names.
        source: what to call them in messages.

    Raises:
        ModelError: names and shapes of another network; the message lists some of them.
    """
    named = {name.removeprefix("module."): tensor for name, tensor in state.items()}
    found = _family_of(named)
    if found is None or family not in (None, found):
        raise ModelError(
            f"{source}: not a {family or 'ResNet for small images or a VGG'}; its tensors are named {_some(named)}. "
            "Expected conv1, bn1, layer1.0.conv1, …, linear (CIFAR ResNet) or features.0, … (torchvision or timm VGG)"
        )
    try:
        return _read_resnet(named, source) if found == "resnet" else _read_vgg(named, source)
    except (KeyError, IndexError, ValueError) as error:
        raise ModelError(f"{source}: looks like a {found}, but {error} is missing or has another shape") from error


def read_tensors(path: str | Path) -> dict[str, Tensor]:
    """The named tensors in a .safetensors file or in a pickle, opened with `weights_only`.

    Raises:
        ModelError: no such file, unreadable, holding code or anything but named tensors.
    """
    file = Path(path)
    if not file.is_file():
        raise ModelError(f"{file}: no such file; give a checkpoint file (.safetensors, .pt, .pth, .th, .bin)")
    try:
        opened: Any = (
            load_file(file)
            if file.suffix == ".safetensors"
            else torch.load(file, map_location="cpu", weights_only=True)
        )
    except Exception as error:  # whatever a damaged or hostile file provokes
        reason = str(error).strip().split("\n")[0][:200]
        raise ModelError(
            f"{file}: cannot be opened as weights alone ({type(error).__name__}: {reason}). A file that needs code to "
            "open is never run; ask its maker for safetensors"
        ) from error
    for wrapper in _WRAPPERS:
        if isinstance(opened, Mapping) and isinstance(opened.get(wrapper), Mapping):
            opened = opened[wrapper]
    if not isinstance(opened, Mapping) or not opened or not all(isinstance(t, Tensor) for t in opened.values()):
        raise ModelError(f"{file}: holds a {type(opened).__name__}, not named tensors; save the model's state_dict()")
    return {str(name): tensor for name, tensor in opened.items()}


def _family_of(named: Mapping[str, Tensor]) -> Family | None:
    if "features.0.weight" in named:
        return "vgg"
    if {"conv1.weight", "layer1.0.conv1.weight", "layer1.0.conv2.weight"} <= named.keys() and not any(
        ".conv3." in name for name in named
    ):
        return "resnet"
    return None


def _read_resnet(named: Mapping[str, Tensor], source: str) -> Converted:
    """CIFAR ResNets name their parts conv1, bn1, layer<stage>.<i>.{conv,bn}<k>, .shortcut.<k> and linear (or fc)."""
    if named["conv1.weight"].shape[2:] != (3, 3):
        side = named["conv1.weight"].shape[2]
        raise ModelError(
            f"{source}: its first convolution is {side}×{side}, a ResNet for large images; the one for small images "
            "starts with 3×3. Use that model's Hugging Face form (such as microsoft/resnet-18)"
        )
    stages = max(int(match[1]) for name in named if (match := re.match(r"layer(\d+)\.", name)))
    counts = [
        len({name.split(".")[1] for name in named if name.startswith(f"layer{s}.")}) for s in range(1, stages + 1)
    ]
    if len(set(counts)) != 1:
        raise ModelError(f"{source}: its stages have {counts} blocks; a ResNet for small images has as many in each")
    head = "linear" if "linear.weight" in named else "fc"
    config = AlihResNetConfig(
        num_channels=named["conv1.weight"].shape[1],
        hidden_sizes=[named[f"layer{s}.0.conv1.weight"].shape[0] for s in range(1, stages + 1)],
        blocks_per_stage=counts[0],
        shortcut="B" if any(".shortcut." in name for name in named) else "A",
    )
    config.num_labels = named[f"{head}.weight"].shape[0]

    def renamed(name: str) -> str:
        if name.startswith(f"{head}."):
            return name.replace(head, "classifier", 1)
        match = re.match(r"layer(\d+)\.(\d+)\.(.*)", name)
        if match is None:
            return "resnet.stem." + name.replace("conv1", "conv", 1).replace("bn1", "norm", 1)
        number = (int(match[1]) - 1) * counts[0] + int(match[2])
        return f"resnet.blocks.{number}." + re.sub(r"^bn", "norm", match[3])

    model = AlihResNetForImageClassification(config)
    _fill(model, named, renamed, source)
    return Converted(model, image_processor(32, IMAGENET_MEAN, IMAGENET_STD))


def _read_vgg(named: Mapping[str, Tensor], source: str) -> Converted:
    """VGG: features.<i> counts convolutions, norms, activations and pools: gaps in the numbers are pools."""
    convolutions = sorted(int(name.split(".")[1]) for name, t in named.items() if _is_convolution(name, t))
    batch_norm = "features.1.running_mean" in named
    unit = 3 if batch_norm else 2  # places one convolution takes with what belongs to it
    layout: list[int | str] = []
    for place, following in zip(convolutions, [*convolutions[1:], None], strict=True):
        layout.append(named[f"features.{place}.weight"].shape[0])
        # Nothing in the names follows the last convolution; every published VGG ends with a pool.
        if following is None or following - place == unit + 1:
            layout.append("M")
    timm = "pre_logits.fc1.weight" in named
    first, second, head = (
        ("pre_logits.fc1", "pre_logits.fc2", "head.fc") if timm else ("classifier.0", "classifier.3", "classifier.6")
    )
    # timm keeps the hidden layers as convolutions, 7×7 and 1×1: the same numbers in another shape.
    flat = {name: t.flatten(1) if name.startswith("pre_logits") and t.ndim == 4 else t for name, t in named.items()}
    width = int(named[f"features.{convolutions[-1]}.weight"].shape[0])
    config = AlihVggConfig(
        num_channels=named["features.0.weight"].shape[1],
        layout=layout,
        batch_norm=batch_norm,
        pooled_size=round((flat[f"{first}.weight"].shape[1] / width) ** 0.5),
        neck_sizes=[flat[f"{part}.weight"].shape[0] for part in (first, second)],
        classifier_dropout=0.5,
    )
    config.num_labels = flat[f"{head}.weight"].shape[0]
    parts = {first: "vgg.neck.0", second: "vgg.neck.3", head: "classifier"}
    for number, place in enumerate(convolutions):
        ours = "vgg.stem" if number == 0 else f"vgg.blocks.{number - 1}"
        parts[f"features.{place}"] = f"{ours}.conv"
        if batch_norm:
            parts[f"features.{place + 1}"] = f"{ours}.norm"

    def renamed(name: str) -> str:
        part, _, leaf = name.rpartition(".")
        return f"{parts[part]}.{leaf}" if part in parts else name

    model = AlihVggForImageClassification(config)
    _fill(model, flat, renamed, source)
    processor = image_processor(224, IMAGENET_MEAN, IMAGENET_STD, shortest_edge=256)
    return Converted(model, processor)


def _is_convolution(name: str, tensor: Tensor) -> bool:
    return re.fullmatch(r"features\.\d+\.weight", name) is not None and tensor.ndim == 4


def _fill(model: PreTrainedModel, named: Mapping[str, Tensor], renamed: Callable[[str], str], source: str) -> None:
    """Copy every tensor into the model; each must find its place, and each place its tensor."""
    ours = model.state_dict()
    given = {renamed(name): (name, tensor) for name, tensor in named.items()}
    counters = {name for name in ours if name.endswith("num_batches_tracked")}  # older files have none
    missing = sorted(ours.keys() - given.keys() - counters)
    surplus = sorted(name for place, (name, _) in given.items() if place not in ours)
    wrong = [
        f"{name} {tuple(tensor.shape)} instead of {tuple(ours[place].shape)}"
        for place, (name, tensor) in given.items()
        if place in ours and ours[place].shape != tensor.shape
    ]
    faults = [
        f"{what}: {_some(names)}"
        for what, names in (("missing", missing), ("not part of it", surplus), ("other shapes", wrong))
        if names
    ]
    if faults:
        raise ModelError(
            f"{source}: does not fit a {model.config.model_type} read off its tensors ({'; '.join(faults)}). "
            "Check that the file is whole and of that architecture"
        )
    infinite = [name for name, tensor in given.values() if tensor.is_floating_point() and not tensor.isfinite().all()]
    if infinite:
        raise ModelError(f"{source}: {_some(infinite)} hold values that are not finite; the file is damaged")
    model.load_state_dict({place: tensor for place, (_, tensor) in given.items()}, strict=False)
    model.train(False)


def _some(names: Mapping[str, Tensor] | list[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more
