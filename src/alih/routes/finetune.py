"""Fine-tuning: the top k blocks, or all of them, go on learning; the head is trained first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

from alih.pretrained.anatomy import Anatomy
from alih.routes.base import CONVOLUTIONAL, Effort, Route, Variant, top_blocks


class Finetune(Route):
    """Head first, then the blocks: LP-FT (linear probing, then fine-tuning; arXiv 2202.10054, section 4).

    A random head sends gradients that distort good features before it has learnt anything; a head trained on frozen
    features first does not. What lies below the boundary is frozen, computed once, and read from the cache.
    """

    name: ClassVar[str] = "finetune"

    def variants(self, anatomy: Anatomy, blocks: Sequence[int] | None) -> list[Variant]:
        """A third of the blocks and all of them, or those asked for.

        Raises:
            OptionError: more blocks were asked for than the model has.
        """
        total = len(anatomy.blocks)
        wanted = [math.ceil(total / 3), total] if blocks is None else blocks
        return [Variant(self.name, count, total) for count in top_blocks(anatomy, wanted)]

    def learning_rates(self, anatomy: Anatomy) -> tuple[float, ...]:
        """Rates that move pre-trained weights without destroying them."""
        return (3e-4, 1e-3, 3e-3) if anatomy.family in CONVOLUTIONAL else (3e-5, 1e-4, 3e-4)

    def effort(self, anatomy: Anatomy) -> Effort:
        """A few epochs on large data, more on small."""
        if anatomy.family in CONVOLUTIONAL:
            return Effort(least_epochs=8, most_epochs=30, least_steps=300, patience=None)
        return Effort(least_epochs=3, most_epochs=10, least_steps=120, patience=None)
