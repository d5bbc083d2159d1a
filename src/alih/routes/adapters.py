"""Adapters on a model: which layers get them, how they are put on, saved in PEFT's format, and merged.

LoRA (Hu et al. 2021, arXiv 2106.09685): W x + s · B A x with W frozen and s = α / r; rsLoRA (arXiv 2312.03732) scales
by α / √r; DoRA (arXiv 2402.09353) trains the norms of W's rows, too. The layers are PEFT's own.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from alih.errors import ModelError, OptionError
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.open import Pretrained
from alih.quantize.adapter import save_adapter as save_qalora_adapter
from alih.quantize.calibration import Batches
from alih.quantize.model import add_qalora, merge_qalora, qalora_layers, quantize_model
from alih.quantize.targets import replace
from alih.routes import nf4
from alih.routes.base import AdapterForm, Variant
from alih.training.modules import trained_paths

#: PEFT's name of the one adapter that a model has here.
_NAME = "default"
_ATTENTION = re.compile(r"att|(^|\.)(q|k|v|o)(_proj)?$", re.IGNORECASE)
#: Layer names that a message lists.
_LISTED = 12


def adapted_layers(model: nn.Module, anatomy: Anatomy, variant: Variant) -> list[str]:
    """Names of the layers that get adapters: the linear ones in the trained blocks; LoRA on a network without any takes
    its convolutions.

    Raises:
        OptionError: a target names none of them; the message lists those there are.
        ModelError: the blocks have no layer that could be adapted.
    """
    form = form_of(variant)
    there = _candidates(model, anatomy, variant)
    if not there:
        raise ModelError(unsuited(model, anatomy, variant) or "its blocks have no layer that could be adapted")
    if form.targets in {(), ("all-linear",)}:
        return there
    if form.targets == ("attention",):
        chosen = [name for name in there if _ATTENTION.search(name_in_block(name, anatomy))]
        _refuse_unknown(() if chosen else form.targets, there)
        return chosen
    ends = {target: [name for name in there if f".{name}".endswith(f".{target}")] for target in form.targets}
    _refuse_unknown([target for target, found in ends.items() if not found], there)
    wanted = {name for found in ends.values() for name in found}
    return [name for name in there if name in wanted]


def unsuited(model: nn.Module, anatomy: Anatomy, variant: Variant) -> str | None:
    """Why a route cannot adapt this model, in words; None where it can."""
    if variant.route == "qlora" and not nf4.is_available():
        return "NF4 needs bitsandbytes: pip install 'alih[qlora]'"
    if _candidates(model, anatomy, variant):
        return None
    if variant.route == "lora":
        return "the model's blocks have no linear or convolutional layers"
    return "a convolutional network has no linear layers in its blocks to quantise; the route lora adapts convolutions"


def has_linear(model: nn.Module, anatomy: Anatomy) -> bool:
    """Whether the model's blocks have linear layers."""
    return bool(layers_in_blocks(model, anatomy, 0, nn.Linear | Conv1D))


def attach(
    pretrained: Pretrained,
    variant: Variant,
    seed: int,
    device: torch.device,
    batches: Batches | None = None,
) -> None:
    """Put untrained adapters on a model, in place: what trains afterwards is they, and a head that the task added.

    For `qlora` and `qalora` the adapted layers are quantised first. Everything random follows from the seed.

    Args:
        pretrained: the model.
        variant: its route and the form of the adapters.
        seed: of the adapters' random numbers.
        device: where NF4 weights live.
        batches: inputs of the model, for calibrated rounding.

    Raises:
        ModelError: a weight that cannot be quantised, or a model without layers to adapt.
        OptionError: targets that the model does not have, or calibrated rounding without batches.
    """
    model, anatomy, form = pretrained.model, pretrained.anatomy, form_of(variant)
    names = adapted_layers(model, anatomy, variant)
    if variant.route == "qlora":
        nf4.quantize(model, names, device)
    if variant.route == "qalora":
        quantize_model(
            model,
            bits=form.bits,
            group_size=form.group_size,
            method=form.rounding,
            targets=names,
            calibration_batches=batches if form.rounding == "calibrated" else None,
        )
    torch.manual_seed(seed)
    if variant.route == "qalora":
        add_qalora(model, rank=form.rank, alpha=form.scale, targets=names, rslora=form.rslora)
    else:
        _inject(model, names, form, four_bit=variant.route == "qlora")
    for path in trained_paths(anatomy, len(anatomy.blocks)):
        model.get_submodule(path).requires_grad_(True)


def save_adapter(pretrained: Pretrained, variant: Variant, folder: Path) -> int:
    """Write the adapters and the head that trained, and return the bytes; `PeftModel.from_pretrained` opens LoRA's.

    QA-LoRA adapters belong to quantised layers and have a format of their own; see `alih.quantize.adapter`.

    Raises:
        ModelError: the folder cannot be written.
    """
    if variant.route == "qalora":
        return save_qalora_adapter(pretrained.model, folder)
    config = _config(list(lora_layers(pretrained.model)), form_of(variant))
    return write_adapter(pretrained, config, "lora_", folder)


def write_adapter(pretrained: Pretrained, config: Any, mark: str, folder: Path) -> int:
    """Write what PEFT's layers hold, and the head that trained, in PEFT's format, and return the bytes.

    Args:
        pretrained: the model, not merged.
        config: PEFT's, with the layers that were adapted.
        mark: part of the name of every parameter that was added.
        folder: where to.

    Raises:
        ModelError: the folder cannot be written.
    """
    heads = _heads(pretrained)
    tensors: dict[str, Tensor] = {}
    for name, value in pretrained.model.named_parameters():
        if mark in name or any(name.startswith(f"{head}.") for head in heads):
            told = name.replace(f".{_NAME}", "")
            told = told.removesuffix(".weight") if "lora_magnitude_vector" in told else told
            tensors[f"base_model.model.{told}"] = value.detach().cpu().contiguous().clone()
    config.modules_to_save, config.inference_mode = heads, True
    config.base_model_name_or_path = pretrained.name
    try:
        folder.mkdir(parents=True, exist_ok=True)
        config.save_pretrained(str(folder))
        save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    except OSError as error:
        raise ModelError(f"{folder}: the adapter cannot be written ({error}). Free some space.") from error
    return (folder / "adapter_model.safetensors").stat().st_size


@torch.no_grad()
def merge(model: nn.Module, *, into_nf4: bool = False) -> None:
    """Merge every adapter into its layer, in place: what is left is a plain Hugging Face model (QA-LoRA: quantised).

    LoRA adds s · B A to the weight; QLoRA adds it to the dequantised weight, and leaves it in 32 bits; QA-LoRA goes
    into the zero points. DoRA scales the rows of the sum as well.

    Args:
        model: the model.
        into_nf4: round what QLoRA merged to NF4 and back: the weights that a merged model held in NF4 computes with, in
            32 bits. That is a second rounding, which the adapters were not trained for.

    Raises:
        ModelError: an adapter holds NaN.
    """
    if qalora_layers(model):
        merge_qalora(model)
    for name, layer in lora_layers(model).items():
        base = layer.get_base_layer()
        if nf4.is_quantized(base):
            weight = _merged_nf4(layer)
            _refuse_nan(name, weight)
            replace(model, name, nf4.dense(base, nf4.round_trip(weight) if into_nf4 else weight))
            continue
        try:
            layer.merge(safe_merge=True)
        except ValueError:
            raise broken(name) from None
        replace(model, name, base)
    if hasattr(model, "peft_config"):
        del model.peft_config


@torch.no_grad()
def round_to_nf4(model: nn.Module, names: Iterable[str]) -> dict[str, Tensor]:
    """Round the merged weights of these layers as `merge` does into NF4, in place; return what they were, by name."""
    were: dict[str, Tensor] = {}
    for name in names:
        layer: Any = model.get_submodule(name)
        were[f"{name}.weight"] = layer.weight.detach().clone()
        across = isinstance(layer, Conv1D)  # its weight is (inputs, outputs)
        found = nf4.round_trip(layer.weight.T if across else layer.weight)
        layer.weight.copy_(found.T if across else found)
    return were


def form_of(variant: Variant) -> AdapterForm:
    """The form of a variant's low-rank adapters."""
    form = variant.adapter
    assert isinstance(form, AdapterForm)
    return form


def lora_layers(model: nn.Module) -> dict[str, Any]:
    """The layers of PEFT that have adapters, by name."""
    from peft.tuners.lora import LoraLayer

    return {name: module for name, module in model.named_modules() if isinstance(module, LoraLayer)}


def _inject(model: nn.Module, names: list[str], form: AdapterForm, *, four_bit: bool) -> None:
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns of kernels that nobody asked for
    from peft import inject_adapter_in_model

    if four_bit:
        model.is_loaded_in_4bit = True  # type: ignore[assignment]  # PEFT asks this before it looks at the layers
    try:
        inject_adapter_in_model(_config(names, form), model, adapter_name=_NAME)
    finally:
        if four_bit:
            del model.is_loaded_in_4bit
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lora_" in name)


def _merged_nf4(layer: Any) -> Tensor:
    """W + s · B A (outputs, inputs) of a layer whose W is in NF4; with DoRA, its rows scaled to the trained norms."""
    frozen, delta = nf4.weight(layer.get_base_layer()), layer.get_delta_weight(_NAME).float()
    weight: Tensor = frozen + delta.to(frozen.device)
    if not layer.use_dora[_NAME]:
        return weight
    magnitude: Tensor = layer.lora_magnitude_vector[_NAME].weight.detach().float().to(frozen.device)
    scaled: Tensor = weight * (magnitude / weight.norm(dim=1)).unsqueeze(1)
    return scaled


def _config(names: list[str], form: AdapterForm) -> Any:
    from peft import LoraConfig

    alpha: Any = form.scale  # PEFT says int, and takes any number
    return LoraConfig(r=form.rank, lora_alpha=alpha, target_modules=names, use_rslora=form.rslora, use_dora=form.dora)


def _candidates(model: nn.Module, anatomy: Anatomy, variant: Variant) -> list[str]:
    boundary = variant.total_blocks - variant.trainable_blocks
    linear = layers_in_blocks(model, anatomy, boundary, nn.Linear | Conv1D)
    if linear or variant.route != "lora":
        return linear
    convolutions = layers_in_blocks(model, anatomy, boundary, nn.Conv2d)
    return [name for name in convolutions if model.get_submodule(name).groups == 1]


def layers_in_blocks(model: nn.Module, anatomy: Anatomy, boundary: int, kind: Any) -> list[str]:
    """Names of the layers of a kind in the blocks from `boundary` on; from 0 on, in an encoder before them as well."""
    paths = [path for block in anatomy.blocks[boundary:] for path in block.modules]
    if boundary == 0 and getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        paths += anatomy.stem  # its encoder
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, kind) and any(name == path or name.startswith(f"{path}.") for path in paths)
    ]


def name_in_block(name: str, anatomy: Anatomy) -> str:
    """A layer's name without its block's."""
    paths = [path for block in anatomy.blocks for path in block.modules]
    return next((name.removeprefix(f"{path}.") for path in paths if name.startswith(f"{path}.")), name)


def _heads(pretrained: Pretrained) -> list[str]:
    """The parts of the head that trained."""
    model = pretrained.model
    paths = [path for path in pretrained.anatomy.head if path != "relu"]
    return [path for path in paths if any(p.requires_grad for p in model.get_submodule(path).parameters())]


def _refuse_unknown(targets: Any, there: list[str]) -> None:
    if not targets:
        return
    ends = sorted({name.rpartition(".")[2] if not name[-1].isdigit() else name for name in there})
    more = f", and {len(ends) - _LISTED} more" if len(ends) > _LISTED else ""
    named = ", ".join(f"{target!r}" for target in targets)
    raise OptionError(
        f"--lora-targets: {named} names no layer in the adapted blocks. Write all-linear, attention, or (ends of) "
        f"names; those there are end in: {', '.join(ends[:_LISTED])}{more}."
    )


def _refuse_nan(name: str, values: Tensor) -> None:
    if not bool(torch.isfinite(values).all()):
        raise broken(name)


def broken(name: str) -> ModelError:
    """What is wrong with a layer whose adapter holds NaN."""
    return ModelError(f"{name}: the adapter holds NaN or infinite values: train it again with a lower learning rate.")
