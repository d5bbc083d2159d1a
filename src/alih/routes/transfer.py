"""Transfer learning: the backbone stays as it is, a new head learns from its features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from alih.pretrained.anatomy import Anatomy
from alih.routes.base import Effort, Route, Variant


class Transfer(Route):
    """A new head on a frozen backbone.

    The features of an example never change, so they are computed once; training then costs what a linear model costs.
    """

    name: ClassVar[str] = "transfer"
    head_first: ClassVar[bool] = False

    def variants(self, anatomy: Anatomy, blocks: Sequence[int] | None) -> list[Variant]:
        """One variant: no block trains, whatever `blocks` says."""
        return [Variant(self.name, 0, len(anatomy.blocks))]

    def learning_rates(self, anatomy: Anatomy) -> tuple[float, ...]:
        """A head alone stands, and needs, high rates."""
        return (1e-3, 3e-3, 1e-2, 3e-2)

    def effort(self, anatomy: Anatomy) -> Effort:
        """Many epochs: each costs next to nothing."""
        return Effort(least_epochs=30, most_epochs=200, least_steps=1000, patience=10)
