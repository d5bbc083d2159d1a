"""The bench that all candidates of one comparison are made at: one task, one model, and what is computed once for all.

A *part* is a split as the model reads it; a *stage* is a model in training position with the feeds that suit it; an
*adaptation* is a model adapted in memory, ready to be scored.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from torch import nn

from alih.data.batch import Encoded, length_batches
from alih.data.examples import Dataset, Examples
from alih.errors import DataError, ModelError, OptionError
from alih.metrics.base import Metric
from alih.pretrained.open import Pretrained
from alih.progress import Progress
from alih.tasks.base import ModelChoice, Predictions, Task
from alih.training.boundary import (
    FEATURES,
    Boundary,
    Frozen,
    HeadModel,
    ResumedModel,
    frozen_outputs,
)
from alih.training.cache import Cache
from alih.training.cost import measure
from alih.training.feed import BoundaryFeed, FeatureFeed, Feed, TokenFeatureFeed
from alih.training.loop import FitResult, FitSettings, fit
from alih.training.memory import most_tokens, out_of_memory_in_words
from alih.training.precision import Precision, device
from alih.training.probe import probe_by_depth

#: A training step costs about three forward passes: one forward, two backward.
_PASSES_A_STEP = 3
#: Examples are scored in batches so many times as large as those of training: no gradients are kept.
SCORING_BATCH = 4
#: Looks at the validation split that are made in any case, where a model trains that may be handed over.
LEAST_LOOKS = 3

#: "train", "validation" (what chooses weights), "judged" (what judges candidates; mostly the same), "shifted" (a copy
#: of what judges with all shifts at once), one of the task's `shifts` (a copy with that shift alone, of the first
#: `SHIFTED_ALONE` rows), or `other_part` of another set that the user gave.
PartName = str
#: Rows that each shift alone is measured on: enough to see what hurts, few enough to cost little.
SHIFTED_ALONE = 128


def other_part(name: str) -> PartName:
    """The name of the part of another set that the user gave, whatever the set is called."""
    return f"other: {name}"


@dataclass
class Part:
    """One split, encoded for the model, with the frozen outputs computed so far."""

    examples: Examples
    encoded: Encoded
    labels: NDArray[np.generic] | None = None
    frozen: Frozen | None = None

    def select(self, rows: NDArray[np.int64]) -> Part:
        """Some rows, with nothing frozen."""
        labels = None if self.labels is None else self.labels[rows]
        return Part(self.examples.select(rows), self.encoded.select(rows), labels)


@dataclass
class Bench:
    """Task, model and frozen outputs that all candidates share.

    Args:
        task: what is predicted, with its dataset, of which the test split is not touched here.
        choice: which model.
        cache: where frozen outputs are kept; None computes them without keeping.
        max_length: most tokens a text, or None for what the model takes.
        batch_size: examples a step.
        seed: of the first copy of the model, and of the shifted copies.
        metric: the metric that decides; the task's first if not given.
        precision: compute type of every pass; None = the device's best.
        progress: where to report.
        others: further labelled examples to score on, by name.
        general: text file of which is measured what a language model forgets; None = documentation.

    `pretrained` is the bench's own copy: its anatomy and processor last, its weights only until `freeze`.
    """

    task: Task
    choice: ModelChoice
    cache: Cache | None
    max_length: int | None = None
    batch_size: int = 32
    seed: int = 0
    metric: Metric | None = None
    precision: Precision | None = None
    progress: Progress = field(default_factory=Progress)
    others: Mapping[str, Examples] = field(default_factory=dict)
    general: str | None = None
    pretrained: Pretrained = field(init=False)
    parts: dict[PartName, Part] = field(init=False)
    #: Of the model; a tied one counts once.
    parameters: int = field(init=False)
    frozen_peak_bytes: int = field(init=False, default=0)
    _frozen_seconds_each: float = field(init=False, default=0.0)
    _not_resumable: set[Boundary] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        task = self.task
        self.pretrained = self.fresh(self.seed)
        self.parameters = sum(parameter.numel() for parameter in self.pretrained.model.parameters())
        longest = self.pretrained.max_length
        if self.max_length is not None and longest is not None and self.max_length > longest:
            raise OptionError(f"--max-length {self.max_length}: {self.choice.name} takes at most {longest} tokens.")
        task.begin(self.pretrained)
        choosing, judged = task.choosing, task.judged
        few = judged.select(np.arange(min(len(judged), SHIFTED_ALONE), dtype=np.int64))
        splits: dict[PartName, Examples] = {"train": self.dataset.train, "validation": choosing}
        if task.shifts:
            splits["shifted"] = task.shifted(judged, self.seed, self.progress)
            splits |= {kind: task.shifted(few, self.seed, kinds=(kind,)) for kind in task.shifts}
        self.parts = {name: self._part(examples) for name, examples in splits.items()}
        self.parts |= {other_part(name): self._part(examples) for name, examples in self.others.items()}
        self.parts["judged"] = self.parts["validation"] if judged is choosing else self._part(judged)

    @property
    def dataset(self) -> Dataset:
        """The splits."""
        return self.task.dataset

    @property
    def deciding(self) -> Metric:
        """The metric that decides."""
        return self.metric or self.task.metric()

    def fresh(self, seed: int, *, random_weights: bool = False) -> Pretrained:
        """Open the model anew: pre-trained (or random) weights, and a new head that depends on the seed alone."""
        return self.task.open(self.choice, seed=seed, random_weights=random_weights)

    def excerpt(self, parts: Mapping[PartName, Part], boundaries: Sequence[Boundary]) -> Bench:
        """A bench with these parts in place of its own, frozen at the boundaries without the cache."""
        found = copy.copy(self)
        found.cache, found.progress, found._not_resumable = None, Progress(quiet=True), set()
        found.pretrained = self.fresh(self.seed)
        found.parts = {"judged": parts["validation"], **parts}
        found.freeze(boundaries)
        return found

    def freeze(self, boundaries: Sequence[Boundary]) -> None:
        """Run the frozen part once over every split, keeping what comes out at each boundary and the probe.

        Without boundaries nothing is frozen, and nothing is run.
        """
        if not boundaries:
            self.release()
            return
        start = time.perf_counter()
        with out_of_memory_in_words("running the frozen part"), measure() as cost:
            for name, part in self._each():
                part.frozen = frozen_outputs(
                    self.pretrained,
                    part.encoded,
                    boundaries,
                    probe=self.task.probes and name in ("train", "validation"),
                    cache=self.cache,
                    progress=self.progress,
                    batch_size=SCORING_BATCH * self.batch_size,
                    precision=self.precision,
                    of=f"{self.dataset.name} ({name})",
                )
            taken = (time.perf_counter() - start) / sum(len(part.encoded) for _, part in self._each())
            # Where the cache had it all, the pass took no time now; a user without the cache would pay for it.
            self._frozen_seconds_each = max(taken, self._forward_seconds_each())
        self.frozen_peak_bytes = cost.peak_memory_bytes
        self.release()

    def _each(self) -> list[tuple[PartName, Part]]:
        """Every part once, though it may have two names."""
        return list({id(part): (name, part) for name, part in reversed(self.parts.items())}.values())[::-1]

    def release(self) -> None:
        """Let go of the bench's own copy of the weights: trials load theirs, and one copy in memory is enough."""
        nn.Module.to(self.pretrained.model, device="meta")

    def frozen_seconds(self, rows: int) -> float:
        """What the pass through the frozen part costs for so many training rows, and for validation."""
        return self._frozen_seconds_each * (rows + len(self.parts["validation"].encoded))

    def probe(self) -> list[float]:
        """Validation score of a linear probe on each depth's output; empty where there is none."""
        train, validation = self.parts["train"], self.parts["validation"]
        if (
            not self.task.probes
            or train.frozen is None
            or validation.frozen is None
            or train.labels is None
            or validation.labels is None
        ):
            return []
        return probe_by_depth(train.frozen, train.labels, validation.frozen, validation.labels)

    def _forward_seconds_each(self) -> float:
        """By a few examples; what they were filled up by is reckoned out."""
        rows = np.arange(min(len(self.parts["train"].encoded), 2 * self.batch_size), dtype=np.int64)
        some = self.parts["train"].select(rows)
        module, feed = self.task.module(self.pretrained), self.task.feed(some, None, SCORING_BATCH * self.batch_size)
        self.task.outputs(module, feed, self.precision)  # the first pass warms up
        start = time.perf_counter()
        self.task.outputs(module, feed, self.precision)
        taken = time.perf_counter() - start
        parts = [part for _, part in self._each()]
        units = sum(scored_units(part.encoded, self.batch_size) for part in parts)
        return taken / scored_units(some.encoded, self.batch_size) * units / sum(len(part.encoded) for part in parts)

    def stage(self, pretrained: Pretrained, trainable_blocks: int) -> Stage:
        """A model whose trained parameters are marked, in training position: from frozen outputs where there are some.

        Args:
            pretrained: the model, prepared by its route.
            trainable_blocks: how many top blocks train, or have adapters that do; 0 = the head alone.
        """
        model, anatomy = pretrained.model, pretrained.anatomy
        boundary: Boundary | None = len(anatomy.blocks) - trainable_blocks if trainable_blocks else FEATURES
        if trainable_blocks >= len(anatomy.blocks) or not self._has(boundary):
            boundary = None
        if boundary is None:
            return self.whole(pretrained)
        if not isinstance(boundary, int):
            return Stage(self, pretrained, HeadModel(model, anatomy), boundary)
        stage = Stage(self, pretrained, ResumedModel(model, anatomy, boundary), boundary)
        return stage if self._resumes(stage, boundary) else self.whole(pretrained)

    def whole(self, pretrained: Pretrained) -> Stage:
        """A model that runs from its first layer on."""
        return Stage(self, pretrained, self.task.module(pretrained), None)

    def _resumes(self, stage: Stage, boundary: int) -> bool:
        """Whether a model can be started at a boundary; where it cannot, its frozen part runs in every epoch."""
        try:
            self.task.outputs(stage.module, stage.feed("train", np.arange(1, dtype=np.int64)), "fp32")
        except ModelError as error:
            self._not_resumable.add(boundary)
            self.progress.say(f"{error} Here its frozen part runs again in every epoch.")
            return False
        return True

    def _has(self, boundary: Boundary | None) -> bool:
        frozen = self.parts["train"].frozen
        known = boundary is not None and boundary not in self._not_resumable
        return known and frozen is not None and boundary in frozen.boundaries

    def _part(self, examples: Examples) -> Part:
        if len(examples) == 0:
            raise DataError("a split is empty; give more examples, or other shares with --validation and --test.")
        longest = self.max_length or self.pretrained.max_length
        encoded = self.task.encode(self.pretrained, examples, longest, self.progress)
        return Part(examples, encoded, self.task.labels(examples, encoded))


def scored_units(encoded: Encoded, batch_size: int) -> float:
    """What the time of scoring grows with: tokens, padding included, in the batches that are fed; pictures.

    Args:
        encoded: the examples.
        batch_size: examples a step of training.
    """
    lengths = encoded.lengths
    batches = length_batches(lengths, SCORING_BATCH * batch_size, shuffle_seed=None, most_tokens=most_tokens(device()))
    return float(sum(len(batch) * lengths[batch].max() for batch in batches))


def look_every(held_out: int, rows: int, epochs: int, least: int = LEAST_LOOKS) -> int:
    """Epochs between two looks at the validation split, so that looking takes no longer than training.

    Args:
        held_out: validation examples.
        rows: training examples.
        epochs: of the training.
        least: looks that are made in any case, where there are as many epochs.
    """
    every = round(held_out / (_PASSES_A_STEP * rows))
    return max(1, min(every, epochs // least))


@dataclass
class Stage:
    """A module in training position, and the feeds that suit it.

    Args:
        bench: where the data are.
        pretrained: the model that the module is, or is a part of.
        module: maps a batch to outputs.
        boundary: what the feeds read: None for encoded inputs, otherwise the frozen outputs at this boundary.
    """

    bench: Bench
    pretrained: Pretrained
    module: nn.Module
    boundary: Boundary | None

    @property
    def trains_head_alone(self) -> bool:
        """Whether the features stay as they are."""
        return isinstance(self.module, HeadModel)

    def feed(self, name: PartName, rows: NDArray[np.int64] | None = None, batch_size: int | None = None) -> Feed:
        """Feed a part, or the given rows of it."""
        part, size = self.bench.parts[name], batch_size or self.bench.batch_size
        if self.boundary is None:
            return self.bench.task.feed(part, rows, size)
        assert part.frozen is not None
        activations = part.frozen.at(self.boundary)
        if isinstance(self.boundary, int) or activations.ragged:
            of_length = BoundaryFeed if isinstance(self.boundary, int) else TokenFeatureFeed
            return of_length(activations, part.encoded, part.labels, batch_size=size, rows=rows)
        return FeatureFeed(activations, part.labels, batch_size=size, rows=rows)

    def looking(self, settings: FitSettings, rows: int) -> FitSettings:
        """With looks at validation no more often than is worth it; a head alone looks as often as was asked for."""
        if self.trains_head_alone:
            return settings
        every = look_every(len(self.bench.dataset.validation), rows, settings.epochs)
        return replace(settings, validate_every=max(settings.validate_every, every))

    def fit(
        self, rows: NDArray[np.int64], settings: FitSettings, deadline: float | None = None, what: str = "training"
    ) -> FitResult:
        """Train on the given rows of the training split; the task says what is learnt, and how validation chooses."""
        task = self.bench.task
        if settings.steps is not None:  # the loop counts the time between looks in steps then
            every = math.ceil(settings.steps * settings.validate_every / settings.epochs)
            settings = replace(settings, validate_every=min(every, settings.steps))
        return fit(
            self.module,
            self.feed("train", rows, settings.batch_size),
            task.loss,
            task.look(self, self.bench.deciding),
            task.settings(settings, self, len(rows)),
            progress=self.bench.progress,
            deadline=deadline,
            what=what,
        )

    def outputs(self, name: PartName, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """What the module gives for a part, in the order of the rows."""
        feed = self.feed(name, rows, SCORING_BATCH * self.bench.batch_size)
        return self.bench.task.outputs(self.module, feed, self.bench.precision)

    def predict(self, name: PartName, rows: NDArray[np.int64] | None = None) -> Predictions:
        """What the model says of a part, as it will be used."""
        return self.bench.task.predict(self, name, rows)


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
        phases: how it was trained, in order.
        prompt: of a model that is prompted and not trained, from which it is made again; None where weights trained.
    """

    pretrained: Pretrained
    phases: tuple[Phase, ...]
    prompt: dict[str, object] | None = None

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
        return any(phase.result.steps and phase.stage.boundary is not None for phase in self.phases)
