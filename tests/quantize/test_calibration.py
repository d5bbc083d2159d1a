"""What is collected of the inputs that layers see."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from alih.errors import ModelError
from alih.quantize.calibration import collect, passes
from alih.quantize.targets import linear_layers

from .tiny import gpt2, llama, token_ids


def test_hessian_is_the_sum_over_the_inputs_of_each_layer() -> None:
    model, ids = llama(), token_ids()
    layers = linear_layers(model)
    found = collect(model, layers, [{"input_ids": ids[:1]}, {"input_ids": ids[1:]}])
    seen: dict[str, torch.Tensor] = {}
    for name, layer in layers.items():
        layer.register_forward_pre_hook(lambda _, args, name=name: seen.update({name: args[0].detach()}))
    model(input_ids=ids)
    for name, hessian in found.items():
        x = seen[name].reshape(-1, seen[name].shape[-1])
        assert hessian.count == ids.numel()
        torch.testing.assert_close(hessian.total, x.T @ x, rtol=1e-4, atol=1e-5)


def test_padding_does_not_count() -> None:
    model, ids = gpt2(), token_ids(1, 9)
    layers = linear_layers(model, ["0.mlp.c_fc"])
    alone = collect(model, layers, [{"input_ids": ids}])
    padded = torch.cat([ids, torch.zeros(1, 5, dtype=ids.dtype)], 1)
    mask = (torch.arange(14) < 9).long()[None]
    together = collect(model, layers, [{"input_ids": padded, "attention_mask": mask}])
    (one,), (other,) = alone.values(), together.values()
    assert one.count == other.count == 9
    torch.testing.assert_close(one.total, other.total)


def test_the_models_mode_and_hooks_are_as_before_even_after_an_error() -> None:
    model = gpt2().train()
    model.transformer.h[0].eval()
    layers = linear_layers(model)
    with pytest.raises(ValueError, match="input_ids"):
        collect(model, layers, [{"no_such_argument": token_ids()}])
    assert model.training
    assert model.transformer.h[1].training
    assert not model.transformer.h[0].mlp.training
    assert not any(layer._forward_pre_hooks for layer in layers.values())


def test_a_layer_that_no_example_reached_is_named() -> None:
    model = llama()
    with pytest.raises(ModelError, match=r"reached model\.layers\.0\.self_attn\.q_proj"):
        collect(model, linear_layers(model), [])


def test_layers_are_cut_into_passes_that_fit() -> None:
    layers: dict[str, nn.Module] = {str(i): nn.Linear(width, 3) for i, width in enumerate((10, 10, 10, 30, 10))}
    assert passes(layers, 10_000) == [["0", "1", "2", "3", "4"]]
    assert passes(layers, 800) == [["0", "1"], ["2"], ["3"], ["4"]]
    assert passes(layers, 0) == [["0"], ["1"], ["2"], ["3"], ["4"]]
