"""What a translator must know beside its weights."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Setup:
    """How pairs are read, and how sentences are translated.

    Args:
        source: column or ending of the training data's source sentences.
        target: the same of their translations.
        source_language: as the model names it.
        target_language: as the model names it.
        prefix: words before every sentence.
        max_tokens: longest sentence that is trained on, in tokens; None for what the model takes.
        beam: hypotheses of beam search.
    """

    source: str | None = None
    target: str | None = None
    source_language: str | None = None
    target_language: str | None = None
    prefix: str | None = None
    max_tokens: int | None = None
    beam: int = 4
