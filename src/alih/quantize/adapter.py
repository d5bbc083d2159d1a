"""QA-LoRA adapters on disk: one safetensors file that knows which quantised model it was trained on.

`qalora_adapter.safetensors` holds `<layer>.lora_A` (r, groups) and `<layer>.lora_B` (outputs, r) in float32 for each
adapted layer. Its header's metadata has one entry `alih_qalora`, JSON:

    version      1
    convention   "sum": x̂ is the sum of each group of inputs (see `alih.quantize.qalora`)
    layers       {name: {"bits", "group_size", "rank", "alpha", "rslora", "base": SHA-256 of the layer it belongs to}}
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from alih import files
from alih.errors import ModelError
from alih.quantize.linear import QuantizedLinear
from alih.quantize.model import adaptable_layers, put_qalora, qalora_layers
from alih.quantize.qalora import CONVENTION, QALoRALinear
from alih.quantize.storage import layer_digest

FILE = "qalora_adapter.safetensors"
VERSION = 1
_ENTRY = "alih_qalora"
#: Differences between an adapter and a model that a message lists.
_LISTED = 3


def save_adapter(model: nn.Module, folder: Path) -> int:
    """Write the adapters of a model, and return the bytes of the file. It appears whole, or not at all.

    Raises:
        ModelError: the model has no adapters, or the folder cannot be written.
    """
    layers = qalora_layers(model)
    if not layers:
        raise ModelError("there are no QA-LoRA adapters to save: they are merged already, or were never added.")
    tensors = {}
    for name, layer in layers.items():
        tensors[f"{name}.lora_A"] = layer.lora_A.detach().to("cpu", torch.float32).contiguous()
        tensors[f"{name}.lora_B"] = layer.lora_B.detach().to("cpu", torch.float32).contiguous()
    about = {"version": VERSION, "convention": CONVENTION, "layers": {n: _about(layer) for n, layer in layers.items()}}
    path = folder / FILE
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with files.replacing(path) as part:
            save_file(tensors, part, metadata={"format": "pt", _ENTRY: json.dumps(about)})
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path}: the adapter cannot be written ({error}). Free some space, or name another."
        ) from error
    return path.stat().st_size


def load_adapter(model: nn.Module, folder: Path) -> tuple[str, ...]:
    """Put the adapters of a file on the quantised model they were trained on, in place; return the layers' names.

    Everything but the adapters is frozen, as by `add_qalora`.

    Raises:
        ModelError: no such file, a damaged one, or one of another model (what differs is said); the model stays as
            it is then.
    """
    layers = adaptable_layers(model)
    about, tensors = _read(folder / FILE)
    differences = [line for name, told in about.items() for line in _differences(name, told, layers, tensors)]
    if differences:
        more = f"; and {len(differences) - _LISTED} more" if len(differences) > _LISTED else ""
        raise ModelError(
            f"{folder / FILE}: the adapter belongs to another model: {'; '.join(differences[:_LISTED])}{more}. "
            "Open the quantised model that it was trained on."
        )
    adapted = {}
    for name, told in about.items():
        layer = QALoRALinear(layers[name], told["rank"], told["alpha"], rslora=told["rslora"])
        with torch.no_grad():
            layer.lora_A.copy_(tensors[f"{name}.lora_A"])
            layer.lora_B.copy_(tensors[f"{name}.lora_B"])
        adapted[name] = layer
    put_qalora(model, adapted)
    return tuple(adapted)


def _about(layer: QALoRALinear) -> dict[str, Any]:
    form = layer.base.form
    return {
        "bits": form.bits,
        "group_size": form.group_size,
        "rank": layer.rank,
        "alpha": layer.alpha,
        "rslora": layer.rslora,
        "base": layer_digest(layer.base),
    }


def _read(path: Path) -> tuple[dict[str, dict[str, Any]], dict[str, Tensor]]:
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such adapter; `save_adapter` writes one.") from None
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: the adapter is damaged ({error}). Copy or save it again.") from None
    try:
        about = json.loads(metadata[_ENTRY])
        version, convention, layers = about["version"], about["convention"], about["layers"]
    except (KeyError, ValueError, TypeError):
        raise ModelError(f"{path}: this is no QA-LoRA adapter of alih (its header has no {_ENTRY}).") from None
    if version != VERSION or convention != CONVENTION:
        raise ModelError(
            f'{path}: an adapter of version {version}, convention "{convention}"; this release reads version '
            f'{VERSION}, "{CONVENTION}". The factors between conventions are in the docstring of alih.quantize.qalora.'
        )
    return layers, tensors


def _differences(
    name: str, told: dict[str, Any], layers: dict[str, QuantizedLinear], tensors: dict[str, Tensor]
) -> list[str]:
    """Return in words how an adapted layer differs from the model's; nothing if it fits."""
    layer = layers.get(name)
    if layer is None:
        return [f"the model has no quantised layer {name}"]
    form = layer.form
    if (told["bits"], told["group_size"]) != (form.bits, form.group_size):
        trained = f"{told['bits']} bits in groups of {told['group_size']}"
        return [f"{name} was trained at {trained}, the model has {form.bits} bits in groups of {form.group_size}"]
    wanted = {"lora_A": (told["rank"], layer.scale.shape[1]), "lora_B": (layer.out_features, told["rank"])}
    for part, shape in wanted.items():
        tensor = tensors.get(f"{name}.{part}")
        if tensor is None or tuple(tensor.shape) != shape:
            found = "missing" if tensor is None else f"of shape {tuple(tensor.shape)}"
            return [f"{name}.{part} is {found}, the model needs {shape}"]
    if layer_digest(layer) != told["base"]:
        return [f"{name} has the same shape but other weights (another model, other rounding, or merged already)"]
    return []
