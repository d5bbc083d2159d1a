"""Few-shot: the model is asked, with a few training examples shown; no weight trains. The task says how it asks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from alih.generate.prompt import PromptForm
from alih.pretrained.anatomy import Anatomy
from alih.routes.base import Variant
from alih.routes.zero_shot import ZeroShot


class FewShot(ZeroShot):
    """Nothing trains: the task shows the model some examples of what is wanted."""

    name: ClassVar[str] = "few-shot"

    def variants(self, anatomy: Anatomy, blocks: Sequence[int] | None) -> list[Variant]:
        """One variant: nothing trains, whatever `blocks` says."""
        return [Variant(self.name, 0, len(anatomy.blocks), prompt=PromptForm())]
