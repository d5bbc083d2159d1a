"""How long each variant trains at each size, and on how many examples its learning rate is searched."""

from __future__ import annotations

import math
from dataclasses import dataclass

from alih.compare.options import Options
from alih.compare.trial import Purpose
from alih.pretrained.anatomy import Anatomy
from alih.routes.base import Variant
from alih.routes.registry import route
from alih.tasks.base import Task
from alih.tasks.bench import LEAST_LOOKS, look_every

#: Share of the full training that a run of the search takes, on at most so many examples.
SEARCH_SHARE = 0.34
SEARCH_EXAMPLES = 600
#: A rate is searched again on this many times the examples; by the adaptive plan, to train on this many times as many.
WORTH_ANOTHER = 2
FAR = 4
#: A search goes on past an end of its grid this often, on average.
_BEYOND_ON_AVERAGE = 0.5


@dataclass(frozen=True)
class Efforts:
    """Epochs and sizes by variant.

    Args:
        anatomy: of the model.
        options: what the user asked for.
        examples: training examples there are.
        step: examples a step, on average; those that the options say if not given.
        task: what is predicted, which may have its own mind of how long and how fast a new model trains.
    """

    anatomy: Anatomy
    options: Options
    examples: int
    step: float | None = None
    task: Task | None = None

    @property
    def examples_a_step(self) -> float:
        """On average."""
        return self.step or self.options.batch_size

    def steps(self, variant: Variant, share: float = 1.0) -> int | None:
        """The steps that the user asked for, of which a run of the search makes a share; None where epochs count."""
        if self.options.steps is None or not variant.trainable_blocks:
            return None
        return max(1, round(self.options.steps * share))

    def epochs(self, variant: Variant, size: int, share: float = 1.0) -> int:
        """Epochs on `size` examples; `share` < 1 for the shorter runs of a search."""
        steps = self.steps(variant, share)
        if steps is not None:
            return math.ceil(steps / math.ceil(size / self.examples_a_step))
        if self.options.epochs is not None and variant.trainable_blocks:
            return max(1, round(self.options.epochs * share))
        usual = route(variant.route).effort(self.anatomy).epochs(size, self.examples_a_step, share)
        return usual if self.task is None else self.task.epochs(usual, size, share)

    def rate(self, variant: Variant) -> float | None:
        """The learning rate that the user gave, or the task knows; None where it is searched for."""
        given = self.options.rate_for(variant.route)
        return given if given is not None or self.task is None else self.task.known_rate

    @staticmethod
    def validate_every(held_out: int, size: int, epochs: int, purpose: Purpose) -> int:
        """Epochs between two looks at the validation split, where blocks train.

        A search compares rates at the end of their schedules: one look. What may be handed over is looked at three
        times in any case, so that it is not left overfitted; on fewer examples, no longer than it trains.

        Args:
            held_out: validation examples.
            size: training examples.
            epochs: of the training.
            purpose: of the trial.
        """
        if purpose == "search":
            return epochs
        return look_every(held_out, size, epochs, LEAST_LOOKS if purpose == "full" else 1)

    def head_epochs(self, size: int) -> int:
        """Epochs of the head that is trained before the blocks."""
        return route("transfer").effort(self.anatomy).epochs(size, self.examples_a_step)

    def search(self, variant: Variant, size: int) -> tuple[int, float]:
        """On how many examples a rate for training on `size` is searched, and with which share of the epochs.

        A head alone is searched on everything: its features are there, and it costs next to nothing.
        """
        if variant.trainable_blocks == 0:
            return self.examples, 1.0
        return min(size, SEARCH_EXAMPLES), SEARCH_SHARE

    def searches(self, variant: Variant, sizes: tuple[int, ...]) -> list[int]:
        """The sizes that a rate is searched on while a variant goes through `sizes`."""
        found: list[int] = []
        for size in sizes:
            if self.is_due(variant, size, found[-1] if found else 0):
                found.append(self.search(variant, size)[0])
        return found

    def runs_of_search(self, variant: Variant, *, again: bool) -> float:
        """How many rates a search tries on average; none where the rate is given, or nothing trains.

        Args:
            variant: what trains.
            again: whether it was searched on fewer examples before; see `alih.training.search.search_again`.
        """
        rates = route(variant.route).learning_rates(self.anatomy)
        if not rates or self.rate(variant) is not None:
            return 0.0
        return (2 if again and self.options.plan == "adaptive" else len(rates)) + _BEYOND_ON_AVERAGE

    def is_due(self, variant: Variant, size: int, searched_on: int) -> bool:
        """Whether a rate that was found on so many examples (0: on none) is to be searched again to train on `size`.

        The adaptive plan lets a rate serve the next size, too (also the last one, where there are two): a search there
        would take nearly as long as the trial that it is for, and moves the rate by a step of the grid at most times.
        """
        if not searched_on:
            return True
        more = self.search(variant, size)[0] >= WORTH_ANOTHER * searched_on
        return more and (self.options.plan == "full" or size >= FAR * searched_on)
