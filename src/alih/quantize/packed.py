"""Inference with PyTorch's packed INT4 kernel: a quarter of the bytes to stream for each token that is decoded.

The kernel (`torch.ops.aten._weight_int4pack_mm_for_cpu`) is fast in bfloat16 only: inputs, scales and zero points are
rounded to 8 bits of mantissa, sums are in fp32, the output is bfloat16 again. Outputs differ from the fp32 path by
0.2–0.4 % of their largest (measured), as in any bfloat16 inference; scales lose nothing, being bfloat16 on disk.

Conventions: ours is scale · (code − zero) with zero in codes; the kernel's is scale · (code − 8) + zero in weights. So
the kernel's zero is scale · (8 − zero). It knows groups of 32, 64, 128 and 256; longer groups that are a multiple of
one of these are cut, each part with the same scale and zero.

Whether the kernel is fast depends on the processor (AVX-512 and bf16 or not) and on the number of tokens at a time.
So it is measured once in a process, on a small matrix, against dequantising: `kernel_tokens`. Whoever needs the same
bits on every machine says which path to take (`most_tokens`).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from alih.errors import ModelError
from alih.quantize.groups import GroupFormat, unpack
from alih.quantize.linear import QuantizedLinear
from alih.quantize.model import qalora_layers, quantized_layers
from alih.quantize.targets import replace

#: Group sizes that the kernel knows, and the multiple that its outputs have to be.
_KERNEL_GROUPS, _KERNEL_OUTPUTS = (256, 128, 64, 32), 16
#: Numbers of tokens that the measurement tries; where the kernel wins the last, it wins any number.
_TRIED = (1, 32, 512)
_SIDE, _REPEATS = 1024, 5
#: The most that the kernel's outputs may differ from the fp32 path's, as a part of the largest.
_PRECISION = 0.02


class PackedLinear(nn.Module):
    """A quantised layer run by the packed INT4 kernel; for inference on the CPU: no gradients, nothing is saved.

    Memory: the kernel's form takes what the packed codes take, with scales and zero points in bfloat16 (0.16 of fp32
    in groups of 32); the quantised layer is kept beside it only if it is the faster one for many tokens.

    Args:
        base: a layer that `fits_kernel`.
        most_tokens: tokens (rows of the input) up to which the kernel is used; None = always.
    """

    weight: Tensor
    scale_and_zero: Tensor

    def __init__(self, base: QuantizedLinear, most_tokens: int | None = None) -> None:
        super().__init__()
        self.in_features, self.out_features = base.in_features, base.out_features
        self.bias = base.bias
        self.base = None if most_tokens is None else base
        self.most_tokens = most_tokens
        groups = base.form.groups(base.in_features)
        self.padded = groups * base.form.group_size
        self.group = next(size for size in _KERNEL_GROUPS if base.form.group_size % size == 0)
        codes = unpack(base.codes, base.form.bits, self.padded).to(torch.int32)
        scale = base.scale.to(base.zero.dtype)
        both = torch.stack([scale, scale * (8 - base.zero)], -1).repeat_interleave(
            base.form.group_size // self.group, 1
        )  # (o, kernel's groups, 2)
        weight = torch.ops.aten._convert_weight_to_int4pack_for_cpu(codes, 2)
        self.register_buffer("weight", weight, persistent=False)
        self.register_buffer("scale_and_zero", both.transpose(0, 1).contiguous().bfloat16(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out), in the input's type."""
        tokens = x.reshape(-1, x.shape[-1])
        if self.base is not None and self.most_tokens is not None and tokens.shape[0] > self.most_tokens:
            wide: Tensor = self.base(x)
            return wide
        tokens = tokens.bfloat16()
        if self.padded != self.in_features:
            tokens = F.pad(tokens, (0, self.padded - self.in_features))
        y: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(tokens, self.weight, self.group, self.scale_and_zero)
        y = y.to(x.dtype).view(*x.shape[:-1], self.out_features)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        """Return what the layer's line in a printed model says."""
        return f"in_features={self.in_features}, out_features={self.out_features}, most_tokens={self.most_tokens}"


def fits_kernel(layer: QuantizedLinear) -> bool:
    """Whether the kernel can run the layer at all: 4 bits, on the CPU, a group size and outputs that it knows."""
    return (
        layer.form.bits == 4
        and layer.codes.device.type == "cpu"
        and layer.out_features % _KERNEL_OUTPUTS == 0
        and layer.form.group_size % _KERNEL_GROUPS[-1] == 0
    )


def use_packed_kernel(model: nn.Module, most_tokens: int | Literal["measured"] | None = "measured") -> tuple[str, ...]:
    """Run the 4-bit layers of a model by the packed kernel, in place, where that is faster; return their names.

    The other layers, and on processors where the kernel is slow all of them, go on dequantising. After this the
    model is for inference only: save it first.

    Args:
        model: a quantised model, adapters merged.
        most_tokens: tokens up to which the kernel is used; None = always; "measured" = as `kernel_tokens` says.

    Raises:
        ModelError: an adapter is not merged.
    """
    if qalora_layers(model):
        raise ModelError("the model has unmerged QA-LoRA adapters: merge them first (merge_qalora).")
    limit = kernel_tokens(torch.get_num_threads()) if most_tokens == "measured" else most_tokens
    if limit == 0:
        return ()
    chosen = {name: layer for name, layer in quantized_layers(model).items() if fits_kernel(layer)}
    for name, layer in chosen.items():
        replace(model, name, PackedLinear(layer, limit).train(layer.training))
    return tuple(chosen)


def use_dense(model: nn.Module) -> tuple[str, ...]:
    """Turn quantised layers into `nn.Linear` of dequantised weights, in place; return their names.

    For whoever has the memory (4 bytes a weight) and a processor without a fast kernel: decoding then runs at the
    speed of the float model, with the quantised model's outputs.

    Raises:
        ModelError: an adapter is not merged.
    """
    if qalora_layers(model):
        raise ModelError("the model has unmerged QA-LoRA adapters: merge them first (merge_qalora).")
    layers = quantized_layers(model)
    for name, layer in layers.items():
        dense = nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
        dense.weight = nn.Parameter(layer.weight, requires_grad=False)
        dense.register_parameter("bias", layer.bias)
        replace(model, name, dense.train(layer.training))
    return tuple(layers)


def make_fast(model: nn.Module) -> str:
    """Let a quantised model decode as fast as it can here, in place, and say how: for inference only, save it first.

    Returns:
        "packed" where the INT4 kernel is faster on this processor, "dense" where dequantised weights in memory are, or
        "" for a model without quantised layers on the CPU.

    Raises:
        ModelError: an adapter is not merged.
    """
    layers = quantized_layers(model)
    if not layers or any(layer.codes.device.type != "cpu" for layer in layers.values()):
        return ""
    if use_packed_kernel(model):
        return "packed"
    use_dense(model)
    return "dense"


@lru_cache
def kernel_tokens(threads: int) -> int | None:
    """Return up to how many tokens at a time the packed kernel beats dequantising here; 0 = never, None = always.

    Takes about 0.1 seconds, once for each number of threads. A kernel whose outputs are wrong counts as slow.

    Args:
        threads: `torch.get_num_threads()`, which the answer holds for.
    """
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(_SIDE, _SIDE, generator=generator)
    layer = QuantizedLinear.from_linear(_linear(weight), GroupFormat(4, 32))
    try:
        packed = PackedLinear(layer)
        x = torch.randn(max(_TRIED), _SIDE, generator=generator)
        most = 0
        with torch.inference_mode():
            exact = layer(x[:1])
            if not float((packed(x[:1]) - exact).abs().max()) <= _PRECISION * float(exact.abs().max()):
                return 0
            for count in _TRIED:  # what dequantising costs once, more tokens share: after one loss only losses follow
                if _seconds(packed, x[:count]) > _seconds(layer, x[:count]):
                    return most
                most = count
    except (RuntimeError, AttributeError):  # a build, or a processor, without the kernel
        return 0
    return None


def _linear(weight: Tensor) -> nn.Linear:
    linear = nn.Linear(weight.shape[1], weight.shape[0], bias=False, device="meta")
    linear.weight = nn.Parameter(weight, requires_grad=False)
    return linear


def _seconds(run: Callable[[Tensor], Tensor], x: Tensor) -> float:
    """Return the least time of a few runs: what disturbs them only ever adds."""
    run(x)
    times = []
    for _ in range(_REPEATS):
        start = time.perf_counter()
        run(x)
        times.append(time.perf_counter() - start)
    return min(times)
