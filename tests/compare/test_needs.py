"""What routes need: counts are those of the routes themselves, and memory grows as it must."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from alih.compare.needs import largest_batch, needs, variants_of
from alih.errors import AlihError
from alih.pretrained.live import LiveMemory
from alih.pretrained.open import Pretrained, load
from alih.pretrained.outline import outline
from alih.routes.base import Variant
from alih.routes.registry import route
from alih.task import Kind, Modality, Task
from alih.training.modules import freeze_below

TASK = Task(Modality.TEXT, Kind.SINGLE, ("bad", "good"))


@pytest.fixture(scope="module")
def bert(tiny_bert: Path) -> Pretrained:
    return load(tiny_bert, TASK)


def variant(pretrained: Pretrained, name: str, blocks: int = -1) -> Variant:
    return route(name).variants(pretrained.anatomy, [blocks])[0]


@pytest.mark.parametrize("name", ["lora", "qalora", "ia3"])
def test_trainable_parameters_are_those_that_the_route_makes(name: str, tiny_bert: Path) -> None:
    loaded = load(tiny_bert, TASK)
    chosen = variant(loaded, name)
    (found,) = needs(loaded, [chosen], batch_size=2, length=8)
    route(name).prepare(loaded, chosen, 0)
    trained = sum(p.numel() for p in loaded.model.parameters() if p.requires_grad)
    assert found.trainable == trained
    assert found.disk == 4 * trained
    assert found.gradients + found.optimiser == 12 * trained


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_a_step_is_predicted_to_the_byte(blocks: int, tiny_bert: Path) -> None:
    loaded = load(tiny_bert, TASK)
    (found,) = needs(loaded, [variant(loaded, "finetune", blocks)], batch_size=4, length=12)
    model = loaded.model.train()
    trained = freeze_below(model, loaded.anatomy, blocks)
    ids = torch.zeros(4, 12, dtype=torch.long)
    mask = torch.ones_like(ids)
    mask[0, -1] = 0  # without any padding the mask is left out; what is predicted is a batch of several lengths
    live = LiveMemory([*model.parameters(), *model.buffers(), ids, mask])
    with live:
        loss = model(input_ids=ids, attention_mask=mask).logits.sum()
        held = live.now
        loss.backward()
    assert (found.activations, found.step) == (held, live.peak)
    assert found.trainable == sum(parameter.numel() for parameter in trained)


def test_memory_grows_with_blocks_batch_and_length(bert: Pretrained) -> None:
    tops = [needs(bert, [variant(bert, "finetune", blocks)], batch_size=8, length=32)[0] for blocks in (1, 2, 3)]
    assert tops[0].activations < tops[1].activations < tops[2].activations
    assert tops[0].flops_a_token < tops[1].flops_a_token < tops[2].flops_a_token
    more = needs(bert, [variant(bert, "finetune")], batch_size=16, length=32)[0]
    longer = needs(bert, [variant(bert, "finetune")], batch_size=8, length=40)[0]
    assert more.activations > 1.9 * tops[2].activations
    assert longer.activations > 1.2 * tops[2].activations


def test_operations_of_full_training_are_three_times_the_forward_pass(bert: Pretrained) -> None:
    from alih.pretrained.footprint import flops_per_example

    ids = torch.zeros(2, 16, dtype=torch.long)
    forward = flops_per_example(bert.model, {"input_ids": ids, "attention_mask": torch.ones_like(ids)})
    (found,) = needs(bert, [variant(bert, "scratch")], batch_size=2, length=16)
    assert found.flops_a_token * 16 == pytest.approx(3 * forward, rel=0.1)  # no gradient goes to the embeddings' input


def test_the_largest_batch_fits_and_twice_as_much_does_not(bert: Pretrained) -> None:
    chosen = variant(bert, "finetune")
    limit = needs(bert, [chosen], batch_size=6, length=32)[0].peak
    found = largest_batch(bert, chosen, limit, 32, 64)
    assert found == 4
    assert needs(bert, [chosen], batch_size=4, length=32)[0].peak <= limit
    assert needs(bert, [chosen], batch_size=8, length=32)[0].peak > limit
    assert largest_batch(bert, chosen, 1000, 32, 64) == 0


def test_no_batch_gets_below_the_least(bert: Pretrained) -> None:
    """So `alih inspect` need not follow a step at every batch size where `least` is too much already."""
    variants = variants_of(bert)
    of_one, of_many = (needs(bert, variants, batch_size=size, length=4) for size in (1, 16))
    for one, many in zip(of_one, of_many, strict=True):
        assert one.least == many.least <= one.peak < many.peak, one.label


def test_pictures_and_models_without_weights_are_worked_out(tiny_resnet: Path) -> None:
    drawn = outline(tiny_resnet)
    found = needs(drawn, variants_of(drawn), batch_size=4)
    assert {"transfer", "finetune", "scratch"} <= {one.route for one in found}
    assert all(one.peak > 0 for one in found)


def test_a_model_that_cannot_be_followed_is_said_in_words(bert: Pretrained) -> None:
    broken = replace(bert, model=torch.nn.Linear(2, 2))  # type: ignore[arg-type]
    with pytest.raises(AlihError, match="cannot be worked out"):
        needs(broken, [variant(bert, "finetune")])


def test_a_prompt_trains_nothing_and_reads_everything(tiny_bert: Path) -> None:
    loaded = load(tiny_bert, TASK, pooling="mean")
    (found,) = needs(loaded, [variant(loaded, "zero-shot")], batch_size=2, length=8)
    assert (found.trainable, found.gradients, found.optimiser, found.disk) == (0, 0, 0, 0)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        loaded.model(input_ids=torch.zeros(2, 8, dtype=torch.long), attention_mask=torch.ones(2, 8, dtype=torch.long))
    assert found.flops_a_token == counter.get_total_flops() / 16


def test_a_model_that_reads_pictures_is_not_prompted(tiny_resnet: Path) -> None:
    routes = {one.route for one in variants_of(load(tiny_resnet))}
    assert "transfer" in routes
    assert not routes & {"zero-shot", "few-shot"}
