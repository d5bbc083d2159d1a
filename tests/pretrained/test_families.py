"""Anatomies are true: blocks chain, heads reproduce the logits, and every weight belongs to exactly one part."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from transformers import AlbertConfig, AutoModelForSequenceClassification, BartConfig, PreTrainedModel

from alih.errors import ModelError
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.families import anatomy_of, head_modules
from alih.pretrained.family_table import FAMILIES
from alih.pretrained.registration import register_all

from .tiny import IMAGE, TEXT, batch, bert, build

register_all()

ALL = {**TEXT, **IMAGE}
#: Parameters that no part owns, because nothing reads them: none so far.
UNUSED: dict[str, set[str]] = {}


@pytest.fixture(params=sorted(ALL))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


class Seen:
    """First input and output of modules during one forward pass."""

    def __init__(self, model: PreTrainedModel, paths: set[str]) -> None:
        self.inputs: dict[str, Tensor] = {}
        self.outputs: dict[str, Tensor] = {}
        handles = [model.get_submodule(path).register_forward_hook(self._hook(path)) for path in paths]
        with torch.no_grad():
            self.logits = model(**batch(model)).logits
        for handle in handles:
            handle.remove()

    def _hook(self, path: str) -> Any:
        def hook(_module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            if args:
                self.inputs[path] = args[0].clone()
            self.outputs[path] = (output[0] if isinstance(output, tuple) else output).clone()

        return hook


def reduced(features: Tensor, anatomy: Anatomy, lengths: Tensor) -> Tensor:
    if anatomy.reads == "first":
        return features[:, :1]
    if anatomy.reads == "last":
        return features[torch.arange(len(features)), lengths - 1]
    return features


def part_names(model: PreTrainedModel, anatomy: Anatomy) -> dict[int, list[str]]:
    """For each parameter (by identity) the parts that own it."""
    parts = {"stem": anatomy.stem, "neck": anatomy.neck, "head": tuple(p for p in anatomy.head if p != "relu")}
    parts |= {block.name: block.modules for block in anatomy.blocks}
    owners: dict[int, list[str]] = {}
    for part, paths in parts.items():
        for parameter in {id(p): p for path in paths for p in model.get_submodule(path).parameters()}.values():
            owners.setdefault(id(parameter), []).append(part)
    return owners


def test_each_block_hands_its_output_to_the_next(name: str) -> None:
    model = build(ALL[name]())
    anatomy = anatomy_of(model)
    seen = Seen(model, {path for block in anatomy.blocks for path in (block.modules[0], block.modules[-1])})
    assert len(anatomy.blocks) >= 2
    for block, following in zip(anatomy.blocks, anatomy.blocks[1:], strict=False):
        assert torch.equal(seen.outputs[block.modules[-1]], seen.inputs[following.modules[0]])


def test_entry_gives_the_shape_that_block_0_takes(name: str) -> None:
    model = build(ALL[name]())
    anatomy = anatomy_of(model)
    assert anatomy.entry is not None
    first = anatomy.blocks[0].modules[0]
    seen = Seen(model, {anatomy.entry, first})
    assert torch.equal(seen.outputs[anatomy.entry], seen.inputs[first])


def test_head_applied_to_its_features_gives_the_logits(name: str) -> None:
    model = build(ALL[name]())
    anatomy = anatomy_of(model)
    seen = Seen(model, {anatomy.head[0]})
    lengths = batch(model).get("attention_mask", torch.ones(4, 1)).sum(dim=1).long()
    with torch.no_grad():
        logits = head_modules(model, anatomy)(reduced(seen.inputs[anatomy.head[0]], anatomy, lengths))
    torch.testing.assert_close(logits.reshape(seen.logits.shape), seen.logits, atol=1e-6, rtol=1e-5)


def test_head_modules_are_the_models_own(name: str) -> None:
    model = build(ALL[name]())
    own = {id(parameter) for parameter in model.parameters()}
    assert all(id(parameter) in own for parameter in head_modules(model, anatomy_of(model)).parameters())


def test_every_parameter_belongs_to_exactly_one_part(name: str) -> None:
    model = build(ALL[name]())
    owners = part_names(model, anatomy_of(model))
    counts = {key: len(owners.get(id(parameter), [])) for key, parameter in model.named_parameters()}
    unowned = {key for key, count in counts.items() if count == 0}
    assert unowned == UNUSED.get(name, set())
    assert not [key for key, count in counts.items() if count > 1]


def test_every_family_of_the_table_is_tested() -> None:
    tested = Counter(build(make()).config.model_type for make in ALL.values())
    backbones = {"t5", "mt5"}  # only ever below the mean-pooled head
    assert set(FAMILIES) - backbones <= set(tested)


def test_a_new_pooler_is_head_and_a_pre_trained_one_is_neck() -> None:
    model = build(bert())
    trained = anatomy_of(model)
    new = anatomy_of(model, new={"bert.pooler.dense.weight", "bert.pooler.dense.bias"})
    assert (trained.neck, trained.head, trained.reads) == (("bert.pooler",), ("dropout", "classifier"), "whole")
    assert (new.neck, new.head, new.reads) == ((), ("bert.pooler", "dropout", "classifier"), "first")
    features = Seen(model, {"bert.pooler"})
    with torch.no_grad():
        logits = head_modules(model, new)(features.inputs["bert.pooler"][:, :1])
    torch.testing.assert_close(logits, features.logits)


def test_a_stages_downsampling_belongs_to_its_first_block() -> None:
    blocks = anatomy_of(build(IMAGE["convnext"]())).blocks
    assert [len(block.modules) for block in blocks] == [1, 1, 3, 1]
    assert blocks[2].name == "convnext.encoder.stages.1.layers.0"


def test_shared_layers_are_refused_in_words() -> None:
    config = AlbertConfig(
        hidden_size=16, embedding_size=8, num_hidden_layers=3, num_attention_heads=2, intermediate_size=24
    )
    with pytest.raises(ModelError, match="share one set of weights"):
        anatomy_of(AutoModelForSequenceClassification.from_config(config))


def test_two_equally_long_stacks_are_refused_with_what_was_found() -> None:
    config = BartConfig(
        d_model=16,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=24,
        decoder_ffn_dim=24,
        vocab_size=40,
        max_position_embeddings=32,
    )
    with pytest.raises(ModelError, match=r"2 equally long lists \(model.encoder.layers, model.decoder.layers\)"):
        anatomy_of(AutoModelForSequenceClassification.from_config(config))
