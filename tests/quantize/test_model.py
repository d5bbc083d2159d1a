"""Whole models quantised, adapted and merged in place."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from alih.errors import ModelError, OptionError
from alih.quantize.groups import BITS
from alih.quantize.linear import QuantizedLinear
from alih.quantize.model import (
    add_qalora,
    merge_qalora,
    qalora_layers,
    quantize_model,
    quantized_layers,
)
from alih.quantize.qalora import QALoRALinear

from .tiny import gpt2, llama, qalora_parameters, token_ids, train_adapters


@torch.no_grad()
def _logits(model: PreTrainedModel) -> Tensor:
    logits: Tensor = model(input_ids=token_ids()).logits
    return logits


@pytest.mark.parametrize("make", [gpt2, llama])
def test_eight_bits_hardly_change_the_logits_and_fewer_change_them_more(make: type[PreTrainedModel]) -> None:
    exact = _logits(make())
    errors = []
    for bits in (8, 4, 3, 2):
        model = make()
        quantize_model(model, bits=bits, group_size=16)
        errors.append(float((_logits(model) - exact).norm() / exact.norm()))
    assert errors[0] < 0.01
    assert errors == sorted(errors)


def test_only_the_targets_are_replaced() -> None:
    model = llama()
    names = quantize_model(model, bits=4, group_size=32, targets=["down_proj"])
    assert names == ("model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj")
    assert tuple(quantized_layers(model)) == names
    assert isinstance(model.lm_head, nn.Linear)
    assert isinstance(model.model.layers[0].mlp.up_proj, nn.Linear)


@pytest.mark.parametrize("hessian_bytes", [2_000_000_000, 3 * 4 * 32 * 32])
def test_calibrated_keeps_the_output_nearer_than_nearest(hessian_bytes: int) -> None:
    batches = [{"input_ids": token_ids(8, 30)}]
    exact, errors = _logits(llama()), {}
    for method in ("nearest", "calibrated"):
        model = llama()
        quantize_model(
            model, bits=3, group_size=32, method=method, calibration_batches=batches, hessian_bytes=hessian_bytes
        )
        errors[method] = float((_logits(model) - exact).norm())
    assert errors["calibrated"] < errors["nearest"]


def test_batches_may_come_from_a_function_that_is_called_for_each_pass() -> None:
    calls = []

    def batches() -> list[dict[str, Tensor]]:
        calls.append(1)
        return [{"input_ids": token_ids()}]

    quantize_model(
        gpt2(), bits=4, group_size=32, method="calibrated", calibration_batches=batches, hessian_bytes=50_000
    )
    assert len(calls) > 1


def test_adapters_are_the_only_parameters_that_train() -> None:
    model = gpt2().train()
    quantize_model(model, bits=4, group_size=8)
    names = add_qalora(model, rank=4, alpha=8, targets=["c_attn"])
    assert names == ("transformer.h.0.attn.c_attn", "transformer.h.1.attn.c_attn")
    trainable = [parameter for parameter in model.parameters() if parameter.requires_grad]
    assert {id(p) for p in trainable} == {id(p) for p in qalora_parameters(model)}
    assert [tuple(p.shape) for p in qalora_parameters(model)][:2] == [(4, 4), (96, 4)]
    model(input_ids=token_ids(), labels=token_ids()).loss.backward()
    assert all(layer.lora_B.grad is not None for layer in qalora_layers(model).values())
    assert all(layer.training for layer in qalora_layers(model).values())


@pytest.mark.parametrize("make", [gpt2, llama])
@pytest.mark.parametrize("bits", BITS)
def test_a_merged_model_puts_out_what_the_trained_one_did(make: type[PreTrainedModel], bits: int) -> None:
    model = make()
    quantize_model(model, bits=bits, group_size=16)
    before = _logits(model)
    add_qalora(model, rank=4, alpha=8)
    assert torch.equal(_logits(model), before)
    train_adapters(model)
    trained = _logits(model)
    assert not torch.equal(trained, before)
    merge_qalora(model)
    assert torch.equal(_logits(model), trained)
    assert not qalora_layers(model)
    assert all(isinstance(layer, QuantizedLinear) for layer in quantized_layers(model).values())


def test_the_same_seed_gives_the_same_adapters() -> None:
    def start() -> list[nn.Parameter]:
        model = gpt2()
        quantize_model(model, bits=4, group_size=8)
        torch.manual_seed(5)
        add_qalora(model, rank=2, alpha=2)
        return qalora_parameters(model)

    assert all(torch.equal(a, b) for a, b in zip(start(), start(), strict=True))


def test_layers_with_adapters_keep_their_names_among_the_quantised() -> None:
    model = gpt2()
    names = quantize_model(model, bits=4, group_size=8)
    add_qalora(model, rank=2, alpha=2, targets=["c_fc"])
    assert tuple(quantized_layers(model)) == names
    assert all(isinstance(layer, QALoRALinear) for layer in qalora_layers(model).values())


def test_merging_twice_or_nothing_is_refused() -> None:
    model = gpt2()
    quantize_model(model, bits=4, group_size=8)
    add_qalora(model, rank=2, alpha=2)
    merge_qalora(model)
    with pytest.raises(ModelError, match="merged already"):
        merge_qalora(model)


def test_an_adapter_with_nan_is_named_and_nothing_is_merged() -> None:
    model = gpt2()
    quantize_model(model, bits=4, group_size=8)
    add_qalora(model, rank=2, alpha=2)
    with torch.no_grad():
        model.transformer.h[1].mlp.c_fc.lora_B[0, 0] = torch.inf
    with pytest.raises(ModelError, match=r"transformer\.h\.1\.mlp\.c_fc: the adapter holds NaN"):
        merge_qalora(model)
    assert len(qalora_layers(model)) == 8


def test_adapting_twice_or_a_model_that_is_not_quantised_is_refused() -> None:
    model = gpt2()
    with pytest.raises(ModelError, match="quantise it first"):
        add_qalora(model, rank=2, alpha=2)
    quantize_model(model, bits=4, group_size=8)
    with pytest.raises(ModelError, match='"q_proj" names no quantised layer'):
        add_qalora(model, rank=2, alpha=2, targets=["q_proj"])
    add_qalora(model, rank=2, alpha=2)
    with pytest.raises(ModelError, match="adapters already"):
        add_qalora(model, rank=2, alpha=2)


def test_a_layer_with_nan_is_named() -> None:
    model = llama()
    with torch.no_grad():
        model.model.layers[1].mlp.gate_proj.weight[0, 0] = torch.nan
    with pytest.raises(ModelError, match=r"model\.layers\.1\.mlp\.gate_proj: the weight holds NaN"):
        quantize_model(model, bits=4, group_size=32)


def test_methods_that_there_are_not_or_lack_batches_are_refused() -> None:
    with pytest.raises(OptionError, match='method="best"'):
        quantize_model(gpt2(), bits=4, group_size=32, method="best")  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="give calibration_batches"):
        quantize_model(gpt2(), bits=4, group_size=32, method="calibrated")
