"""QA-LoRA: the merge is exact, the gradients are those of the dense formula, and the conventions differ as said."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from alih.errors import ModelError, OptionError
from alih.quantize.groups import BITS, GroupFormat
from alih.quantize.linear import QuantizedLinear
from alih.quantize.qalora import QALoRALinear


def _adapted(
    bits: int, group_size: int, inputs: int, outputs: int, rank: int, seed: int = 0, *, rslora: bool = False
) -> QALoRALinear:
    torch.manual_seed(seed)
    base = QuantizedLinear.from_linear(nn.Linear(inputs, outputs), GroupFormat(bits, group_size))
    layer = QALoRALinear(base, rank, alpha=2 * rank, rslora=rslora)
    nn.init.normal_(layer.lora_B)
    return layer


def _dense(layer: QALoRALinear, x: Tensor) -> Tensor:
    """y = W x + s · B A x̂ + b as it is written, x̂ the sum of each group, with no line of the package."""
    size = layer.base.form.group_size
    sums = torch.stack([part.sum(-1) for part in x.split(size, -1)], -1)
    y = F.linear(x, layer.base.weight, layer.base.bias)
    return y + layer.scaling * F.linear(F.linear(sums, layer.lora_A), layer.lora_B)


@settings(deadline=None, max_examples=200)
@given(
    st.sampled_from(BITS),
    st.integers(1, 40),
    st.integers(1, 60),
    st.integers(1, 12),
    st.integers(1, 5),
    st.booleans(),
    st.integers(0, 2**31),
)
def test_merged_qalora_equals_base_plus_adapter(
    bits: int, group_size: int, inputs: int, outputs: int, rank: int, rslora: bool, seed: int
) -> None:
    layer = _adapted(bits, group_size, inputs, outputs, rank, seed, rslora=rslora)
    x = torch.randn(4, inputs)
    for dtype, tolerance in ((torch.float32, 1e-5), (torch.float64, 1e-12)):
        layer, x = layer.to(dtype), x.to(dtype)
        merged = layer.merge()
        expected = _dense(layer, x).detach()
        # The terms of each sum, all positive: what its rounding errors are relative to.
        size = F.linear(x.abs(), merged.weight.abs()).max() + 1
        assert float((merged(x).detach() - expected).abs().max()) < tolerance * float(size)
        assert torch.equal(merged(x), layer(x)), "what is merged is bit for bit what was trained"
        assert torch.equal(merged.codes, layer.base.codes)
        assert torch.equal(merged.scale, layer.base.scale)


def test_merged_zero_points_are_the_papers_formula() -> None:
    layer = _adapted(4, 8, 24, 6, 3)
    expected = layer.base.zero - layer.scaling * (layer.lora_B @ layer.lora_A) / layer.base.scale.float()
    torch.testing.assert_close(layer.merge().zero, expected)


def test_merging_leaves_the_layer_as_it_is() -> None:
    layer, x = _adapted(4, 8, 24, 6, 3), torch.randn(2, 24)
    before, zero = layer(x), layer.base.zero.clone()
    layer.merge()
    assert torch.equal(layer.merge()(x), before)
    assert torch.equal(layer.base.zero, zero)


def test_adapters_can_be_merged_one_after_the_other() -> None:
    first, x = _adapted(4, 8, 24, 6, 3).double(), torch.randn(2, 24, dtype=torch.float64)
    second = QALoRALinear(first.merge(), 2, 4)
    nn.init.normal_(second.lora_B)
    both = second.merge()(x)
    alone = _dense(first, x) + _dense(second, x) - second.base(x)
    torch.testing.assert_close(both, alone, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("group_size", [1, 8, 10, 64])
def test_gradients_are_those_of_the_dense_formula(bits: int, group_size: int) -> None:
    layer = _adapted(bits, group_size, 36, 12, 4).double()
    x = torch.randn(2, 5, 36, dtype=torch.float64, requires_grad=True)
    upstream = torch.randn(2, 5, 12, dtype=torch.float64)
    wanted = (x, layer.lora_A, layer.lora_B)
    for found, expected in zip(
        torch.autograd.grad(layer(x), wanted, upstream),
        torch.autograd.grad(_dense(layer, x), wanted, upstream),
        strict=True,
    ):
        torch.testing.assert_close(found, expected, rtol=1e-10, atol=1e-10)


def test_training_starts_from_the_quantised_layer() -> None:
    base = QuantizedLinear.from_linear(nn.Linear(24, 6), GroupFormat(4, 8))
    x = torch.randn(3, 24)
    assert torch.equal(QALoRALinear(base, 4, 8)(x), base(x))


def test_hidden_values_start_with_the_variance_that_loras_have() -> None:
    torch.manual_seed(0)
    base = QuantizedLinear.from_linear(nn.Linear(1024, 4), GroupFormat(4, 32))
    layer, x = QALoRALinear(base, 256, 256), torch.randn(500, 1024)
    hidden = F.linear(torch.stack([part.sum(-1) for part in x.split(32, -1)], -1), layer.lora_A)
    plain = nn.Linear(1024, 256, bias=False)  # PyTorch's default start of LoRA's A
    assert hidden.var().item() == pytest.approx(plain(x).var().item(), rel=0.05)


def test_a_step_of_gradient_descent_lowers_the_loss() -> None:
    layer, x, target = _adapted(3, 8, 24, 6, 3), torch.randn(40, 24), torch.randn(40, 6)
    adapter = [layer.lora_A, layer.lora_B]
    before = F.mse_loss(layer(x), target)
    gradients = torch.autograd.grad(before, adapter)
    with torch.no_grad():
        for parameter, gradient in zip(adapter, gradients, strict=True):
            parameter -= 1e-3 * gradient
    assert F.mse_loss(layer(x), target) < before


def test_only_group_sums_are_kept_for_backward() -> None:
    layer, x = _adapted(4, 8, 64, 16, 2), torch.randn(100, 64, requires_grad=True)
    kept: list[tuple[int, ...]] = []

    def pack(tensor: Tensor) -> Tensor:
        kept.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        layer(x)
    assert (100, 8) in kept
    assert (100, 64) not in kept
    assert (16, 64) not in kept


def test_other_conventions_differ_by_the_factors_that_are_stated() -> None:
    inputs, size = 24, 8
    layer, x = _adapted(4, size, inputs, 6, 3).double(), torch.randn(5, inputs, dtype=torch.float64)
    groups = inputs // size
    means = F.avg_pool1d(x.unsqueeze(1), size).squeeze(1)
    added = layer(x) - layer.base(x)
    by_means = layer.scaling * F.linear(F.linear(means, layer.lora_A), layer.lora_B)
    by_peft = layer.scaling * F.linear(F.linear(means * groups, layer.lora_A), layer.lora_B)
    torch.testing.assert_close(added / size, by_means)
    torch.testing.assert_close(added * inputs / size**2, by_peft)


def test_rslora_scales_by_the_root_of_the_rank() -> None:
    base = QuantizedLinear.from_linear(nn.Linear(24, 6), GroupFormat(4, 8))
    assert QALoRALinear(base, 16, 32).scaling == 2
    assert QALoRALinear(base, 16, 32, rslora=True).scaling == 8


def test_adapters_with_nan_are_not_merged() -> None:
    layer = _adapted(4, 8, 24, 6, 3)
    with torch.no_grad():
        layer.lora_A[0, 0] = torch.nan
    with pytest.raises(ModelError, match="NaN"):
        layer.merge()


@pytest.mark.parametrize(("rank", "alpha", "what"), [(0, 8, "rank=0"), (4, 0, "alpha=0"), (4, float("nan"), "alpha")])
def test_ranks_and_alphas_that_cannot_be_are_refused(rank: int, alpha: float, what: str) -> None:
    base = QuantizedLinear.from_linear(nn.Linear(24, 6), GroupFormat(4, 8))
    with pytest.raises(OptionError, match=what):
        QALoRALinear(base, rank, alpha)
