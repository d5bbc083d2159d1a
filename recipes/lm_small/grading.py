"""How a small language model is judged: exact match of greedy answers by kind, and bits per byte of held-out texts."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alih.progress import Progress
from recipes.lm_small.examples import Example, final_answer
from recipes.lm_small.tokenizer import IGNORED, collate, encode, pad_id

_PROMPTS_AT_ONCE = 50
_MOST_NEW_TOKENS = 96
_OPEN = frozenset({"text", "continuation"})  # many continuations are right: judged by probability


@dataclass(frozen=True)
class Grades:
    """What the held-out prompts gave.

    Args:
        exact: share of prompts whose final answer is right to the letter, by kind.
        bits_per_byte: mean over the answer's bytes (UTF-8) of the negative log₂ probability, by kind, for texts.
    """

    exact: dict[str, float]
    bits_per_byte: dict[str, float]


def grade(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[Example], progress: Progress
) -> Grades:
    """Answer every prompt greedily and compare."""
    by_kind: dict[str, list[Example]] = defaultdict(list)
    for example in prompts:
        by_kind[example.kind].append(example)
    exact, bits = {}, {}
    with progress.step("answering held-out prompts", len(prompts), "prompts") as advance:
        for kind, some in by_kind.items():
            if kind in _OPEN:
                bits[kind] = _bits_per_byte(model, tokenizer, some)
                advance(len(some))
                continue
            given: list[str] = []
            for start in range(0, len(some), _PROMPTS_AT_ONCE):
                given += answers(model, tokenizer, [e.prompt for e in some[start : start + _PROMPTS_AT_ONCE]])
                advance(len(some[start : start + _PROMPTS_AT_ONCE]))
            right = [final_answer(text) == example.result for text, example in zip(given, some, strict=True)]
            exact[kind] = sum(right) / len(right)
    return Grades(exact, bits)


def answers(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, prompts: Sequence[str]) -> list[str]:
    """Greedy answers, with their worked steps, to prompts put through the chat template."""
    chats = [
        tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    inputs = tokenizer(chats, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
    generate: Any = model.generate
    with torch.no_grad():
        written = generate(
            input_ids=inputs["input_ids"],
            attention_mask=inputs["attention_mask"],
            do_sample=False,
            max_new_tokens=_MOST_NEW_TOKENS,
            pad_token_id=pad_id(tokenizer),
        )
    new = written[:, inputs["input_ids"].shape[1] :]
    return [text.strip() for text in tokenizer.batch_decode(new, skip_special_tokens=True)]


def _bits_per_byte(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example]) -> float:
    nats, size = 0.0, 0
    for example in examples:
        encoded = encode(tokenizer, [example], model.config.max_position_embeddings)
        if not encoded:
            continue
        inputs, labels, _ = collate(encoded, pad_id(tokenizer))
        with torch.no_grad():
            logits = model(input_ids=inputs).logits
        nats += float(
            torch.nn.functional.cross_entropy(
                logits.flatten(0, 1), labels.flatten(), ignore_index=IGNORED, reduction="sum"
            )
        )
        size += len(example.answer.encode())
    return nats / math.log(2) / max(size, 1)
