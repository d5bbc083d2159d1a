"""What every route is: variants to try, learning rates to search, and one way to adapt.

A *variant* is a route with its scope fixed (`finetune` with the top 2 of 6 blocks); a *setting* is how it is trained.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from alih.pretrained.anatomy import Anatomy
from alih.pretrained.open import Pretrained
from alih.training.loop import FitResult, FitSettings

if TYPE_CHECKING:
    from alih.routes.bench import Bench, Stage

#: Families made of convolutions; they want higher learning rates than Transformers do.
CONVOLUTIONAL = frozenset({"alih-resnet", "alih-vgg", "resnet", "convnext"})


@dataclass(frozen=True)
class AdapterForm:
    """What adapters look like.

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
class PromptForm:
    """How classes are described to a model that is prompted, not trained.

    Args:
        template: Jinja text that describes a class by its `label`; None = the built-in ones.
        shots: examples a class (few-shot).
        shots_by: how they are chosen: typical ones, spread ones, or by lot.
    """

    template: str | None = None
    shots: int = 8
    shots_by: Literal["similarity", "diversity", "random"] = "diversity"


@dataclass(frozen=True)
class Variant:
    """One route with its scope fixed.

    Args:
        route: the route's name.
        trainable_blocks: how many top blocks train beside the head; 0 = the head alone.
        total_blocks: how many blocks the model has.
        random_weights: start from random weights instead of the pre-trained ones.
        adapter: what trains in those blocks are adapters of this form, not the weights.
        prompt: nothing trains; classes are described so.
    """

    route: str
    trainable_blocks: int
    total_blocks: int
    random_weights: bool = False
    adapter: AdapterForm | None = None
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

    def epochs(self, examples: int, batch_size: int, share: float = 1.0) -> int:
        """Epochs for so many examples; `share` < 1 for the shorter runs of a search (at least one)."""
        steps_an_epoch = math.ceil(examples / batch_size)
        full = min(self.most_epochs, max(self.least_epochs, math.ceil(self.least_steps / steps_an_epoch)))
        return max(1, round(full * share))


@dataclass(frozen=True)
class Phase:
    """One stretch of training: a head first, then the blocks.

    Args:
        stage: the module that trained, and its feeds.
        result: how the training went.
    """

    stage: Stage
    result: FitResult


@dataclass
class Adaptation:
    """A model adapted in memory, ready to be scored.

    Args:
        pretrained: the model (with the trained weights in it), its processor and anatomy.
        phases: how it was trained, in order; the last one's module maps a batch of its feed to logits.
        variant: which scope was trained.
    """

    pretrained: Pretrained
    phases: tuple[Phase, ...]
    variant: Variant

    @property
    def stage(self) -> Stage:
        """The last phase's module, and what to feed it with."""
        return self.phases[-1].stage

    @property
    def result(self) -> FitResult:
        """How the last phase went."""
        return self.phases[-1].result

    @property
    def examples_seen(self) -> int:
        """Examples fed in all phases, counted each time."""
        return sum(phase.result.examples_seen for phase in self.phases)

    @property
    def uses_frozen_outputs(self) -> bool:
        """Whether some phase trained on what the pass through the frozen part gave."""
        return any(phase.stage.boundary is not None for phase in self.phases)


class Route(Protocol):
    """One way of adapting a model."""

    @property
    def name(self) -> str:
        """The route's name, as typed after `--routes`."""
        ...

    def variants(self, anatomy: Anatomy, blocks: Sequence[int] | None) -> list[Variant]:
        """The scopes to try; `blocks` as the user gave it (−1 = all), None for the default."""
        ...

    def learning_rates(self, anatomy: Anatomy) -> tuple[float, ...]:
        """The learning rates to search, ascending; the search goes on past an end that wins."""
        ...

    def effort(self, anatomy: Anatomy) -> Effort:
        """How long to train."""
        ...

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
        """Adapt a fresh copy of the model to the training rows `rows`; seeds are in the settings.

        Args:
            bench: data, model and frozen outputs that all routes share.
            variant: the scope.
            settings: how to train.
            rows: which training examples to use.
            head_settings: how to train the head first, for routes that do.
            deadline: `time.monotonic()` after which training stops with the best weights so far.
        """
        ...
