"""Answers that were written already: those of the same weights to the same prompts are written once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.tasks.generation.conversation import Conversation
from alih.tasks.generation.writer import Asking, Writer

#: Sets of answers that are kept.
_KEPT = 8


class Answers:
    """Lets models answer, and keeps what they wrote."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, Asking], list[str]] = {}

    def of(self, writer: Writer, whole: Sequence[Conversation], rows: NDArray[np.int64] | None) -> list[str]:
        """Answers to the prompts of some conversations, or of all.

        Args:
            writer: the model.
            whole: the conversations of a part.
            rows: which of them; all if not given.
        """
        chosen = list(whole) if rows is None else [whole[row] for row in rows.tolist()]
        prompts = [conversation.prompt for conversation in chosen]
        weights = _weights_digest(writer.pretrained.model)
        known = self._known.get((weights, _prompts_digest(whole), writer.asking))
        if known is not None:
            return known if rows is None else [known[row] for row in rows.tolist()]
        key = weights, _prompts_digest(chosen), writer.asking
        if key not in self._known:
            while len(self._known) >= _KEPT:
                self._known.pop(next(iter(self._known)))
            self._known[key] = writer.answer(prompts)
        return self._known[key]


def _prompts_digest(conversations: Sequence[Conversation]) -> str:
    found = hashlib.blake2b(digest_size=16)
    for conversation in conversations:
        found.update(repr(conversation.prompt).encode(errors="surrogatepass"))
    return found.hexdigest()


@torch.no_grad()
def _weights_digest(model: nn.Module) -> str:
    found = hashlib.blake2b(digest_size=16)
    for name, value in model.state_dict().items():
        if isinstance(value, Tensor):
            found.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            found.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().data)
    return found.hexdigest()
