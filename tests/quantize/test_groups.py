"""Codes, scales, zero points and their packing, against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from alih.errors import ModelError, OptionError
from alih.quantize.groups import BITS, GroupFormat, dequantize, group_sums, pack, quantize, unpack

_bits = st.sampled_from(BITS)


def _weight(seed: int, outputs: int, inputs: int, spread: float = 1.0) -> Tensor:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(seed)) * spread


@settings(deadline=None)
@given(_bits, st.integers(1, 5), st.integers(1, 70), st.integers(0, 2**31))
def test_unpacking_returns_the_codes_that_were_packed(bits: int, rows: int, count: int, seed: int) -> None:
    codes = torch.randint(0, 2**bits, (rows, count), generator=torch.Generator().manual_seed(seed), dtype=torch.uint8)
    packed = pack(codes, bits)
    assert packed.dtype == torch.uint8
    assert packed.shape == (rows, -(-count * bits // 8))
    assert torch.equal(unpack(packed, bits, count), codes)


@settings(deadline=None)
@given(_bits, st.integers(1, 40), st.integers(0, 2**31))
def test_a_row_is_a_string_of_bits_least_significant_first(bits: int, count: int, seed: int) -> None:
    codes = np.random.default_rng(seed).integers(0, 2**bits, count, dtype=np.uint8)
    string = np.unpackbits(codes[:, None], axis=1, bitorder="little")[:, :bits].ravel()
    expected = np.packbits(string, bitorder="little")
    np.testing.assert_array_equal(pack(torch.from_numpy(codes)[None], bits)[0].numpy(), expected)


def test_eight_codes_of_three_bits_take_three_bytes() -> None:
    assert pack(torch.arange(8)[None], 3).tolist() == [[0b10001000, 0b11000110, 0b11111010]]


def test_unpacking_rows_that_are_cut_from_a_wider_matrix() -> None:
    packed = pack(torch.arange(64).view(4, 16) % 16, 4)
    assert torch.equal(unpack(packed[:, 1:5], 4, 8), unpack(packed, 4, 16)[:, 2:10])


@settings(deadline=None)
@given(
    _bits,
    st.integers(1, 40),
    st.integers(1, 6),
    st.integers(1, 50),
    st.sampled_from([1e-25, 1e-6, 1.0, 1e6, 1e25]),
    st.integers(0, 2**31),
)
def test_every_weight_is_within_half_a_step(
    bits: int, group_size: int, outputs: int, inputs: int, spread: float, seed: int
) -> None:
    form = GroupFormat(bits, group_size)
    weight = _weight(seed, outputs, inputs, spread)
    quantized = quantize(weight, form)
    step = quantized.scale.float().repeat_interleave(group_size, 1)[:, :inputs]
    error = (dequantize(quantized, form, inputs) - weight).abs()
    assert bool((error <= step * 0.5 + weight.abs().max() * 1e-6).all())
    grouped = [weight[:, start : start + group_size] for start in range(0, inputs, group_size)]
    spans = torch.stack([(part.amax(1) - part.amin(1)) / (2**bits - 1) for part in grouped], 1)
    largest = torch.stack([part.abs().amax(1) for part in grouped], 1)
    assert bool((quantized.scale.float() >= spans).all())
    assert bool((quantized.scale.float() <= torch.maximum(spans, largest * 2**-20) * (1 + 2**-7)).all())


def test_a_scale_is_bfloat16_and_a_zero_point_a_real_number() -> None:
    quantized = quantize(_weight(0, 3, 8), GroupFormat(4, 4))
    assert quantized.scale.dtype == torch.bfloat16
    assert quantized.zero.dtype == torch.float32
    assert not torch.equal(quantized.zero, quantized.zero.round())


def test_least_weight_of_a_group_is_kept_exactly() -> None:
    weight = _weight(3, 4, 16).double()
    form = GroupFormat(2, 16)
    values = dequantize(quantize(weight, form), form, 16)
    torch.testing.assert_close(values.amin(1), weight.amin(1), rtol=1e-12, atol=0)


@pytest.mark.parametrize("value", [0.0, 1.0, -0.37, 1e-35, 3e30])
@pytest.mark.parametrize("bits", BITS)
def test_a_constant_group_is_kept(value: float, bits: int) -> None:
    form = GroupFormat(bits, 8)
    values = dequantize(quantize(torch.full((2, 8), value), form), form, 8)
    torch.testing.assert_close(values, torch.full((2, 8), value), rtol=1e-6, atol=1e-30)


def test_a_group_that_is_constant_but_for_rounding_errors_stays_finite() -> None:
    weight = torch.full((1, 8), 10.0)
    weight[0, 3] = torch.nextafter(torch.tensor(10.0), torch.tensor(11.0))
    form = GroupFormat(4, 8)
    quantized = quantize(weight, form)
    assert bool(torch.isfinite(quantized.zero).all())
    torch.testing.assert_close(dequantize(quantized, form, 8), weight, rtol=1e-6, atol=0)


def test_the_last_group_is_shorter_and_its_padding_does_not_widen_its_range() -> None:
    weight = torch.cat([torch.randn(2, 8), 100 + torch.rand(2, 3)], 1)
    form = GroupFormat(4, 8)
    values = dequantize(quantize(weight, form), form, 11)
    assert values.shape == weight.shape
    assert float((values[:, 8:] - weight[:, 8:]).abs().max()) <= 0.5 / 15 + 1e-5


def test_group_sums_are_sums_over_each_group() -> None:
    values = torch.arange(11.0).expand(2, 3, 11)
    sums = group_sums(values, GroupFormat(4, 4))
    assert sums.shape == (2, 3, 3)
    assert sums[1, 2].tolist() == [0 + 1 + 2 + 3, 4 + 5 + 6 + 7, 8 + 9 + 10]


def test_four_bits_in_groups_of_32_take_at_most_18_percent_of_fp32() -> None:
    form = GroupFormat(4, 32)
    quantized = quantize(_weight(0, 768, 3072), form)
    tensors = (quantized.codes, quantized.scale, quantized.zero)
    stored = sum(tensor.numel() * tensor.element_size() for tensor in tensors)
    assert stored / (768 * 3072 * 4) == pytest.approx(0.171875)


def test_a_weight_with_nan_is_refused() -> None:
    weight = _weight(0, 2, 8)
    weight[1, 3] = torch.nan
    with pytest.raises(ModelError, match="NaN"):
        quantize(weight, GroupFormat(4, 4))


def test_a_weight_that_is_no_matrix_of_floats_is_refused() -> None:
    with pytest.raises(ModelError, match="no matrix"):
        quantize(torch.zeros(3, dtype=torch.int64), GroupFormat(4, 4))


@pytest.mark.parametrize(("bits", "group_size", "what"), [(5, 32, "bits=5"), (4, 0, "group_size=0")])
def test_formats_that_there_are_not_are_refused(bits: int, group_size: int, what: str) -> None:
    with pytest.raises(OptionError, match=what):
        GroupFormat(bits, group_size)
