"""Few-shot: examples of the training data before every prompt, chosen by how well others are answered after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from alih.errors import DataError
from alih.instruct.conversation import ASSISTANT, SYSTEM, Conversation
from alih.instruct.encode import encode
from alih.instruct.template import Template
from alih.instruct.writer import Writer

#: Sets of examples that are tried, and other training examples that choose among them.
_SETS, _JUDGES = 6, 40
#: Share of the context that the examples may take: prompt and answer need the rest.
_SHARE = 0.5


def choose_shots(writer: Writer, train: Sequence[Conversation], shots: int, seed: int) -> tuple[tuple[str, str], ...]:
    """Choose examples: of several sets drawn by the seed, the one after which other training answers are likeliest.

    In-context learning depends on its examples and their order (Lu et al. 2022, arXiv 2104.08786), so sets are tried,
    on training data alone.

    Args:
        writer: the model without examples.
        train: training conversations.
        shots: how many examples.
        seed: of the drawing.

    Returns:
        Turns (role, content), to stand before every prompt.

    Raises:
        DataError: the examples leave no room in the context for a prompt and its answer.
    """
    room = int(_SHARE * writer.told.max_length / shots)
    lengths = [
        sum(len(one.ids) for one in encode(writer.opened.tokenizer, writer.template, [example], 1 << 30).sequences)
        for example in train
    ]
    short = [place for place, length in enumerate(lengths) if length <= room]
    if len(short) < shots:
        raise DataError(
            f"few-shot: {shots} examples leave no room: {len(short):,} of {len(train):,} training examples have at "
            f"most {room:,} tokens. Ask for fewer with --shots, or take a model with a longer context."
        )
    rng = np.random.default_rng(seed)
    sets = [rng.choice(short, shots, replace=False).tolist() for _ in range(_SETS)]
    drawn = {place for one in sets for place in one}
    others = [place for place in range(len(train)) if place not in drawn] or list(range(len(train)))
    judges = [train[place] for place in rng.choice(others, min(_JUDGES, len(others)), replace=False).tolist()]
    best: tuple[float, tuple[tuple[str, str], ...]] | None = None
    for one in sets:
        turns = shown_turns([train[place] for place in one], writer.template)
        asked = Writer(writer.opened, writer.template, replace(writer.told, shots=turns), writer.progress)
        found, _ = asked.losses(judges)
        loss = sum(total for total, _ in found) / max(1, sum(count for _, count in found))
        if best is None or loss < best[0]:
            best = (loss, turns)
    assert best is not None
    return best[1]


def shown_turns(examples: Sequence[Conversation], template: Template) -> tuple[tuple[str, str], ...]:
    """Examples as turns, without what the system says; without a template an empty line parts them."""
    turns = [turn for example in examples for turn in example.turns if turn.role != SYSTEM]
    gap = "" if template.source is not None else "\n\n"
    return tuple((turn.role, turn.content + (gap if turn.role == ASSISTANT else "")) for turn in turns)
