"""Layers in NF4 with double quantisation (QLoRA, Dettmers et al. 2023, arXiv 2305.14314, section 3): bitsandbytes'."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers.pytorch_utils import Conv1D

from alih.errors import OptionError
from alih.quantize.linear import dense_weight
from alih.quantize.targets import replace
from alih.training.precision import has_bf16


def is_available() -> bool:
    """Whether bitsandbytes is installed; it is not imported for this."""
    return importlib.util.find_spec("bitsandbytes") is not None


def quantize(model: nn.Module, names: Sequence[str], device: torch.device) -> None:
    """Replace linear layers by NF4 ones, in place: blocks of 64 weights, their scales quantised to 8 bits in turn.

    They compute in bf16 where it has instructions of its own on the device, otherwise in fp32.

    Raises:
        OptionError: bitsandbytes is not installed.
    """
    if not is_available():
        raise OptionError("NF4 needs bitsandbytes: pip install 'alih[qlora]'")
    bnb: Any = importlib.import_module("bitsandbytes")

    compute = torch.bfloat16 if device.type == "cuda" and has_bf16(device) else torch.float32
    for name in names:
        layer: Any = model.get_submodule(name)
        weight = dense_weight(layer)
        new = bnb.nn.Linear4bit(
            weight.shape[1], weight.shape[0], bias=False, compute_dtype=compute, quant_type="nf4", device="meta"
        )
        new.weight = bnb.nn.Params4bit(
            weight.clone(), requires_grad=False, compress_statistics=True, quant_type="nf4", module=new
        ).to(device)
        new.bias = layer.bias
        # Scoring a batch would repack the weight for a bf16 kernel without gradients, and training goes on after it.
        new.support_avx512bf16_for_cpu = False
        new.was_transposed = isinstance(layer, Conv1D)
        replace(model, name, new.train(layer.training))


def is_quantized(layer: nn.Module) -> bool:
    """Whether a layer is one of `quantize`."""
    return hasattr(layer, "was_transposed")


def weight(layer: Any) -> Tensor:
    """Return what the codes of a layer of `quantize` mean: (outputs, inputs), fp32."""
    bnb: Any = importlib.import_module("bitsandbytes")
    found: Tensor = bnb.functional.dequantize_4bit(layer.weight.data, layer.weight.quant_state).float()
    return found.reshape(layer.out_features, layer.in_features)


def round_trip(weight: Tensor) -> Tensor:
    """Return a weight (outputs, inputs) as NF4 with double quantisation holds it, in fp32."""
    bnb: Any = importlib.import_module("bitsandbytes")
    codes, state = bnb.functional.quantize_4bit(weight.contiguous(), compress_statistics=True, quant_type="nf4")
    found: Tensor = bnb.functional.dequantize_4bit(codes, state).float()
    return found.reshape(weight.shape)


def dense(layer: Any, weight: Tensor) -> nn.Module:
    """Return the layer of the kind that was quantised, in fp32, with this weight (outputs, inputs)."""
    has_bias = layer.bias is not None
    new: nn.Module
    if layer.was_transposed:
        new = Conv1D(layer.out_features, layer.in_features)
        weight = weight.T.contiguous()
    else:
        new = nn.Linear(layer.in_features, layer.out_features, bias=has_bias, device="meta")
    new.weight = nn.Parameter(weight, requires_grad=False)
    if has_bias:
        new.bias = layer.bias
    return new.train(layer.training)
