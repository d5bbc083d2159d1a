"""Zero-shot: the model is asked; no weight trains and no labelled example is looked at. The task says how it asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from alih.generate.prompt import PromptForm
from alih.pretrained.anatomy import Anatomy
from alih.routes.base import Effort, Route, Variant


class ZeroShot(Route):
    """Nothing trains: the task describes to the model what is wanted."""

    name: ClassVar[str] = "zero-shot"
    head_first: ClassVar[bool] = False

    def variants(self, anatomy: Anatomy, blocks: Sequence[int] | None) -> list[Variant]:
        """One variant: nothing trains, whatever `blocks` says."""
        return [Variant(self.name, 0, len(anatomy.blocks), prompt=PromptForm(shots=0))]

    def learning_rates(self, anatomy: Anatomy) -> tuple[float, ...]:
        """None: nothing trains."""
        return ()

    def effort(self, anatomy: Anatomy) -> Effort:
        """None."""
        return Effort(least_epochs=1, most_epochs=1, least_steps=1, patience=None)
