"""Examples as token ids with the positions that are learnt from, and batches of examples of like length."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from alih.generate.small.example import Example
from alih.generate.small.tokenizer import ASSISTANT, BOS, EOS, PAD, USER

IGNORED = -100


@dataclass(frozen=True)
class Encoded:
    """One example as the chat template writes it.

    Args:
        ids: its tokens.
        learnt_from: the first position whose token is learnt: the answer's first, or a text's first.
    """

    ids: list[int]
    learnt_from: int


def encode(tokenizer: PreTrainedTokenizerBase, examples: Sequence[Example], context: int) -> list[Encoded]:
    """Encode examples; those longer than the context are left out.

    The ids equal `apply_chat_template`'s (a test says so), written here part by part to know where the answer begins.
    """
    bos, eos, user, assistant = (token_id(tokenizer, token) for token in (BOS, EOS, USER, ASSISTANT))
    prompts = tokenizer([example.prompt for example in examples], add_special_tokens=False)["input_ids"]
    answers = tokenizer([example.answer for example in examples], add_special_tokens=False)["input_ids"]
    encoded = []
    for example, prompt, answer in zip(examples, prompts, answers, strict=True):
        before = [bos, user, *prompt, assistant] if example.prompt else [bos]
        if len(before) + len(answer) < context:
            encoded.append(Encoded([*before, *answer, eos], len(before)))
    return encoded


def batches(encoded: Sequence[Encoded], most_tokens: int, seed: str) -> list[list[Encoded]]:
    """Batches of at most that many positions, examples of like length together (so hardly any padding), shuffled."""
    rng = random.Random(seed)
    by_length = sorted(encoded, key=lambda example: (len(example.ids), rng.random()))
    made: list[list[Encoded]] = []
    for example in by_length:
        if not made or (len(made[-1]) + 1) * len(example.ids) > most_tokens:
            made.append([])
        made[-1].append(example)
    rng.shuffle(made)
    return made


def collate(batch: Sequence[Encoded], pad: int, prompt_weight: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
    """Inputs and labels, each (batch, length) int64, and weights, fp32; padded at the end, no example sees another.

    labels[:, t] is the token that follows input t, or −100 where it is not learnt. Padding at the end needs no mask:
    attention is causal. The n learnt tokens of an answer weigh 1/√n each, so that answers of one word are not drowned
    by long texts; the m tokens of its prompt weigh prompt_weight/√m each, and are not learnt where that is 0.
    """
    length = max(len(example.ids) for example in batch)
    inputs = torch.full((len(batch), length), pad)
    labels = torch.full((len(batch), length), IGNORED)
    weights = torch.zeros((len(batch), length))
    for row, example in enumerate(batch):
        ids = torch.tensor(example.ids)
        inputs[row, : len(ids)] = ids
        labels[row, example.learnt_from - 1 : len(ids) - 1] = ids[example.learnt_from :]
        if prompt_weight and example.learnt_from > 2:  # behind <s><|user|> the prompt begins
            labels[row, 1 : example.learnt_from - 2] = ids[2 : example.learnt_from - 1]
            weights[row, 1 : example.learnt_from - 2] = prompt_weight * (example.learnt_from - 3) ** -0.5
        weights[row, example.learnt_from - 1 : len(ids) - 1] = (len(ids) - example.learnt_from) ** -0.5
    return inputs, labels, weights


def token_id(tokenizer: PreTrainedTokenizerBase, token: str) -> int:
    """The number of a token of this project's own tokenizer."""
    found = tokenizer.convert_tokens_to_ids(token)
    assert isinstance(found, int)
    return found


def pad_id(tokenizer: PreTrainedTokenizerBase) -> int:
    """The padding token's number."""
    return token_id(tokenizer, PAD)
