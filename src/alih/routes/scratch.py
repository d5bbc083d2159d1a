"""Training from scratch: the same architecture from random weights, to show what pre-training was worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from alih.pretrained.anatomy import Anatomy
from alih.routes.base import CONVOLUTIONAL, Effort, Route, Variant


class Scratch(Route):
    """The control experiment: everything trains, nothing was learnt before."""

    name: ClassVar[str] = "scratch"
    head_first: ClassVar[bool] = False

    def variants(self, anatomy: Anatomy, blocks: Sequence[int] | None) -> list[Variant]:
        """One variant: everything trains, whatever `blocks` says."""
        return [Variant(self.name, len(anatomy.blocks), len(anatomy.blocks), random_weights=True)]

    def learning_rates(self, anatomy: Anatomy) -> tuple[float, ...]:
        """Higher than fine-tuning's: there is nothing to protect."""
        return (1e-3, 3e-3, 1e-2) if anatomy.family in CONVOLUTIONAL else (1e-4, 3e-4, 1e-3)

    def effort(self, anatomy: Anatomy) -> Effort:
        """Longer than fine-tuning: there is more to learn."""
        if anatomy.family in CONVOLUTIONAL:
            return Effort(least_epochs=12, most_epochs=40, least_steps=400, patience=None)
        return Effort(least_epochs=5, most_epochs=15, least_steps=160, patience=None)
