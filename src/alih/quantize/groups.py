"""Group-wise asymmetric integer quantisation of a weight: one float scale and one float zero point a group of inputs.

Convention (Xu et al. 2023, arXiv 2309.14717, Algorithm 1), for output i and input j in group l:

    weight[i, j] ≈ scale[i, l] · (code[i, j] − zero[i, l])        code ∈ {0 … 2^bits − 1}

`zero` is a real number in units of codes, never rounded: that is what lets an adapter merge into it. `scale` is
bfloat16, rounded upwards before codes are computed, so every weight stays within half a step of the grid, the scale
loses nothing on disk, and PyTorch's packed kernel takes it as it is. With fp32 zeros a weight at 4 bits in groups of
32 takes (32 · 4 + 16 + 32) / 32 = 5.5 bits: 0.172 of fp32.

Groups are runs of `group_size` neighbouring inputs. Where `group_size` does not divide the inputs, the last group is
shorter; its codes are padded with zeros to full length, and the padding is cut off again on the way out.

Packing: a row of codes is a string of bits, least significant first. Code j takes bits [j·bits, (j+1)·bits) of its
row; bit k of the row is bit k mod 8 of byte ⌊k / 8⌋. So two 4-bit codes a byte (the even one in the low half), four
2-bit codes a byte, and eight 3-bit codes in three bytes. A row ends at a whole byte; spare bits are zero.

Shapes: o outputs, i inputs, g inputs a group, l groups = ⌈i / g⌉.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from alih.errors import ModelError, OptionError

#: Bit widths that there are.
BITS = (2, 3, 4, 8)
#: The type of every scale, on disk and in memory: the range of fp32 in two bytes.
SCALE_DTYPE = torch.bfloat16
#: A group whose range is under this part of its largest value is held to be constant (and |value|s under _TINY are 0).
_FLAT, _TINY = 2.0**-20, 1e-30


@dataclass(frozen=True)
class GroupFormat:
    """How a weight is cut and coded.

    Args:
        bits: bits a code, one of `BITS`.
        group_size: neighbouring inputs that share a scale and a zero point; at least 1.

    Raises:
        OptionError: a width or a size that there is not.
    """

    bits: int
    group_size: int

    def __post_init__(self) -> None:
        if self.bits not in BITS:
            raise OptionError(f"bits={self.bits}: quantised weights have {', '.join(map(str, BITS))} bits. Take one.")
        if self.group_size < 1:
            raise OptionError(f"group_size={self.group_size}: a group has at least 1 input; 32, 64 and 128 are usual.")

    def groups(self, inputs: int) -> int:
        """Return the number of groups of a row."""
        return -(-inputs // self.group_size)

    def row_bytes(self, inputs: int) -> int:
        """Return the bytes of a packed row, padding of the last group included."""
        return -(-self.groups(inputs) * self.group_size * self.bits // 8)


@dataclass(frozen=True, eq=False)
class GroupQuantized:
    """A quantised weight.

    Args:
        codes: packed codes, uint8 (o, bytes a row).
        scale: bfloat16 (o, l).
        zero: zero points in units of codes, float32 (float64 of a float64 weight), (o, l).
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor


def quantize(weight: Tensor, form: GroupFormat) -> GroupQuantized:
    """Quantise a weight (o, i), each value to the nearest code of its group's grid.

    Raises:
        ModelError: the weight is not a matrix of finite numbers.
    """
    scale, zero = grid(weight, form)
    return GroupQuantized(pack(nearest(weight, scale, zero, form), form.bits), scale, zero)


def grid(weight: Tensor, form: GroupFormat) -> tuple[Tensor, Tensor]:
    """Return scale and zero (o, l) of the grid that spans each group of a weight (o, i) from its least to its largest.

    Raises:
        ModelError: the weight is not a matrix of finite numbers.
    """
    if weight.ndim != 2 or not weight.is_floating_point():
        raise ModelError(f"a weight of shape {tuple(weight.shape)} and type {weight.dtype} is no matrix of floats")
    if not bool(torch.isfinite(weight).all()):
        raise ModelError("the weight holds NaN or infinite values: quantise a model that was trained without them")
    values = weight if weight.dtype == torch.float64 else weight.float()
    grouped = _grouped(values, form, pad_with_last=True)  # (o, l, g)
    low, high = grouped.amin(-1), grouped.amax(-1)  # (o, l)
    largest = torch.maximum(low.abs(), high.abs())
    step = torch.maximum(high / (2**form.bits - 1) - low / (2**form.bits - 1), largest * _FLAT)
    scale = _round_up(torch.where(largest < _TINY, torch.ones_like(step), step))
    return scale, -low / scale.to(values.dtype)


def nearest(weight: Tensor, scale: Tensor, zero: Tensor, form: GroupFormat) -> Tensor:
    """Return the nearest codes, unpacked: uint8 (o, l·g), zeros where the last group is padded."""
    padded = _grouped(weight.to(zero.dtype), form)
    codes = (padded / scale.to(zero.dtype).unsqueeze(-1) + zero.unsqueeze(-1)).round_().clamp_(0, 2**form.bits - 1)
    codes = codes.to(torch.uint8).flatten(1)
    codes[:, weight.shape[1] :] = 0
    return codes


def dequantize(quantized: GroupQuantized, form: GroupFormat, inputs: int, out: Tensor | None = None) -> Tensor:
    """Return the weight (o, i) in the zero points' type, written into `out` (o, l·g) if that is given."""
    codes = unpack(quantized.codes, form.bits, form.groups(inputs) * form.group_size)
    shape = (codes.shape[0], -1, form.group_size)
    values = torch.sub(codes.view(shape), quantized.zero.unsqueeze(-1), out=None if out is None else out.view(shape))
    values *= quantized.scale.to(values.dtype).unsqueeze(-1)
    return values.view(codes.shape[0], -1)[:, :inputs]


def group_sums(values: Tensor, form: GroupFormat) -> Tensor:
    """Sum each group: (…, i) → (…, l)."""
    inputs = values.shape[-1]
    padded = F.pad(values, (0, form.groups(inputs) * form.group_size - inputs)) if inputs % form.group_size else values
    return padded.reshape(*values.shape[:-1], -1, form.group_size).sum(-1)


def pack(codes: Tensor, bits: int) -> Tensor:
    """Pack codes (o, n), each below 2^bits, into bytes (o, ⌈n·bits / 8⌉); the layout is in the module's docstring."""
    codes = codes.to(torch.uint8)
    if bits == 8:
        return codes.contiguous()
    together, width = (8, 3) if bits == 3 else (8 // bits, 1)  # codes that end at a whole byte, and their bytes
    row_bytes = -(-codes.shape[1] * bits // 8)
    padded = F.pad(codes, (0, -codes.shape[1] % together)).view(codes.shape[0], -1, together)  # (o, n', together)
    word = torch.zeros(padded.shape[:2], dtype=torch.int32, device=codes.device)
    for place in range(together):
        word |= padded[..., place].to(torch.int32) << (place * bits)
    parts = [(word >> (8 * byte)).bitwise_and_(255).to(torch.uint8) for byte in range(width)]
    return torch.stack(parts, -1).flatten(1)[:, :row_bytes].contiguous()


def unpack(packed: Tensor, bits: int, count: int) -> Tensor:
    """Unpack the first `count` codes of each row: (o, bytes) → uint8 (o, count)."""
    if bits == 8:
        return packed[:, :count]
    if bits == 3:
        return _unpack_3(packed)[:, :count]
    if bits == 4 and sys.byteorder == "little" and packed.is_contiguous():
        # Both halves at once, as the two bytes of a 16-bit word: five times faster than one after the other.
        wide = packed.to(torch.int16)
        return (wide | (wide << 4)).bitwise_and_(0x0F0F).view(torch.uint8)[:, :count]
    mask = 2**bits - 1
    return torch.stack([(packed >> shift) & mask for shift in range(0, 8, bits)], -1).flatten(1)[:, :count]


def _unpack_3(packed: Tensor) -> Tensor:
    padded = F.pad(packed, (0, -packed.shape[1] % 3)).view(packed.shape[0], -1, 3).to(torch.int32)
    word = padded[..., 0] | (padded[..., 1] << 8) | (padded[..., 2] << 16)  # eight codes in 24 bits
    return torch.stack([((word >> shift) & 7).to(torch.uint8) for shift in range(0, 24, 3)], -1).flatten(1)


def _grouped(weight: Tensor, form: GroupFormat, *, pad_with_last: bool = False) -> Tensor:
    """(o, i) → (o, l, g), a shorter last group padded with zeros or, where ranges are taken, with its last value."""
    missing = form.groups(weight.shape[1]) * form.group_size - weight.shape[1]
    if missing and pad_with_last:
        weight = torch.cat([weight, weight[:, -1:].expand(-1, missing)], 1)
    elif missing:
        weight = F.pad(weight, (0, missing))
    return weight.reshape(weight.shape[0], -1, form.group_size)


def _round_up(values: Tensor) -> Tensor:
    """Round positive numbers up to `SCALE_DTYPE`."""
    rounded = values.to(SCALE_DTYPE)
    above = torch.nextafter(rounded, torch.full_like(rounded, torch.inf))
    return torch.where(rounded.to(values.dtype) < values, above, rounded)
