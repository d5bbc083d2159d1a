"""Writes answers: greedily or by sampling, many at a time, with what would not fit cut off at the beginning."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase, TextStreamer

from alih.errors import OptionError
from alih.pretrained.quiet import quiet

#: Prompts that are answered at once.
_AT_ONCE = 32


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen.

    Args:
        max_new_tokens: most tokens of an answer.
        temperature: 0 takes the likeliest; above, logits are divided by it and a token is drawn.
        top_p: draw among the likeliest tokens that make up this share (Holtzman et al. 2019, arXiv 1904.09751).
        top_k: draw among so many of the likeliest; 0 = all.
        seed: of drawing.

    Raises:
        OptionError: a value is out of range.
    """

    max_new_tokens: int = 128
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        checks = (
            ("max-new-tokens", self.max_new_tokens >= 1, "must be at least 1"),
            ("temperature", 0 <= self.temperature < 100, "must be 0 (the likeliest token) or more"),
            ("top-p", 0 < self.top_p <= 1, "must be above 0 and at most 1"),
            ("top-k", self.top_k >= 0, "must be 0 (all tokens) or more"),
            ("seed", 0 <= self.seed < 2**32, "must be from 0 to 4,294,967,295"),
        )
        for flag, fine, problem in checks:
            if not fine:
                raise OptionError(f"--{flag}: {problem}, not {getattr(self, flag.replace('-', '_'))}.")
        if self.temperature == 0 and (self.top_p != 1 or self.top_k != 0):
            flag = "--top-p" if self.top_p != 1 else "--top-k"
            raise OptionError(f"{flag}: means nothing where the likeliest token is taken; add --temperature 0.8.")

    def arguments(self) -> dict[str, Any]:
        """For `generate` of transformers."""
        if self.temperature == 0:
            return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
        return {"do_sample": True, "temperature": self.temperature, "top_p": self.top_p, "top_k": self.top_k}


@torch.no_grad()
def answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    stops: Sequence[int],
    context: int,
    sampling: Sampling,
    advance: Callable[[int], object] = lambda _: None,
    say: Callable[[str], object] | None = None,
) -> list[str]:
    """Write an answer to every prompt.

    Args:
        model: in any mode; it is put back into it.
        tokenizer: its tokenizer.
        prompts: token numbers.
        stops: tokens that end an answer.
        context: most tokens of prompt and answer; see `fitting`.
        sampling: how to choose tokens.
        advance: called with how many prompts are done.
        say: called with pieces of the text as they are written; for one prompt.
    """
    was_training = model.training
    model.eval()
    if sampling.temperature:
        torch.manual_seed(sampling.seed)
    pad = int(tokenizer.pad_token_id or 0)
    on = next(model.parameters()).device
    order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    written = [""] * len(prompts)
    for start in range(0, len(order), _AT_ONCE):
        some = order[start : start + _AT_ONCE]
        rows, room = zip(*(fitting(prompts[place], context, sampling.max_new_tokens) for place in some), strict=True)
        length = max(len(row) for row in rows)
        ids, mask = torch.full((len(rows), length), pad), torch.zeros((len(rows), length), dtype=torch.long)
        for number, row in enumerate(rows):  # padding stands on the left: answers begin side by side
            ids[number, length - len(row) :] = torch.tensor(row)
            mask[number, length - len(row) :] = 1
        with quiet():
            generate: Any = model.generate
            found: Tensor = generate(
                input_ids=ids.to(on),
                attention_mask=mask.to(on),
                max_new_tokens=min(room),
                eos_token_id=list(stops) or None,
                pad_token_id=pad,
                streamer=None if say is None else _Said(tokenizer, say),
                **sampling.arguments(),
            )
        for place, row in zip(some, found[:, length:].tolist(), strict=True):
            end = next((number for number, token in enumerate(row) if token in stops), len(row))
            text = tokenizer.decode(row[:end], skip_special_tokens=True)
            assert isinstance(text, str)
            written[place] = text.strip()
        advance(len(some))
    model.train(was_training)
    return written


def fitting(prompt: Sequence[int], context: int, wanted: int) -> tuple[list[int], int]:
    """A prompt's end and the tokens of its answer, so that both fit: the answer gets at most half of the context."""
    room = min(wanted, max(1, context // 2))
    kept = list(prompt)[-max(1, context - room) :]
    return kept, room


class _Said(TextStreamer):
    """Hands over text as soon as it is certain."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, say: Callable[[str], object]) -> None:
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._say = say

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        """Called by transformers with every new piece."""
        self._say(text)
