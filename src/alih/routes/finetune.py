"""Fine-tuning: the top k blocks, or all of them, go on learning; the head is trained first."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from alih.errors import OptionError
from alih.pretrained.anatomy import Anatomy
from alih.routes.base import CONVOLUTIONAL, Adaptation, Effort, Phase, Variant
from alih.training.loop import FitSettings

if TYPE_CHECKING:
    from alih.routes.bench import Bench


class Finetune:
    """Head first, then the blocks: LP-FT (linear probing, then fine-tuning; arXiv 2202.10054, section 4).

    A random head sends gradients that distort good features before it has learnt anything; a head trained on frozen
    features first does not. What lies below the boundary is frozen, computed once, and read from the cache.
    """

    name = "finetune"

    def variants(self, anatomy: Anatomy, blocks: Sequence[int] | None) -> list[Variant]:
        """A third of the blocks and all of them, or those asked for.

        Raises:
            OptionError: more blocks were asked for than the model has.
        """
        total = len(anatomy.blocks)
        wanted = [math.ceil(total / 3), total] if blocks is None else [total if k < 0 else k for k in blocks]
        for count in wanted:
            if count > total:
                raise OptionError(
                    f"--blocks: {count} asked for, but the model has {total}. Use 1 to {total}, or 'all'."
                )
        return [Variant(self.name, count, total) for count in sorted(set(wanted))]

    def learning_rates(self, anatomy: Anatomy) -> tuple[float, ...]:
        """Rates that move pre-trained weights without destroying them."""
        return (3e-4, 1e-3, 3e-3) if anatomy.family in CONVOLUTIONAL else (3e-5, 1e-4, 3e-4)

    def effort(self, anatomy: Anatomy) -> Effort:
        """A few epochs on large data, more on small."""
        if anatomy.family in CONVOLUTIONAL:
            return Effort(least_epochs=8, most_epochs=30, least_steps=300, patience=None)
        return Effort(least_epochs=3, most_epochs=10, least_steps=120, patience=None)

    def adapt(
        self,
        bench: Bench,
        variant: Variant,
        settings: FitSettings,
        rows: NDArray[np.int64],
        *,
        head_settings: FitSettings,
        deadline: float | None = None,
    ) -> Adaptation:
        """Train the head on features, then the top blocks from the boundary; see `Route.adapt`."""
        pretrained = bench.fresh(settings.seed)
        head = bench.stage(pretrained, 0)
        first = Phase(head, head.fit(rows, head_settings, deadline, f"{variant.label}: head first"))
        stage = bench.stage(pretrained, variant.trainable_blocks)
        second = Phase(stage, stage.fit(rows, settings, deadline, variant.label))
        return Adaptation(pretrained, (first, second), variant)
