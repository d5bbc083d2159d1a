"""Which layers are picked by default, by names and by patterns."""

from __future__ import annotations

import pytest
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

from alih.errors import ModelError, OptionError
from alih.quantize.targets import linear_layers

from .tiny import gpt2, llama


def test_default_is_every_linear_layer_in_blocks_and_never_the_head() -> None:
    names = list(linear_layers(llama()))
    assert len(names) == 2 * 7
    assert all(name.startswith("model.layers.") for name in names)
    assert "lm_head" not in names


def test_conv1d_of_gpt2_counts_as_linear() -> None:
    assert [name.removeprefix("transformer.h.") for name in linear_layers(gpt2())][:4] == [
        "0.attn.c_attn",
        "0.attn.c_proj",
        "0.mlp.c_fc",
        "0.mlp.c_proj",
    ]


def test_pooler_and_classifier_of_an_encoder_are_left_out() -> None:
    config = BertConfig(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, vocab_size=20)
    names = linear_layers(BertForSequenceClassification(config))
    assert len(names) == 2 * 6
    assert not [name for name in names if "classifier" in name or "bert.pooler" in name]


def test_names_are_whole_names_or_ends_at_a_dot() -> None:
    model = llama()
    assert len(linear_layers(model, ["q_proj", "mlp.up_proj"])) == 4
    assert list(linear_layers(model, ["model.layers.1.self_attn.v_proj"])) == ["model.layers.1.self_attn.v_proj"]
    with pytest.raises(ModelError, match='"proj" names no linear layer'):
        linear_layers(model, ["proj"])


def test_a_string_is_a_pattern_for_whole_names() -> None:
    assert list(linear_layers(llama(), r".*layers\.1\..*(q|k)_proj")) == [
        "model.layers.1.self_attn.q_proj",
        "model.layers.1.self_attn.k_proj",
    ]


def test_the_head_is_taken_if_it_is_asked_for() -> None:
    assert list(linear_layers(llama(), ["lm_head"])) == ["lm_head"]


def test_a_head_that_shares_the_embeddings_weight_is_refused() -> None:
    with pytest.raises(ModelError, match=r"lm_head: its weight is also model\.embed_tokens\.weight"):
        linear_layers(llama(tied=True), ["lm_head"])


def test_targets_that_name_nothing_are_refused_with_what_there_is() -> None:
    with pytest.raises(ModelError, match=r'"qproj" names no linear layer.*q_proj'):
        linear_layers(llama(), ["q_proj", "qproj"])
    with pytest.raises(ModelError, match="an empty list"):
        linear_layers(llama(), [])
    with pytest.raises(OptionError, match="regular expression"):
        linear_layers(llama(), "(")
    with pytest.raises(ModelError, match="name some as targets"):
        linear_layers(nn.Sequential(nn.Linear(2, 2)))
