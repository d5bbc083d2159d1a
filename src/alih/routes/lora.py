"""The routes that train low-rank adapters beside frozen weights: LoRA, QLoRA and QA-LoRA."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from alih import files
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.open import Pretrained
from alih.quantize.calibration import Batches
from alih.routes import adapters
from alih.routes.base import CONVOLUTIONAL, AdapterForm, Effort, Route, Variant, top_blocks
from alih.training.precision import device


class LoRA(Route):
    """Low-rank adapters beside the frozen layers, in all blocks or above a boundary; the head is trained first.

    What lies below the boundary is computed once, as for `finetune`. Adapters start at zero, so the head that was
    trained on frozen features is the right one to start from.
    """

    name: ClassVar[str] = "lora"

    def variants(self, anatomy: Anatomy, blocks: Sequence[int] | None) -> list[Variant]:
        """Adapters in every block, or in the top blocks asked for.

        Raises:
            OptionError: more blocks were asked for than the model has.
        """
        total = len(anatomy.blocks)
        wanted = top_blocks(anatomy, [total] if blocks is None else blocks)
        return [Variant(self.name, count, total, adapter=AdapterForm()) for count in wanted]

    def learning_rates(self, anatomy: Anatomy) -> tuple[float, ...]:
        """About ten times those of fine-tuning: adapters start at zero and have nothing to lose."""
        return (1e-3, 3e-3, 1e-2) if anatomy.family in CONVOLUTIONAL else (3e-4, 1e-3, 3e-3)

    def effort(self, anatomy: Anatomy) -> Effort:
        """As long as fine-tuning."""
        if anatomy.family in CONVOLUTIONAL:
            return Effort(least_epochs=8, most_epochs=30, least_steps=300, patience=None)
        return Effort(least_epochs=3, most_epochs=10, least_steps=120, patience=None)

    def unsuited(self, pretrained: Pretrained, variant: Variant) -> str | None:
        """A reason where the blocks have no layer that could be adapted, or a package is missing."""
        return adapters.unsuited(pretrained.model, pretrained.anatomy, variant)

    def prepare(self, pretrained: Pretrained, variant: Variant, seed: int, batches: Batches | None = None) -> None:
        """Put untrained adapters on; see `alih.routes.adapters.attach`."""
        adapters.attach(pretrained, variant, seed, device(), batches)

    def merge(self, pretrained: Pretrained, variant: Variant) -> None:
        """Merge every adapter into its layer; see `alih.routes.adapters.merge`."""
        into_nf4 = variant.route == "qlora" and adapters.form_of(variant).merge == "nf4"
        adapters.merge(pretrained.model, into_nf4=into_nf4)

    def save(self, pretrained: Pretrained, variant: Variant, folder: Path) -> None:
        """Write the adapters, and the head where it trained; see `alih.routes.adapters.save_adapter`."""
        with files.replacing_folder(folder) as fresh:
            adapters.save_adapter(pretrained, variant, fresh)


class QLoRA(LoRA):
    """LoRA on layers held in NF4 with double quantisation (arXiv 2305.14314); merged, they are in 32 bits again."""

    name: ClassVar[str] = "qlora"


class QALoRA(LoRA):
    """Adapters on group-wise quantised layers, which merge into their zero points exactly (arXiv 2309.14717)."""

    name: ClassVar[str] = "qalora"
