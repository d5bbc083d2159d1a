"""What a model weighs, before anything runs: parameters and bytes by component, and FLOPs for one example."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from transformers import PreTrainedModel

from alih.pretrained.anatomy import Anatomy


@dataclass(frozen=True)
class Footprint:
    """Parameters of a model by component; a parameter that is used in several places counts once.

    Args:
        stem, neck, head: parameters in each.
        blocks: parameters of each block, from input to output.
        elsewhere: parameters that belong to no component (nothing trains them but fine-tuning everything).
        nbytes: bytes of all parameters in memory.
        blocks_alone: as in `Anatomy`.
    """

    stem: int
    blocks: tuple[int, ...]
    neck: int
    head: int
    elsewhere: int
    nbytes: int
    blocks_alone: bool = False

    @property
    def total(self) -> int:
        """All parameters."""
        return self.stem + sum(self.blocks) + self.neck + self.head + self.elsewhere

    def trainable(self, blocks: int) -> int:
        """Parameters that train with the top `blocks` blocks: 0 = a new head alone, all = everything.

        Raises:
            ValueError: the model has fewer blocks.
        """
        if not 0 <= blocks <= len(self.blocks):
            raise ValueError(f"blocks must lie between 0 and {len(self.blocks)}, not {blocks}")
        if blocks == len(self.blocks):
            return self.total
        if self.blocks_alone:
            return sum(self.blocks[-blocks:]) if blocks else 0
        return self.head + (self.neck + sum(self.blocks[-blocks:]) if blocks else 0)


def footprint_of(model: PreTrainedModel, anatomy: Anatomy) -> Footprint:
    """Count a model's parameters by component."""
    seen: set[int] = set()

    def count(paths: Iterable[str]) -> int:
        modules: list[nn.Module] = [model.get_submodule(path) for path in paths if path != "relu"]
        new = {id(p): p for module in modules for p in module.parameters() if id(p) not in seen}
        seen.update(new)
        return sum(parameter.numel() for parameter in new.values())

    stem = count(anatomy.stem)
    blocks = tuple(count(block.modules) for block in anatomy.blocks)
    neck, head = count(anatomy.neck), count(anatomy.head)
    parameters = list(model.parameters())  # each once, tied or not
    return Footprint(
        stem=stem,
        blocks=blocks,
        neck=neck,
        head=head,
        elsewhere=sum(p.numel() for p in parameters if id(p) not in seen),
        nbytes=sum(p.numel() * p.element_size() for p in parameters),
        blocks_alone=anatomy.blocks_alone,
    )


def flops_per_example(model: PreTrainedModel, batch: Mapping[str, Tensor]) -> float:
    """Floating-point operations of one forward pass, counted by torch on real inputs and divided by their number.

    A multiplication with an addition counts as two operations; element-wise operations are not counted. Padding is
    computed, so it is counted.

    Args:
        model: in any mode; it is put back.
        batch: encoded inputs: keyword arguments of the model, each (batch, …).
    """
    training = model.training
    model.eval()
    try:
        # The counter does not know the processor's fused attention; plain matrix products it does.
        with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
            model(**batch)
    finally:
        model.train(training)
    return float(counter.get_total_flops()) / len(next(iter(batch.values())))
