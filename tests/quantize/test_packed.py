"""The packed kernel and the dense form, against the quantised layers they stand for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from alih.errors import ModelError
from alih.quantize import packed as packed_module
from alih.quantize.groups import GroupFormat
from alih.quantize.linear import QuantizedLinear
from alih.quantize.model import add_qalora, merge_qalora, quantize_model
from alih.quantize.packed import PackedLinear, fits_kernel, kernel_tokens, use_dense, use_packed_kernel

from .tiny import llama, token_ids, train_adapters

#: The precision that the module states.
_STATED = 0.01


@pytest.fixture(autouse=True)
def _fresh_measurement() -> Iterator[None]:
    kernel_tokens.cache_clear()
    yield
    kernel_tokens.cache_clear()


def _layer(inputs: int, outputs: int, group_size: int, *, bits: int = 4, bias: bool = True) -> QuantizedLinear:
    torch.manual_seed(0)
    return QuantizedLinear.from_linear(nn.Linear(inputs, outputs, bias=bias), GroupFormat(bits, group_size))


@pytest.mark.parametrize(
    ("inputs", "outputs", "group_size"), [(64, 32, 32), (256, 48, 128), (172, 64, 32), (1024, 16, 512), (96, 16, 96)]
)
@pytest.mark.parametrize("tokens", [1, 7, 300])
def test_kernel_gives_the_layers_output_within_its_precision(
    inputs: int, outputs: int, group_size: int, tokens: int
) -> None:
    layer, x = _layer(inputs, outputs, group_size), torch.randn(1, tokens, inputs)
    with torch.no_grad():
        exact, found = layer(x), PackedLinear(layer)(x)
    assert found.dtype == x.dtype
    assert found.shape == exact.shape
    assert float((found - exact).abs().max()) < _STATED * float(exact.abs().max())


def test_kernel_is_exact_where_bfloat16_is() -> None:
    """Weights that are small multiples of 1/8 and inputs of ±1: nothing is rounded, so nothing may differ."""
    layer = _layer(64, 16, 32, bias=False)
    layer.scale.fill_(0.125)
    layer.zero.copy_(torch.randint(0, 16, layer.zero.shape))
    x = torch.randint(0, 2, (3, 64)).float() * 2 - 1
    torch.testing.assert_close(PackedLinear(layer)(x), layer(x), rtol=2**-8, atol=0)


def test_more_tokens_than_the_limit_go_through_the_quantised_layer() -> None:
    layer, x = _layer(64, 32, 32), torch.randn(5, 64)
    packed = PackedLinear(layer, most_tokens=4)
    with torch.no_grad():
        assert torch.equal(packed(x), layer(x))
        assert not torch.equal(packed(x[:4]), layer(x[:4]))
    assert PackedLinear(layer, most_tokens=None).base is None


@pytest.mark.parametrize(("bits", "group_size", "outputs"), [(8, 32, 32), (4, 16, 32), (4, 32, 40)])
def test_layers_that_the_kernel_cannot_run_do_not_fit(bits: int, group_size: int, outputs: int) -> None:
    assert not fits_kernel(_layer(64, outputs, group_size, bits=bits))
    assert fits_kernel(_layer(64, 32, 32))


def test_a_merged_model_by_the_kernel_stays_near_the_merged_model() -> None:
    model = llama(width=64, inner=48)  # down_proj reads 48: a group of 32, and a shorter one
    quantize_model(model, bits=4, group_size=32)
    add_qalora(model, rank=2, alpha=2)
    train_adapters(model)
    with pytest.raises(ModelError, match="merge them first"):
        use_packed_kernel(model)
    with pytest.raises(ModelError, match="merge them first"):
        use_dense(model)
    merge_qalora(model)
    with torch.no_grad():
        exact = model(input_ids=token_ids()).logits
        names = use_packed_kernel(model, most_tokens=None)
        found = model(input_ids=token_ids()).logits
    assert len(names) == 14
    assert float((found - exact).abs().max()) < 0.03 * float(exact.abs().max())


def test_the_dense_form_gives_the_same_outputs() -> None:
    model = llama()
    quantize_model(model, bits=3, group_size=8)
    with torch.no_grad():
        exact = model(input_ids=token_ids()).logits
        names = use_dense(model)
        found = model(input_ids=token_ids()).logits
    assert len(names) == 14
    assert isinstance(model.model.layers[0].mlp.up_proj, nn.Linear)
    torch.testing.assert_close(found, exact)


@pytest.mark.parametrize(("won", "tokens"), [((), 0), ((1,), 1), ((1, 32), 32), ((1, 32, 512), None)])
def test_limit_is_the_most_tokens_that_the_kernel_won(
    monkeypatch: pytest.MonkeyPatch, won: tuple[int, ...], tokens: int | None
) -> None:
    def seconds(run: object, x: torch.Tensor) -> float:
        return 2.0 if isinstance(run, QuantizedLinear) else 1.0 if len(x) in won else 3.0

    monkeypatch.setattr(packed_module, "_seconds", seconds)
    assert kernel_tokens(1) == tokens


def test_a_kernel_that_computes_wrongly_or_is_missing_is_never_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PackedLinear, "forward", lambda self, x: torch.full((len(x), 1024), torch.nan))
    assert kernel_tokens(1) == 0

    def missing(self: PackedLinear, x: torch.Tensor) -> torch.Tensor:
        raise RuntimeError("not compiled in")

    kernel_tokens.cache_clear()
    monkeypatch.setattr(PackedLinear, "forward", missing)
    assert kernel_tokens(1) == 0
    model = llama()
    quantize_model(model, bits=4, group_size=32)
    monkeypatch.setattr(packed_module.torch, "get_num_threads", lambda: 1)
    assert use_packed_kernel(model) == ()


@pytest.mark.parametrize("kernel", [True, False])
def test_a_model_made_fast_gives_the_same_outputs(kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    model = llama()
    assert packed_module.make_fast(model) == "", "nothing is quantised"
    quantize_model(model, bits=4, group_size=32)
    ids = token_ids()
    with torch.no_grad():
        expected = model(input_ids=ids).logits
    monkeypatch.setattr(packed_module, "kernel_tokens", lambda _threads: None if kernel else 0)
    assert packed_module.make_fast(model) == ("packed" if kernel else "dense")
    with torch.no_grad():
        found = model(input_ids=ids).logits
    tolerance = 0.05 if kernel else 1e-5  # several layers of bfloat16
    assert float((found - expected).abs().max()) <= tolerance * float(expected.abs().max())
