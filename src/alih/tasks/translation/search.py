"""Beam search over sentences of any length: like lengths together, in the order given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from alih.progress import Advance
from alih.tasks.translation.languages import Direction
from alih.training.memory import out_of_memory_in_words
from alih.transformer.length_penalty import PaperLengthPenalty

#: Tokens of a batch, hypotheses counted, and most sentences of one.
_TOKENS, _SENTENCES = 8000, 64
#: A translation has at most so many times the tokens of its source, and so many more.
_TIMES, _MORE = 2, 20


@torch.inference_mode()
def search(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[Sequence[int]],
    direction: Direction,
    beam: int,
    advance: Advance,
) -> list[str]:
    """Translate encoded sentences.

    Our own Transformer takes the paper's length penalty, α = 0.6 (section 6.1); another model the rule that its
    generation_config.json states.

    Args:
        model: in evaluation mode.
        tokenizer: decodes what it writes.
        sources: token ids.
        direction: what the model must be told.
        beam: hypotheses; 1 is greedy.
        advance: called with the sentences done since last time.
    """
    said = [""] * len(sources)
    on = next(model.parameters()).device
    pad: Any = tokenizer.pad_token_id
    with out_of_memory_in_words("translating"):
        for rows in _batches(sources, beam):
            longest = max(len(sources[row]) for row in rows)
            ids = torch.tensor([[*sources[row], *[pad] * (longest - len(sources[row]))] for row in rows], device=on)
            mask = torch.tensor([[1] * len(sources[row]) + [0] * (longest - len(sources[row])) for row in rows])
            generate: Any = model.generate
            written = generate(
                input_ids=ids,
                attention_mask=mask.to(on),
                max_new_tokens=_limit(model, longest),
                **_options(model, direction, beam),
            )
            for row, text in zip(rows, tokenizer.batch_decode(written, skip_special_tokens=True), strict=True):
                said[row] = " ".join(text.split())
            advance(len(rows))
    return said


def _options(model: PreTrainedModel, direction: Direction, beam: int) -> dict[str, Any]:
    options: dict[str, Any] = {"do_sample": False, "num_beams": beam}
    if beam > 1 and model.config.model_type == "alih-transformer":
        options |= {"length_penalty": PaperLengthPenalty(0.6), "early_stopping": "never"}
    if beam == 1:
        options |= {"length_penalty": 1.0, "early_stopping": False}
    if direction.first_token is not None:
        options["forced_bos_token_id"] = direction.first_token
    return options


def _limit(model: PreTrainedModel, longest: int) -> int:
    wanted = _TIMES * longest + _MORE
    positions = getattr(model.config, "max_position_embeddings", None)
    return min(wanted, positions - 1) if isinstance(positions, int) and positions > 1 else wanted


def _batches(sources: Sequence[Sequence[int]], beam: int) -> list[list[int]]:
    """Rows by length, longest first, so that memory runs out at once or never."""
    order = sorted(range(len(sources)), key=lambda row: -len(sources[row]))
    batches: list[list[int]] = []
    for row in order:
        most = max(1, min(_SENTENCES, _TOKENS // (beam * max(len(sources[batches[-1][0]]), 1)))) if batches else 0
        if not batches or len(batches[-1]) >= most:
            batches.append([])
        batches[-1].append(row)
    return batches
