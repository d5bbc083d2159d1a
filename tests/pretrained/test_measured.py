"""Anatomies of unknown families are measured: right where a known answer exists, refused where they cannot hold."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AutoConfig, AutoModelForImageClassification, AutoModelForSequenceClassification
from transformers.modeling_outputs import BaseModelOutputWithPastAndCrossAttentions

from alih.errors import ModelError
from alih.pretrained.anatomy import Block
from alih.pretrained.families import anatomy_of, head_modules
from alih.pretrained.measured import measured_anatomy
from alih.pretrained.registration import register_all

from .tiny import ALL_ENCODER, IMAGE, TEXT, VOCABULARY, bert, build

register_all()

#: Known families with a flat list of blocks and no step that is a function: measuring must find the table's entry.
AGREE = ["bert", "roberta", "xlm-roberta", "electra", "gpt2", "llama", "qwen3", "vit", "alih-resnet", "pooled bert"]


@pytest.mark.parametrize("name", AGREE)
def test_measuring_finds_what_the_table_says(name: str) -> None:
    model = build({**TEXT, **IMAGE}[name]())
    known, measured = anatomy_of(model), measured_anatomy(model)
    # Where block 0's input is made by a module without parameters (GPT-2's dropout), only the table knows it.
    assert replace(measured, family=known.family, entry=known.entry) == known
    assert measured.entry in (known.entry, None)


UNKNOWN: dict[str, tuple[dict[str, Any], str]] = {
    "modernbert": (
        {"pad_token_id": 0, "eos_token_id": 1, "bos_token_id": 1, "cls_token_id": 1, "sep_token_id": 1},
        "whole",
    ),
    "convbert": ({}, "first"),
    "esm": ({"pad_token_id": 1}, "first"),
    "mobilebert": ({}, "whole"),
    "phi": ({}, "last"),
    "gemma": ({"num_key_value_heads": 1, "head_dim": 8}, "last"),
}


@pytest.mark.parametrize("model_type", sorted(UNKNOWN))
def test_text_families_that_the_table_lacks(model_type: str) -> None:
    changes, reads = UNKNOWN[model_type]
    config = AutoConfig.for_model(model_type, num_labels=3, **{**ALL_ENCODER, "vocab_size": 60, **changes})
    model = AutoModelForSequenceClassification.from_config(config)
    anatomy = anatomy_of(model)
    assert (anatomy.family, anatomy.reads, len(anatomy.blocks)) == ("fallback", reads, 3)
    assert isinstance(head_modules(model, anatomy)[-1], nn.Module)


@pytest.mark.parametrize("model_type", ["beit", "dinov2", "data2vec-vision"])
def test_image_families_that_the_table_lacks(model_type: str) -> None:
    small = {"hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 24}
    config = AutoConfig.for_model(model_type, num_labels=3, image_size=32, patch_size=8, **small)
    anatomy = anatomy_of(AutoModelForImageClassification.from_config(config))
    assert (anatomy.family, len(anatomy.blocks), anatomy.head) == ("fallback", 3, ("classifier",))


def test_a_new_pooler_of_an_unknown_family_is_head() -> None:
    model = AutoModelForSequenceClassification.from_config(AutoConfig.for_model("rembert", num_labels=3, **ALL_ENCODER))
    assert anatomy_of(model).neck == ("rembert.pooler",)
    new = anatomy_of(model, new={"rembert.pooler.dense.weight"})
    assert (new.neck, new.reads) == ((), "first")
    assert new.head == ("rembert.pooler", "dropout", "classifier")


def test_umt5_below_the_pooled_head_is_measured() -> None:
    backbone = AutoConfig.for_model("umt5", d_model=16, d_kv=8, d_ff=24, num_layers=3, num_heads=2, vocab_size=60)
    model = build(AutoConfig.for_model("alih-pooled", backbone_config=backbone.to_dict(), pad_token_id=0))
    anatomy = anatomy_of(model)
    assert anatomy.blocks[0] == Block("backbone.encoder.block.0", ("backbone.encoder.block.0",))
    assert anatomy.neck == ("backbone.encoder.final_layer_norm",)
    assert anatomy.head == ("dropout", "classifier")


class _FirstToken(nn.Module):
    """A head that reads the first position itself, so that the whole of the features and the first give its logits."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = nn.Linear(16, 3)

    def forward(self, features: Tensor, **_: Any) -> Tensor:
        logits: Tensor = self.inner(features[:, 0])
        return logits


def test_where_the_first_position_suffices_the_head_is_said_to_read_no_more() -> None:
    model = build(TEXT["roberta"]())
    model.classifier = _FirstToken().eval()
    with torch.no_grad():
        hidden = torch.randn(2, 5, 16)
        assert torch.equal(model.classifier(hidden), model.classifier(hidden[:, :1]))
    assert measured_anatomy(model).reads == "first"


class _AddsBetween(nn.Module):
    def __init__(self, layers: nn.ModuleList) -> None:
        super().__init__()
        self.layer = layers

    def forward(self, hidden_states: Tensor, *_: Any, **__: Any) -> Any:
        for layer in self.layer:
            hidden_states = layer(hidden_states) + 1
        return BaseModelOutputWithPastAndCrossAttentions(last_hidden_state=hidden_states)


def test_blocks_that_are_no_chain_are_refused() -> None:
    model = build(bert())
    model.bert.encoder = _AddsBetween(model.bert.encoder.layer)
    with pytest.raises(ModelError, match="no simple chain"):
        measured_anatomy(model)


def test_a_head_that_does_more_than_its_modules_is_refused() -> None:
    model = build(bert())
    forward = model.forward

    def doubled(*args: Any, **kwargs: Any) -> Any:
        output = forward(*args, **kwargs)
        output.logits = output.logits * 2
        return output

    model.forward = doubled
    with pytest.raises(ModelError, match="does more than apply its modules"):
        measured_anatomy(model)


def test_a_model_without_a_list_of_blocks_is_refused() -> None:
    model = build(bert(num_hidden_layers=1))
    with pytest.raises(ModelError, match="it has no list of blocks"):
        measured_anatomy(model)


def test_measuring_leaves_the_model_as_it_was() -> None:
    model = build(bert()).train()
    before = {key: tensor.clone() for key, tensor in model.state_dict().items()}
    measured_anatomy(model)
    assert model.training
    assert all(torch.equal(before[key], tensor) for key, tensor in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())
    assert model.config.vocab_size == VOCABULARY
