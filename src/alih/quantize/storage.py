"""Quantised models on disk: safetensors and a config.json that says what they are, read by transformers itself.

A folder holds what `save_pretrained` writes. For each quantised layer `<name>`, model.safetensors has

    <name>.codes   uint8 (outputs, bytes a row)     packed as `alih.quantize.groups` says
    <name>.scale   bfloat16 (outputs, groups)
    <name>.zero    float32 (outputs, groups)        zero points in units of codes; merged adapters are in here
    <name>.bias    as it was, if it was
    <name>.weight  empty: what does not know this format (transformers without alih) finds a weight of the wrong shape,
                   and stops, instead of going on with random ones

and config.json has, under `quantization_config`,

    quant_method   "alih-groups"
    version        1
    convention     "weight = scale * (code - zero)"
    forms          [{"bits": 4, "group_size": 32, "layers": [names]}, …]
    sha256         digest of all codes, scales and zero points: a damaged file, or one of another save, is refused

Importing this module registers the format with transformers: `AutoModel….from_pretrained(folder)` then opens it.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, PreTrainedModel
from transformers.quantizers.auto import register_quantization_config, register_quantizer
from transformers.quantizers.base import HfQuantizer
from transformers.utils.quantization_config import QuantizationConfigMixin

from alih import files
from alih.errors import ModelError
from alih.quantize.groups import GroupFormat
from alih.quantize.linear import QuantizedLinear, dense_shape
from alih.quantize.model import qalora_layers, quantized_layers
from alih.quantize.packed import PackedLinear
from alih.quantize.targets import replace

METHOD = "alih-groups"
VERSION = 1
CONVENTION = "weight = scale * (code - zero)"


@register_quantization_config(METHOD)
class GroupQuantizationConfig(QuantizationConfigMixin):
    """`quantization_config` of config.json; the fields are those of the module's docstring.

    Raises:
        ModelError: a version or a convention that this release does not read, or fields that are missing.
    """

    def __init__(self, **fields: Any) -> None:
        self.quant_method = METHOD  # type: ignore[assignment]  # transformers lists its own methods only
        missing = [name for name in ("version", "convention", "forms", "sha256") if name not in fields]
        if missing:
            raise ModelError(f"config.json: quantization_config lacks {', '.join(missing)}; save the model again.")
        self.version, self.convention = fields["version"], fields["convention"]
        self.forms, self.sha256 = fields["forms"], fields["sha256"]
        if self.version != VERSION or self.convention != CONVENTION:
            raise ModelError(
                f'config.json: quantised by version {self.version}, "{self.convention}"; this release reads version '
                f'{VERSION}, "{CONVENTION}". Update alih, or save the model again with this release.'
            )

    @classmethod
    def of(cls, layers: dict[str, QuantizedLinear]) -> GroupQuantizationConfig:
        """Return the configuration that describes these layers."""
        forms: dict[GroupFormat, list[str]] = {}
        for name, layer in layers.items():
            forms.setdefault(layer.form, []).append(name)
        listed = [{"bits": f.bits, "group_size": f.group_size, "layers": names} for f, names in forms.items()]
        return cls(version=VERSION, convention=CONVENTION, forms=listed, sha256=digest(layers))

    def by_layer(self) -> dict[str, GroupFormat]:
        """Return each layer's form."""
        return {name: GroupFormat(f["bits"], f["group_size"]) for f in self.forms for name in f["layers"]}


@register_quantizer(METHOD)
class GroupQuantizer(HfQuantizer):
    """What `from_pretrained` does for a folder of this format: put quantised layers in place, then check the digest."""

    quantization_config: GroupQuantizationConfig

    def _process_model_before_weight_loading(self, model: PreTrainedModel, **_: Any) -> None:
        for name, form in self.quantization_config.by_layer().items():
            try:
                outputs, inputs = dense_shape(model.get_submodule(name))
                has_bias = model.get_submodule(name).bias is not None
            except (AttributeError, ModelError):
                raise ModelError(
                    f"config.json lists the quantised layer {name}, and {type(model).__name__} has no linear layer "
                    "of that name: open the folder with the class that it was saved from."
                ) from None
            replace(model, name, QuantizedLinear(inputs, outputs, form, bias=has_bias, device="meta"))
        guards = {rf"(^|\.){re.escape(name)}\.weight$" for name in self.quantization_config.by_layer()}
        model._keys_to_ignore_on_load_unexpected = guards | set(model._keys_to_ignore_on_load_unexpected or ())

    def _process_model_after_weight_loading(self, model: PreTrainedModel, **_: Any) -> PreTrainedModel:
        if digest(quantized_layers(model)) != self.quantization_config.sha256:
            raise ModelError(
                "the quantised weights are not those that config.json was written for: the file is damaged, or saving "
                "was interrupted. Copy or save the model again."
            )
        # transformers forbids .float(), .half() and training of what says it is quantised; these layers allow all.
        model.is_quantized = False  # type: ignore[assignment]
        return model

    def is_serializable(self) -> bool:
        """Whether `save_pretrained` may be called."""
        return True

    @property
    def is_trainable(self) -> bool:
        """Whether adapters and what is not quantised can be trained."""
        return True


def save_quantized(model: PreTrainedModel, folder: Path) -> int:
    """Write a quantised model, adapters merged, and return the bytes of its weight files.

    Files are written beside and moved into place, config.json last: an interrupted save leaves a folder that is
    refused, or the model that was there before.

    Raises:
        ModelError: nothing is quantised, an adapter is not merged, or the folder cannot be written.
    """
    if qalora_layers(model):
        raise ModelError("the model has unmerged QA-LoRA adapters: merge them, or save the adapter (save_adapter).")
    layers = quantized_layers(model)
    if not layers or any(isinstance(module, PackedLinear) for module in model.modules()):
        raise ModelError(
            "the model has no quantised layers in the form that is saved: quantise it (quantize_model), and save it "
            "before the packed kernel is used (use_packed_kernel)."
        )
    model.config.quantization_config = GroupQuantizationConfig.of(layers)
    try:
        partial = files.new_folder(folder)
        guards = {f"{name}.weight": torch.empty(0) for name in layers}
        try:
            model.save_pretrained(partial, state_dict={**model.state_dict(), **guards})
            files.flush_tree(partial)
            written = sorted(partial.iterdir(), key=lambda path: (path.name == "config.json", path.name))
            for path in written:
                path.replace(folder / path.name)
        finally:
            files.remove(partial)
        files.flush(folder)
    except OSError as error:
        raise ModelError(
            f"{folder}: the model cannot be written ({error}). Free some space, or name another."
        ) from error
    return sum((folder / path.name).stat().st_size for path in written if path.suffix == ".safetensors")


def load_quantized(folder: Path, auto: Any = AutoModelForCausalLM, **options: Any) -> PreTrainedModel:
    """Open a folder that `save_quantized` wrote.

    Args:
        folder: the folder.
        auto: the class whose `from_pretrained` is called.
        options: passed on to it, for example `dtype`.

    Raises:
        ModelError: no such model there, not quantised in this format, damaged, or of another class.
    """
    again = "Copy or save the model again."
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{folder}: there is no config.json; saving was interrupted, or no model is there.") from None
    except (OSError, ValueError) as error:
        raise ModelError(f"{folder / 'config.json'}: it cannot be read ({error}). {again}") from None
    method = (config.get("quantization_config") or {}).get("quant_method")
    if method != METHOD:
        found = f'quantised by "{method}"' if method else "not quantised"
        raise ModelError(f'{folder}: the model is {found}; this function opens those quantised by "{METHOD}".')
    try:
        model, report = auto.from_pretrained(folder, output_loading_info=True, local_files_only=True, **options)
    except ModelError as error:
        raise ModelError(f"{folder}: {error}") from None
    except Exception as error:  # transformers and safetensors raise many kinds on a damaged file
        raise ModelError(f"{folder}: the weights cannot be read ({error}). {again}") from error
    for what in ("missing_keys", "mismatched_keys"):
        if report[what]:
            names = ", ".join(sorted(map(str, report[what]))[:3])
            raise ModelError(f"{folder}: {what.replace('_keys', '')} tensors: {names}. {again}")
    assert isinstance(model, PreTrainedModel)
    return model


def digest(layers: dict[str, QuantizedLinear]) -> str:
    """Return the SHA-256 of the layers' names, forms, codes, scales and zero points, in order of names."""
    whole = hashlib.sha256()
    for name in sorted(layers):
        whole.update(f"{name}={layer_digest(layers[name])};".encode())
    return whole.hexdigest()


def layer_digest(layer: QuantizedLinear) -> str:
    """Return the SHA-256 of a layer's form, codes, scales and zero points; the bias is not in it."""
    whole = hashlib.sha256(f"{layer.form.bits},{layer.form.group_size},{layer.in_features}".encode())
    for tensor in (layer.codes, layer.scale, layer.zero.to(torch.float32)):
        whole.update(_bytes(tensor))
    return whole.hexdigest()


def _bytes(tensor: Tensor) -> Any:
    """Return the tensor's bytes without a copy, where it is on the processor already."""
    return tensor.detach().cpu().contiguous().view(torch.uint8).numpy().data
