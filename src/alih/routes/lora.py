"""The routes that train adapters beside frozen weights: LoRA, QLoRA and QA-LoRA."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import nn

from alih.errors import OptionError
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.open import Pretrained
from alih.quantize.calibration import Batch, Batches
from alih.routes.adapters import attach
from alih.routes.base import CONVOLUTIONAL, Adaptation, AdapterForm, Effort, Phase, Variant
from alih.training.loop import FitSettings
from alih.training.precision import device

if TYPE_CHECKING:
    from alih.routes.bench import Bench


#: Training examples whose inputs calibrated rounding looks at: GPTQ takes 128 (arXiv 2210.17323, section 4).
CALIBRATION_EXAMPLES = 128


class LoRA:
    """Low-rank adapters beside the frozen layers, in all blocks or above a boundary; the head is trained first.

    What lies below the boundary is computed once, as for `finetune`. Adapters start at zero, so the head that was
    trained on frozen features is the right one to start from.
    """

    name = "lora"

    def variants(self, anatomy: Anatomy, blocks: Sequence[int] | None) -> list[Variant]:
        """Adapters in every block, or in the top blocks asked for.

        Raises:
            OptionError: more blocks were asked for than the model has.
        """
        total = len(anatomy.blocks)
        wanted = [total] if blocks is None else [total if k < 0 else k for k in blocks]
        for count in wanted:
            if count > total:
                raise OptionError(
                    f"--blocks: {count} asked for, but the model has {total}. Use 1 to {total}, or 'all'."
                )
        return [Variant(self.name, count, total, adapter=AdapterForm()) for count in sorted(set(wanted))]

    def learning_rates(self, anatomy: Anatomy) -> tuple[float, ...]:
        """About ten times those of fine-tuning: adapters start at zero and have nothing to lose."""
        return (1e-3, 3e-3, 1e-2) if anatomy.family in CONVOLUTIONAL else (3e-4, 1e-3, 3e-3)

    def effort(self, anatomy: Anatomy) -> Effort:
        """As long as fine-tuning."""
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
        """Train the head on features, then head and adapters; see `Route.adapt`."""
        pretrained = bench.fresh(settings.seed)
        head = bench.stage(pretrained, 0)
        first = Phase(head, head.fit(rows, head_settings, deadline, f"{variant.label}: head first"))
        attach(pretrained, variant, settings.seed, device(), calibration_batches(bench, pretrained, rows))
        stage = bench.stage(pretrained, variant.trainable_blocks, adapted=True)
        second = Phase(stage, stage.fit(rows, settings, deadline, variant.label))
        return Adaptation(pretrained, (first, second), variant)


def calibration_batches(bench: Bench, pretrained: Pretrained, rows: NDArray[np.int64]) -> Batches:
    """Batches of the first training rows, made when asked for; the model is moved to the device then."""
    encoded = bench.parts["train"].encoded

    def batches() -> Iterator[Batch]:
        nn.Module.to(pretrained.model, device())
        for start in range(0, min(len(rows), CALIBRATION_EXAMPLES), bench.batch_size):
            yield encoded.collate(rows[start : min(start + bench.batch_size, CALIBRATION_EXAMPLES)])

    return batches


class QLoRA(LoRA):
    """LoRA on layers held in NF4 with double quantisation (arXiv 2305.14314); merged, they are in 32 bits again."""

    name = "qlora"


class QALoRA(LoRA):
    """Adapters on group-wise quantised layers, which merge into their zero points exactly (arXiv 2309.14717)."""

    name = "qalora"
