"""Calibrated rounding, against rounding to nearest and against a direct implementation of the paper's update."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from alih.errors import ModelError
from alih.quantize.calibrated import DAMPING, Hessian, quantize_calibrated
from alih.quantize.groups import BITS, GroupFormat, dequantize, grid, quantize, unpack


def _correlated(count: int, inputs: int, seed: int = 0) -> Tensor:
    """Inputs that a few directions explain for the most part."""
    generator = torch.Generator().manual_seed(seed)
    few = torch.randn(count, inputs // 4, generator=generator) @ torch.randn(inputs // 4, inputs, generator=generator)
    return few + 0.3 * torch.randn(count, inputs, generator=generator)


def _weight(outputs: int, inputs: int) -> Tensor:
    return torch.randn(outputs, inputs, generator=torch.Generator().manual_seed(7))


def _hessian(x: Tensor) -> Tensor:
    hessian = Hessian(x.shape[1])
    for part in x.split(50):
        hessian.add(part)
    assert hessian.count == len(x)
    return hessian.total


def test_hessian_is_summed_over_batches() -> None:
    x = _correlated(120, 16)
    torch.testing.assert_close(_hessian(x), x.T @ x, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("group_size", [8, 32, 40])
def test_calibrated_rounding_lowers_the_output_error_on_new_correlated_inputs(bits: int, group_size: int) -> None:
    form, weight, inputs = GroupFormat(bits, group_size), _weight(24, 160), 160
    x = _correlated(2_000, inputs)
    seen, new = x[:1_500], x[1_500:]
    calibrated = dequantize(quantize_calibrated(weight, form, _hessian(seen)), form, inputs)
    nearest = dequantize(quantize(weight, form), form, inputs)
    error = (new @ (calibrated - weight).T).norm()
    assert error < 0.8 * (new @ (nearest - weight).T).norm()


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("group_size", [1, 8, 30])
def test_with_a_multiple_of_the_identity_it_is_rounding_to_nearest(bits: int, group_size: int) -> None:
    form, weight = GroupFormat(bits, group_size), _weight(12, 140)
    calibrated, nearest = quantize_calibrated(weight, form, 3.7 * torch.eye(140)), quantize(weight, form)
    assert torch.equal(calibrated.codes, nearest.codes)
    assert torch.equal(calibrated.scale, nearest.scale)
    assert torch.equal(calibrated.zero, nearest.zero)


def test_codes_equal_those_of_the_update_that_the_paper_starts_from() -> None:
    """Equation 2 of arXiv 2210.17323, one input at a time, the inverse Hessian of the inputs left taken anew."""
    form, inputs = GroupFormat(3, 8), 24
    weight, x = _weight(6, inputs).double(), _correlated(300, inputs).double()
    hessian = x.T @ x
    scale, zero = (part.double() for part in grid(weight, form))
    damped = hessian + DAMPING * hessian.diagonal().mean() * torch.eye(inputs)
    work, expected = weight.clone(), torch.zeros(6, inputs, dtype=torch.uint8)
    left = hessian.diagonal().argsort(descending=True).tolist()
    while left:
        inverse = torch.linalg.inv(damped[left][:, left])
        at, group = left[0], left[0] // 8
        code = (work[:, at] / scale[:, group] + zero[:, group]).round().clamp(0, 7)
        error = (work[:, at] - scale[:, group] * (code - zero[:, group])) / inverse[0, 0]
        work[:, left] -= error[:, None] * inverse[0]
        expected[:, at] = code.to(torch.uint8)
        left = left[1:]
    found = unpack(quantize_calibrated(weight, form, hessian).codes, 3, inputs)
    assert torch.equal(found, expected)


def test_scale_of_the_hessian_does_not_matter() -> None:
    form, weight, hessian = GroupFormat(4, 16), _weight(8, 64).double(), _hessian(_correlated(400, 64)).double()
    one, other = quantize_calibrated(weight, form, hessian), quantize_calibrated(weight, form, 0.25 * hessian)
    assert torch.equal(one.codes, other.codes)


def test_inputs_that_are_always_zero_are_rounded_to_nearest() -> None:
    form, weight, x = GroupFormat(4, 8), _weight(5, 32), _correlated(200, 32)
    x[:, [3, 17]] = 0
    calibrated = unpack(quantize_calibrated(weight, form, x.T @ x).codes, 4, 32)
    nearest = unpack(quantize(weight, form).codes, 4, 32)
    assert torch.equal(calibrated[:, [3, 17]], nearest[:, [3, 17]])


def test_fewer_examples_than_inputs_do() -> None:
    form, weight, x = GroupFormat(4, 32), _weight(8, 128), _correlated(10, 128)
    calibrated = dequantize(quantize_calibrated(weight, form, x.T @ x), form, 128)
    nearest = dequantize(quantize(weight, form), form, 128)
    assert (x @ (calibrated - weight).T).norm() < (x @ (nearest - weight).T).norm()


def test_a_hessian_that_rounding_left_indefinite_is_damped_more() -> None:
    hessian = _hessian(_correlated(400, 32))
    values, vectors = torch.linalg.eigh(hessian)
    values[0] = -0.02 * values.mean()
    quantized = quantize_calibrated(_weight(4, 32), GroupFormat(4, 8), vectors @ torch.diag(values) @ vectors.T)
    assert bool(torch.isfinite(quantized.zero).all())


def test_a_hessian_with_nan_or_of_another_size_is_refused() -> None:
    with pytest.raises(ModelError, match="NaN"):
        quantize_calibrated(_weight(4, 8), GroupFormat(4, 8), torch.full((8, 8), torch.nan))
    with pytest.raises(ModelError, match="8 inputs"):
        quantize_calibrated(_weight(4, 8), GroupFormat(4, 8), torch.eye(9))
