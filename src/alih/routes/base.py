"""What every route is: variants to try, learning rates to search, what of a model trains, and how that is merged.

A *variant* is a route with its scope fixed (`finetune` with the top 2 of 6 blocks); a *setting* is how it is trained.
A route knows no task: it sees a model with its anatomy.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

from alih.errors import OptionError
from alih.generate.prompt import PromptForm
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.open import Pretrained
from alih.quantize.calibration import Batches
from alih.training.modules import freeze_below

#: Families made of convolutions; they want higher learning rates than Transformers do.
CONVOLUTIONAL = frozenset({"alih-resnet", "alih-vgg", "resnet", "convnext"})


@dataclass(frozen=True)
class Tuner:
    """What a route puts on a frozen model, trains in place of its weights, and merges into them at the end."""


@dataclass(frozen=True)
class AdapterForm(Tuner):
    """What low-rank adapters look like.

    Args:
        rank: r of A (r, inputs) and B (outputs, r).
        alpha: they are scaled by alpha / rank; None = twice the rank.
        targets: "all-linear", "attention", or (ends of) names of layers; empty = all linear layers of the blocks.
        rslora: scale by alpha / √rank instead.
        dora: train the norms of the weights' rows, too.
        bits: of quantised weights (QA-LoRA).
        group_size: inputs that share a scale and a zero point (QA-LoRA).
        rounding: to the nearest code, or calibrated on training examples (QA-LoRA; see `alih.quantize.calibrated`).
        merge: what QLoRA's merged weights are held in: 32 bits, or NF4 again (rounded a second time).
    """

    rank: int = 8
    alpha: float | None = None
    targets: tuple[str, ...] = ()
    rslora: bool = False
    dora: bool = False
    bits: int = 4
    group_size: int = 32
    rounding: Literal["nearest", "calibrated"] = "nearest"
    merge: Literal["32-bit", "nf4"] = "32-bit"

    @property
    def scale(self) -> float:
        """α."""
        return 2.0 * self.rank if self.alpha is None else self.alpha


@dataclass(frozen=True)
class Variant:
    """One route with its scope fixed.

    Args:
        route: the route's name.
        trainable_blocks: how many top blocks train beside the head; 0 = the head alone.
        total_blocks: how many blocks the model has.
        random_weights: start from random weights instead of the pre-trained ones.
        adapter: what trains in those blocks is put on in this form; the weights stay.
        prompt: nothing trains; classes are described so.
    """

    route: str
    trainable_blocks: int
    total_blocks: int
    random_weights: bool = False
    adapter: Tuner | None = None
    prompt: PromptForm | None = None

    @property
    def label(self) -> str:
        """The variant in words, for tables: "finetune top 2 of 6"."""
        if self.adapter is not None and not self.is_everything:
            return f"{self.route} top {self.trainable_blocks} of {self.total_blocks}"
        if self.route != "finetune":
            return self.route
        return f"finetune {'all' if self.is_everything else f'top {self.trainable_blocks} of'} {self.total_blocks}"

    @property
    def is_everything(self) -> bool:
        """Every block trains, and with them the stem."""
        return self.trainable_blocks >= self.total_blocks

    @property
    def scope(self) -> str:
        """Which layers train, in words."""
        if self.random_weights:
            return "everything (random)"
        if self.prompt is not None:
            return "nothing"
        if self.adapter is not None:
            return "head + adapters" if self.is_everything else f"head + adapters, top {self.trainable_blocks}"
        if self.is_everything:
            return "everything"
        if self.trainable_blocks == 0:
            return "head"
        return f"head + top {self.trainable_blocks} blocks"


@dataclass(frozen=True)
class Effort:
    """How long a route trains: epochs enough for `least_steps` steps, within bounds.

    Small data needs more epochs to make the same number of steps; large data needs few. `patience` epochs without a
    better one end the training; None trains to the end, where the learning rate has fallen to zero.
    """

    least_epochs: int
    most_epochs: int
    least_steps: int
    patience: int | None

    def epochs(self, examples: int, batch_size: float, share: float = 1.0) -> int:
        """Epochs for so many examples; `share` < 1 for the shorter runs of a search (at least one)."""
        steps_an_epoch = math.ceil(examples / batch_size)
        full = min(self.most_epochs, max(self.least_epochs, math.ceil(self.least_steps / steps_an_epoch)))
        return max(1, round(full * share))


class Route(ABC):
    """One way of adapting a model. The defaults are those of a route that trains weights and adds none."""

    #: The route's name, as typed after `--routes`.
    name: ClassVar[str]
    #: A head that the task adds is trained on the frozen features first: LP-FT (arXiv 2202.10054, section 4).
    head_first: ClassVar[bool] = True

    @abstractmethod
    def variants(self, anatomy: Anatomy, blocks: Sequence[int] | None) -> list[Variant]:
        """The scopes to try; `blocks` as the user gave it (−1 = all), None for the default."""

    @abstractmethod
    def learning_rates(self, anatomy: Anatomy) -> tuple[float, ...]:
        """The learning rates to search, ascending; the search goes on past an end that wins. Empty: nothing trains."""

    @abstractmethod
    def effort(self, anatomy: Anatomy) -> Effort:
        """How long to train."""

    def unsuited(self, pretrained: Pretrained, variant: Variant) -> str | None:
        """Why the route cannot adapt this model, in words; None where it can."""
        return None

    def prepare(self, pretrained: Pretrained, variant: Variant, seed: int, batches: Batches | None = None) -> None:
        """Let what the route trains require gradients, and nothing else, in place; adapters are put on here.

        Args:
            pretrained: the model, fresh.
            variant: the scope.
            seed: of everything random.
            batches: inputs of the model, for rounding that is calibrated on them.
        """
        freeze_below(pretrained.model, pretrained.anatomy, variant.trainable_blocks)

    def merge(self, pretrained: Pretrained, variant: Variant) -> None:
        """Make a plain model of what was trained, in place: nothing to do where no adapters were put on."""
        return

    def save(self, pretrained: Pretrained, variant: Variant, folder: Path) -> None:
        """Write what was put on the model, before it is merged; nothing where there are no adapters."""
        return


def top_blocks(anatomy: Anatomy, wanted: Sequence[int]) -> list[int]:
    """Numbers of top blocks, ascending, −1 read as all of them.

    Raises:
        OptionError: more blocks were asked for than the model has.
    """
    total = len(anatomy.blocks)
    for count in wanted:
        if count > total:
            raise OptionError(f"--blocks: {count} asked for, but the model has {total}. Use 1 to {total}, or 'all'.")
    return sorted({total if count < 0 else count for count in wanted})
