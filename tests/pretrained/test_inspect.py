"""Inspect and footprint: counts against torch's own, FLOPs against the closed form, text from data."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from alih.pretrained.builtin import BUILT_IN
from alih.pretrained.families import anatomy_of
from alih.pretrained.footprint import flops_per_example, footprint_of
from alih.pretrained.inspect import describe, render
from alih.pretrained.open import load
from alih.pretrained.registration import register_all
from alih.task import Kind, Modality, Task
from alih.training.modules import freeze_below

from .tiny import IMAGE, TEXT, bert, build, save

register_all()
ALL = {**TEXT, **IMAGE}


@pytest.mark.parametrize("name", sorted(ALL))
def test_parts_add_up_to_all_parameters(name: str) -> None:
    model = build(ALL[name]())
    footprint = footprint_of(model, anatomy_of(model))
    assert footprint.total == sum(parameter.numel() for parameter in model.parameters())
    assert footprint.elsewhere == 0
    assert footprint.nbytes == 4 * footprint.total


@pytest.mark.parametrize(
    "name", ["bert", "deberta-v2 with convolution", "convnext", "gpt2", "alih-resnet", "pooled t5"]
)
def test_trainable_counts_are_what_freezing_leaves(name: str) -> None:
    model = build(ALL[name]())
    anatomy = anatomy_of(model)
    footprint = footprint_of(model, anatomy)
    for blocks in range(len(anatomy.blocks) + 1):
        trained = freeze_below(model, anatomy, blocks)
        assert footprint.trainable(blocks) == sum(parameter.numel() for parameter in trained)
    with pytest.raises(ValueError, match="between 0 and"):
        footprint.trainable(len(anatomy.blocks) + 1)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_flops_of_bert_are_those_of_its_matrix_products(attention: str) -> None:
    config = bert()
    model = build(config)
    model.set_attn_implementation(attention)
    tokens, d, ff, blocks = 9, 16, 24, 3
    # A block: four d×d projections, two products of attention (tokens × tokens × d), two of the feed-forward part.
    a_token = 2 * (4 * d * d + 2 * tokens * d + 2 * d * ff)
    pooler_and_head = 2 * (d * d + d * 3)
    ids = torch.ones(4, tokens, dtype=torch.long)
    counted = flops_per_example(model, {"input_ids": ids, "attention_mask": ids})
    assert counted == blocks * tokens * a_token + pooler_and_head


def test_counting_leaves_the_mode_as_it_was() -> None:
    model = build(bert()).train()
    flops_per_example(model, {"input_ids": torch.ones(1, 3, dtype=torch.long)})
    assert model.training


@pytest.mark.parametrize("name", ["bert", "gpt2", "pooled t5", "vit", "convnext", "alih-vgg"])
def test_a_description_is_json_and_renders(name: str, tmp_path: Path) -> None:
    folder = save(build(ALL[name]()), tmp_path)
    description = json.loads(json.dumps(describe(folder)))
    model = load(folder).model
    total = sum(parameter.numel() for parameter in model.parameters())
    assert description["parameters"] == total == sum(part["parameters"] for part in description["anatomy"])
    assert description["bytes_on_disk"] == (folder / "model.safetensors").stat().st_size
    assert description["classes"] == ["LABEL_0", "LABEL_1", "LABEL_2"]
    assert description["gflops_per_example"]["value"] > 0
    assert description["routes"][-1] == {
        "route": "finetune all",
        "blocks": len(description["routes"]) - 1,
        "trainable": total,
        "share": 1.0,
    }
    text = render(description)
    assert f"{total:,} parameters" in text
    assert "transfer (head)" in text
    assert "finetune all" in text


def test_a_task_that_the_head_was_not_trained_for_is_not_claimed(tmp_path: Path) -> None:
    folder = save(build(bert()).bert, tmp_path)
    description = describe(load(folder, Task(Modality.TEXT, Kind.SINGLE, ("a", "b"))))
    assert description["classes"] is None
    assert "its head is new" in render(description)


def test_the_licence_comes_from_the_model_card(tmp_path: Path) -> None:
    folder = save(build(bert()), tmp_path)
    assert describe(folder)["licence"] is None
    (folder / "README.md").write_text("---\ntags: [x]\nlicense: 'apache-2.0'\n---\n# A model\nlicense: other\n")
    assert describe(folder)["licence"] == "apache-2.0"
    assert "licence     apache-2.0" in render(describe(folder))


def test_many_blocks_take_few_lines(tmp_path: Path) -> None:
    text = render(describe(save(build(bert(num_hidden_layers=20)), tmp_path)))
    assert "blocks 0–19" in text
    assert "finetune top 16 of 20" in text
    assert "finetune top 17 of 20" not in text


@pytest.mark.parametrize("name", ["alih/minilm", "alih/resnet-small", "alih/vgg-small"])
def test_a_built_in_is_named_by_where_its_weights_come_from_and_never_by_a_place_on_this_machine(name: str) -> None:
    description = describe(name)
    text = render(description)
    place = str(BUILT_IN[name].locate())
    assert place not in json.dumps(description)
    assert place not in text
    assert text.startswith(f"{name}  (")
    assert f"source      built-in: {BUILT_IN[name].origin}" in text
