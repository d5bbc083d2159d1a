"""Few-shot: examples of the training data before every prompt, chosen by how well others are answered after them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from transformers import PreTrainedTokenizerBase

from alih.tasks.generation.conversation import ASSISTANT, SYSTEM, Conversation
from alih.tasks.generation.encode import encode
from alih.tasks.generation.template import Template
from alih.tasks.generation.writer import Writer

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
        Turns (role, content), to stand before every prompt; fewer, where fewer examples leave room for a prompt.
    """
    short = _short(writer.pretrained.tokenizer, writer.template, train, writer.asking.max_length, shots)
    shots = min(shots, len(short))
    if not shots:
        return ()
    rng = np.random.default_rng(seed)
    sets = [rng.choice(short, shots, replace=False).tolist() for _ in range(_SETS)]
    drawn = {place for one in sets for place in one}
    others = [place for place in range(len(train)) if place not in drawn] or list(range(len(train)))
    judges = [train[place] for place in rng.choice(others, min(_JUDGES, len(others)), replace=False).tolist()]
    best: tuple[float, tuple[tuple[str, str], ...]] | None = None
    for one in sets:
        turns = shown_turns([train[place] for place in one], writer.template)
        asked = Writer(writer.pretrained, writer.template, replace(writer.asking, shots=turns), writer.progress)
        total, count = asked.losses(judges)[0].sum(axis=0, dtype=np.float64)
        loss = float(total / max(1.0, count))
        if best is None or loss < best[0]:
            best = (loss, turns)
    assert best is not None
    return best[1]


def no_room(
    tokenizer: PreTrainedTokenizerBase, template: Template, train: Sequence[Conversation], max_length: int, shots: int
) -> str | None:
    """Why so many examples cannot stand before a prompt, in words; None where they can."""
    short = _short(tokenizer, template, train, max_length, shots)
    if len(short) >= shots:
        return None
    return (
        f"{shots} examples leave no room: {len(short):,} of {len(train):,} training examples have at most "
        f"{int(_SHARE * max_length / shots):,} tokens. Ask for fewer with --shots, or take a model with a longer "
        "context"
    )


def _short(
    tokenizer: PreTrainedTokenizerBase, template: Template, train: Sequence[Conversation], max_length: int, shots: int
) -> list[int]:
    """Places of the examples that are short enough for so many of them to leave room."""
    encoded = encode(tokenizer, template, train, 1 << 30).sequences
    lengths = [sum(len(sequence) for sequence in each) for each in encoded]
    return [place for place, length in enumerate(lengths) if length <= int(_SHARE * max_length / shots)]


def shown_turns(examples: Sequence[Conversation], template: Template) -> tuple[tuple[str, str], ...]:
    """Examples as turns, without what the system says; without a template an empty line parts them."""
    turns = [turn for example in examples for turn in example.turns if turn.role != SYSTEM]
    gap = "" if template.source is not None else "\n\n"
    return tuple((turn.role, turn.content + (gap if turn.role == ASSISTANT else "")) for turn in turns)
