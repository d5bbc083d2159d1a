"""The quantised layer, against a dense layer with its dequantised weight."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers.pytorch_utils import Conv1D

from alih.errors import ModelError, OptionError
from alih.quantize import linear as linear_module
from alih.quantize.groups import BITS, GroupFormat
from alih.quantize.linear import QuantizedLinear


def _layer(inputs: int = 40, outputs: int = 24, bits: int = 4, group_size: int = 16) -> QuantizedLinear:
    torch.manual_seed(0)
    return QuantizedLinear.from_linear(nn.Linear(inputs, outputs), GroupFormat(bits, group_size))


@pytest.mark.parametrize("bits", BITS)
def test_output_is_that_of_the_dequantised_weight(bits: int) -> None:
    layer, x = _layer(bits=bits), torch.randn(2, 3, 40)
    torch.testing.assert_close(layer(x), F.linear(x, layer.weight, layer.bias))


def test_gradients_are_those_of_the_dense_layer() -> None:
    layer = _layer().double()
    x = torch.randn(2, 3, 40, dtype=torch.float64, requires_grad=True)
    zero = layer.zero.clone().requires_grad_()
    assert torch.autograd.gradcheck(lambda x, zero, _bias: layer.multiply(x, zero), (x, zero, layer.bias))


def test_a_layer_done_in_many_slices_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = _layer()
    x = torch.randn(5, 40, requires_grad=True)
    grad = torch.randn(5, 24)
    whole = layer(x)
    (whole_grad,) = torch.autograd.grad(whole, x, grad)
    monkeypatch.setattr(linear_module, "_SLICE", 7 * 40)
    sliced = layer(x)
    torch.testing.assert_close(sliced, whole)
    torch.testing.assert_close(torch.autograd.grad(sliced, x, grad)[0], whole_grad)


def _kept_bytes(run: nn.Module, x: Tensor) -> int:
    """Bytes that autograd keeps for backward and that are not the layer's own."""
    own = {tensor.data_ptr() for tensor in [*run.parameters(), *run.buffers()]}
    kept: dict[int, int] = {}

    def pack(tensor: Tensor) -> Tensor:
        if tensor.data_ptr() not in own:
            kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run(x)
    return sum(kept.values())


def test_nothing_is_kept_for_backward_but_references() -> None:
    assert _kept_bytes(_layer(), torch.randn(5, 40, requires_grad=True)) == 0


def test_conv1d_of_gpt2_is_quantised_as_its_transpose() -> None:
    torch.manual_seed(0)
    conv = Conv1D(24, 40)
    nn.init.normal_(conv.bias)
    layer = QuantizedLinear.from_linear(conv, GroupFormat(8, 8))
    x = torch.randn(2, 5, 40)
    assert (layer.in_features, layer.out_features) == (40, 24)
    torch.testing.assert_close(layer(x), conv(x), rtol=1e-2, atol=1e-3)


def test_a_group_size_over_the_inputs_means_one_group() -> None:
    assert _layer(inputs=40, group_size=128).zero.shape == (24, 1)


def test_narrower_types_leave_scale_and_zero_as_they_are() -> None:
    layer = _layer()
    zero = layer.zero.clone()
    layer.to(torch.bfloat16).half()
    assert layer.scale.dtype == torch.bfloat16
    assert torch.equal(layer.zero, zero)
    assert layer.zero.dtype == torch.float32
    assert layer.bias is not None
    assert layer.bias.dtype == torch.float16


def test_float64_is_computed_in_float64() -> None:
    layer = _layer().double()
    x = torch.randn(3, 40, dtype=torch.float64)
    assert layer(x).dtype == torch.float64
    expected = F.linear(x, layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), expected, rtol=1e-14, atol=1e-14)


def test_bfloat16_inputs_and_autocast_give_bfloat16_within_its_precision() -> None:
    layer, x = _layer(), torch.randn(6, 40)
    expected = layer(x).detach()
    with torch.autocast("cpu", torch.bfloat16):
        cast = layer(x).detach()
    assert cast.dtype == torch.bfloat16
    assert layer.to(torch.bfloat16)(x.bfloat16()).dtype == torch.bfloat16
    assert float((cast - expected).abs().max()) < 0.02 * float(expected.abs().max())


def test_backward_under_autocast_reaches_the_input() -> None:
    layer, x = _layer(), torch.randn(6, 40, requires_grad=True)
    with torch.autocast("cpu", torch.bfloat16):
        loss = layer(x).float().square().sum()
    loss.backward()
    exact = torch.autograd.grad(layer(x).square().sum(), x)[0]
    assert x.grad is not None
    assert float((x.grad - exact).abs().max()) < 0.05 * float(exact.abs().max())


def test_bias_is_the_layers_own() -> None:
    linear = nn.Linear(8, 4)
    assert QuantizedLinear.from_linear(linear, GroupFormat(4, 4)).bias is linear.bias
    assert QuantizedLinear.from_linear(nn.Linear(8, 4, bias=False), GroupFormat(4, 4)).bias is None


def test_calibrated_without_calibration_and_other_layers_are_refused() -> None:
    with pytest.raises(OptionError, match="calibration inputs"):
        QuantizedLinear.from_linear(nn.Linear(8, 4), GroupFormat(4, 4), "calibrated")
    with pytest.raises(ModelError, match="Conv2d"):
        QuantizedLinear.from_linear(nn.Conv2d(3, 3, 3), GroupFormat(4, 4))


def test_an_input_of_another_width_is_refused() -> None:
    with pytest.raises(ModelError, match="40"):
        _layer()(torch.randn(2, 39))
