"""How each next token comes out: the model's probabilities at each step, and what it attends to then."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase

from alih.explain.capture import Attention
from alih.explain.tokens import Token, describe

#: Candidates shown at each step.
TOP = 5


@dataclass(frozen=True)
class Candidate:
    """A token that could come next, with the model's probability of it (softmax of the logits)."""

    token: Token
    probability: float


@dataclass(frozen=True)
class Step:
    """One token as it comes out, or one mask as it is filled.

    Args:
        place: position in its sequence: of the token that comes out, or of the mask.
        token: the one chosen; at a mask the likeliest.
        probability: that the model gives it.
        top: the likeliest tokens, best first.
        looked_at: (layers, heads, k), the weights of the position that decides: over the source in an encoder–decoder,
            over the text so far in a causal model, over the whole text at a mask.
    """

    place: int
    token: Token
    probability: float
    top: list[Candidate]
    looked_at: Tensor


def write_on(
    model: PreTrainedModel, ids: Tensor, mask: Tensor, tokenizer: PreTrainedTokenizerBase, most: int
) -> Tensor:
    """Greedy decoding, beam 1: (1, t) → (1, all of the decoder's tokens), with the model's own rules of generation."""
    # A copy of the model's settings: forced and forbidden tokens stay, sampling and beams do not.
    settings = GenerationConfig.from_dict(
        {
            **model.generation_config.to_diff_dict(),
            "do_sample": False,
            "num_beams": 1,
            "max_new_tokens": most,
            "max_length": None,
            "min_length": 0,
            "temperature": None,
            "top_p": None,
            "top_k": None,
            "length_penalty": None,
            "early_stopping": None,
            "pad_token_id": tokenizer.pad_token_id,
        }
    )
    written = model.generate(  # type: ignore[operator]
        input_ids=ids, attention_mask=mask, generation_config=settings
    )
    assert isinstance(written, Tensor)
    return written


def next_tokens(
    logits: Tensor,
    ids: Sequence[int],
    first: int,
    attentions: list[Attention],
    tokenizer: PreTrainedTokenizerBase,
) -> list[Step]:
    """Each token from place `first` on, decided by the position before it.

    Args:
        logits: (t, vocabulary), of all positions in one pass: later tokens are hidden from earlier ones, so they are
            what step-by-step decoding gives.
        ids: the t tokens of the sequence that is written.
        first: place of the first token that came out, at least 1.
        attentions: of the role that is shown, by layer.
        tokenizer: the model's.
    """
    steps = []
    for place in range(first, len(ids)):
        seen = attentions[0].key.shape[1] if attentions[0].role == "cross" else place
        looked = torch.stack([one.weights[:, place - 1, :seen] for one in attentions])
        steps.append(_step(place, ids[place], logits[place - 1], looked, tokenizer))
    return steps


def filled_masks(
    logits: Tensor, ids: Sequence[int], attentions: list[Attention], tokenizer: PreTrainedTokenizerBase
) -> list[Step]:
    """The likeliest tokens for each mask of the text; logits (t, vocabulary)."""
    steps = []
    for place, number in enumerate(ids):
        if number == tokenizer.mask_token_id:
            looked = torch.stack([one.weights[:, place] for one in attentions])
            steps.append(_step(place, int(logits[place].argmax()), logits[place], looked, tokenizer))
    return steps


def _step(place: int, chosen: int, logits: Tensor, looked: Tensor, tokenizer: PreTrainedTokenizerBase) -> Step:
    shares = logits.float().softmax(-1)  # (vocabulary,)
    best = shares.topk(min(TOP, len(shares)))
    tokens = [describe(tokenizer, [int(number)])[0] for number in best.indices]
    top = [Candidate(token, float(share)) for token, share in zip(tokens, best.values, strict=True)]
    return Step(place, describe(tokenizer, [chosen])[0], float(shares[chosen]), top, looked)
