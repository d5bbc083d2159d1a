"""The captured Q, K, V give the model's own attention weights, in every family."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from alih.errors import ModelError
from alih.explain.explanation import Explanation, explain
from alih.pretrained.open import load
from explain.families import FAMILIES, build, tokenizer

TEXT = "the cat sat on a mat"


def _own(model: Any, found: Explanation) -> list[torch.Tensor]:
    """The weights that a model returns when it is asked in the ordinary way, encoder, decoder, cross."""
    model.set_attn_implementation("eager")
    ids = torch.tensor([[token.id for token in found.tokens]])
    inputs = {"input_ids": ids}
    if found.target:
        inputs["decoder_input_ids"] = torch.tensor([[token.id for token in found.target]])
    with torch.no_grad():
        output = model(**inputs, output_attentions=True)
    if found.target:
        return [w[0] for w in (*output.encoder_attentions, *output.decoder_attentions, *output.cross_attentions)]
    return [weights[0] for weights in output.attentions]


def _assert_same(model: Any, found: Explanation) -> None:
    ours = [one for role in found.roles for one in found.of(role)]
    theirs = _own(model, found)
    assert len(ours) == len(theirs)
    for one, own in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one.weights, own, atol=1e-5, rtol=0)
        torch.testing.assert_close(one.scores.softmax(-1), own, atol=1e-5, rtol=0)
        torch.testing.assert_close(one.weights.sum(-1), torch.ones(one.weights.shape[:2]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", FAMILIES)
def test_captured_q_and_k_give_the_models_own_weights(family: str) -> None:
    model = build(family)
    found = explain((model, tokenizer()), TEXT)
    _assert_same(model, found)
    assert float(found.attention[0].weights.std()) > 1e-3, "flat attention would show nothing"


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama", "qwen3", "t5", "marian", "alih-transformer"])
def test_captured_values_give_the_models_own_output(family: str) -> None:
    model = build(family)
    taken: list[torch.Tensor] = []
    last = [m for n, m in model.named_modules() if n.endswith(("out_proj", "o_proj", "c_proj", ".o", "output.dense"))]
    first = next(m for m in last if "mlp" not in str(m))
    handle = first.register_forward_pre_hook(lambda _, entered: taken.append(entered[0][0]))
    found = explain((model, tokenizer()), TEXT, to="the dog" if family in {"t5", "marian"} else None)
    handle.remove()
    attention = found.attention[0]
    heads = (attention.weights @ attention.value).transpose(0, 1).flatten(1)
    torch.testing.assert_close(heads, taken[-1], atol=1e-5, rtol=0)


@pytest.mark.parametrize("family", ["gpt2", "llama", "marian", "t5", "alih-transformer"])
def test_a_hidden_position_scores_minus_infinity_and_weighs_nothing(family: str) -> None:
    found = explain((build(family), tokenizer()), TEXT)
    for one in found.of("decoder"):
        hidden = torch.ones(one.weights.shape[1:], dtype=torch.bool).triu(1)
        assert bool((one.scores[:, hidden] == float("-inf")).all())
        assert bool((one.weights[:, hidden] == 0).all())


def test_a_sliding_window_is_seen() -> None:
    found = explain((build("mistral"), tokenizer()), TEXT)
    assert float(found.attention[0].weights[0, 5, :3].sum()) == 0.0


def test_shared_keys_are_repeated_for_their_heads() -> None:
    one = explain((build("llama"), tokenizer()), TEXT).attention[0]
    assert one.key.shape[0] == 4
    assert torch.equal(one.key[0], one.key[1])
    assert not torch.equal(one.key[1], one.key[2])


def test_minilm_and_stories_are_captured(shared_data: Path) -> None:
    for name in ("alih/minilm", shared_data / "stories260K"):
        model = load(name, form="encoder" if name == "alih/minilm" else "causal").model
        model.set_attn_implementation("eager")
        _assert_same(model, explain(name, "Once upon a time there was a little dog"))


def test_a_model_is_handed_back_as_it_was() -> None:
    model = build("llama")
    model.set_attn_implementation("sdpa")
    model.train()
    explain((model, tokenizer()), TEXT)  # transformers itself leaves hooks when it is asked for attention
    hooks = [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]
    explain((model, tokenizer()), TEXT)
    assert model.training
    assert model.config._attn_implementation == "sdpa"
    assert hooks == [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in model.modules()]


def test_attention_that_is_not_the_models_own_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model = build("bert")
    for module in model.modules():
        if hasattr(module, "query"):
            module.scaling = 0.1
    found = explain((model, tokenizer()), TEXT)
    assert found.attention[0].scale == 0.1  # the model's own scale, wherever it says so
    monkeypatch.setattr("alih.explain.capture._head_width", lambda *_: 8)
    with pytest.raises(ModelError, match="cannot be shown truthfully"):
        explain((model, tokenizer()), TEXT)


def test_a_model_without_known_projections_is_refused_with_the_families_that_work() -> None:
    from transformers import BloomConfig, BloomForCausalLM

    model = BloomForCausalLM(BloomConfig(vocab_size=16, hidden_size=16, n_layer=1, n_head=2)).eval()
    with pytest.raises(ModelError, match=r"cannot be captured.*BERT"):
        explain((model, tokenizer()), TEXT)
