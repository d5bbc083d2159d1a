"""Packed examples do not see each other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM, GPT2Config, MambaConfig, Qwen2Config, Qwen3Config

from alih.tasks.generation.encode import Tokens
from alih.tasks.generation.loss import Scorer, objective
from alih.tasks.generation.pack import IGNORED, collate, length_batches, pack_rows, packed_batches

from .tiny import llama

_SMALL: dict[str, Any] = {
    "vocab_size": 400, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "initializer_range": 0.3, "pad_token_id": 0,
}  # fmt: skip


def _models() -> dict[str, Any]:
    torch.manual_seed(0)
    return {
        "llama": llama(),
        "gpt2": AutoModelForCausalLM.from_config(
            GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=4, n_positions=64, initializer_range=0.3)
        ).eval(),
        "qwen2": AutoModelForCausalLM.from_config(Qwen2Config(**_SMALL)).eval(),
        "qwen3": AutoModelForCausalLM.from_config(Qwen3Config(**_SMALL, head_dim=8)).eval(),
    }


def _examples() -> list[Tokens]:
    torch.manual_seed(1)
    return [
        Tokens(tuple(torch.randint(3, 400, (n,)).tolist()), tuple(place >= n // 2 for place in range(n)))
        for n in (9, 4, 13, 7)
    ]


@pytest.mark.parametrize("name", ["llama", "gpt2", "qwen2", "qwen3"])
def test_packed_logits_losses_and_gradients_equal_those_of_examples_alone(name: str) -> None:
    model, examples = _models()[name], _examples()
    scorer = Scorer(model, 0)
    assert scorer.packs
    packed = collate(examples, [[0, 1], [2, 3]], 0)
    alone = [collate(examples, [[number]], 0) for number in range(4)]
    with torch.no_grad():
        together = scorer.logits(packed)
        for number, (row, start) in enumerate([(0, 0), (0, 9), (1, 0), (1, 13)]):
            expected = model(input_ids=torch.tensor([examples[number].ids])).logits[0]
            torch.testing.assert_close(
                together[row, start : start + len(examples[number])], expected, atol=1e-5, rtol=1e-5
            )
    gradients = []
    for batches in ([packed], alone):
        model.zero_grad()
        losses = [objective(scorer, batch) for batch in batches]
        total = torch.stack([loss for loss, _ in losses]).sum() / sum(count for _, count in losses)
        total.backward()  # type: ignore[no-untyped-call]
        gradients.append({key: value.grad.clone() for key, value in model.named_parameters() if value.grad is not None})
    assert gradients[0].keys() == gradients[1].keys()
    for key, value in gradients[0].items():
        torch.testing.assert_close(value, gradients[1][key], atol=1e-5, rtol=1e-4)


def test_a_model_that_leaks_between_packed_examples_is_found_out() -> None:
    torch.manual_seed(0)
    mamba = AutoModelForCausalLM.from_config(
        MambaConfig(vocab_size=400, hidden_size=16, state_size=4, num_hidden_layers=2, initializer_range=0.3)
    ).eval()
    assert not Scorer(mamba, 0).packs


def test_the_loss_equals_that_of_transformers_with_the_same_labels() -> None:
    model, examples = llama(), _examples()
    batch = collate(examples, [[0], [2]], 0)
    total, count = objective(Scorer(model, 0), batch)
    labels = torch.full_like(batch["input_ids"], IGNORED)
    labels.view(-1)[batch["learnt"] + 1] = batch["labels"]
    torch.testing.assert_close(total / count, model(input_ids=batch["input_ids"], labels=labels).loss)


def test_labels_are_the_next_token_of_the_same_example_where_it_is_learnt() -> None:
    first, second = Tokens((5, 6, 7), (False, True, True)), Tokens((8, 9), (False, True))
    batch = collate([first, second], [[0, 1]], 0)
    assert batch["labels"].tolist() == [6, 7, 9]
    assert batch["learnt"].tolist() == [0, 1, 3]
    assert batch["position_ids"].tolist() == [[0, 1, 2, 0, 1]]
    assert batch["mask"][0, 0].int().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [0, 0, 0, 1, 0],
        [0, 0, 0, 1, 1],
    ]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=60), st.integers(0, 3))
def test_every_example_is_in_one_batch_and_batches_keep_their_size(lengths: list[int], seed: int) -> None:
    rows = pack_rows(lengths, 40, seed)
    assert sorted(number for row in rows for number in row) == list(range(len(lengths)))
    assert all(sum(lengths[number] for number in row) <= 40 for row in rows)
    for batches in (packed_batches(lengths, 40, 80, seed), length_batches(lengths, 80, seed)):
        assert sorted(number for batch in batches for row in batch for number in row) == list(range(len(lengths)))
        for batch in batches:
            longest = max(sum(lengths[number] for number in row) for row in batch)
            assert longest * len(batch) <= 80
