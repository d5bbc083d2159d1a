"""The bench that all routes of one comparison work at: one dataset, one model, and what is computed once for all."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import nn

from alih.data.batch import Encoded, encode, length_batches
from alih.data.examples import Dataset, Examples
from alih.data.shift import KINDS, shifted
from alih.errors import DataError, ModelError, OptionError
from alih.metrics.classification import primary, table
from alih.metrics.names import named
from alih.pretrained.families import head_modules
from alih.pretrained.open import Pretrained, load
from alih.progress import Progress
from alih.routes.target import Target, last_linear
from alih.task import Kind, Task
from alih.training.boundary import (
    FEATURES,
    Boundary,
    Frozen,
    FullModel,
    HeadModel,
    ResumedModel,
    freeze_below,
    frozen_outputs,
)
from alih.training.cache import Cache
from alih.training.cost import measure
from alih.training.feed import BoundaryFeed, ExampleFeed, FeatureFeed, InputFeed
from alih.training.loop import FitResult, FitSettings, fit, logits
from alih.training.loss import LabelledLook, objective
from alih.training.memory import most_tokens, out_of_memory_in_words
from alih.training.precision import Precision, device
from alih.training.probe import probe_by_depth

#: A training step costs about three forward passes: one forward, two backward.
_PASSES_A_STEP = 3
#: Examples are scored in batches so many times as large as those of training: no gradients are kept.
SCORING_BATCH = 4
#: Looks at the validation split that are made in any case, where a model trains that may be handed over.
LEAST_LOOKS = 3

#: "train", "validation", "shifted" (a copy of the validation split with all shifts at once), one of `KINDS` (a copy
#: with that shift alone, of the first `SHIFTED_ALONE` rows), or the name of another set that the user gave.
PartName = str
#: Validation rows that each shift alone is measured on: enough to see what hurts, few enough to cost little.
SHIFTED_ALONE = 128


@dataclass
class Part:
    """One split, encoded for the model, with the frozen outputs computed so far."""

    examples: Examples
    encoded: Encoded
    labels: NDArray[np.generic]
    frozen: Frozen | None = None

    def select(self, rows: NDArray[np.int64]) -> Part:
        """Some rows, with nothing frozen."""
        return Part(self.examples.select(rows), self.encoded.select(rows), self.labels[rows])


@dataclass(frozen=True)
class ModelChoice:
    """Which model to load, and how."""

    name: str
    revision: str | None = None
    allow_pickle: bool = False
    pooling: Literal["auto", "native", "mean"] = "auto"


@dataclass
class Bench:
    """Data, model and frozen outputs that all routes share.

    Args:
        dataset: the splits. The test split is not touched here.
        choice: which model.
        cache: where frozen outputs are kept; None computes them without keeping.
        max_length: most tokens a text, or None for what the model takes.
        batch_size: examples a step.
        seed: of the first copy of the model, and of the shifted copy of the validation split.
        metric: the metric that decides; the task's first if not given.
        precision: compute type of every pass; None = the device's best.
        progress: where to report.
        others: further labelled examples to score on, by name.
        general: text file of which is measured what a language model forgets; None = documentation.

    `pretrained` is the bench's own copy: its anatomy and processor last, its weights only until `freeze`.
    """

    dataset: Dataset
    choice: ModelChoice
    cache: Cache | None
    max_length: int | None = None
    batch_size: int = 32
    seed: int = 0
    metric: str = ""
    precision: Precision | None = None
    progress: Progress = field(default_factory=Progress)
    others: Mapping[str, Examples] = field(default_factory=dict)
    general: str | None = None
    pretrained: Pretrained = field(init=False)
    target: Target = field(init=False, default=Target())
    parts: dict[PartName, Part] = field(init=False)
    frozen_peak_bytes: int = field(init=False, default=0)
    _frozen_seconds_each: float = field(init=False, default=0.0)
    _not_resumable: set[Boundary] = field(init=False, default_factory=set)

    def __post_init__(self) -> None:
        self.metric = self.metric or primary(self.task.kind).name
        self.pretrained = self.fresh(self.seed)
        longest = self.pretrained.max_length
        if self.max_length is not None and longest is not None and self.max_length > longest:
            raise OptionError(f"--max-length {self.max_length}: {self.choice.name} takes at most {longest} tokens.")
        held_out = self.dataset.validation
        few = held_out.select(np.arange(min(len(held_out), SHIFTED_ALONE), dtype=np.int64))
        splits: dict[PartName, Examples] = {
            "train": self.dataset.train,
            "validation": held_out,
            "shifted": shifted(held_out, self.task, self.seed, self.progress),
            **{kind: shifted(few, self.task, self.seed, kinds=(kind,)) for kind in KINDS[self.task.modality]},
            **self.others,
        }
        head = head_modules(self.pretrained.model, self.pretrained.anatomy)
        centre = self.task.kind is Kind.REGRESSION and last_linear(head).bias is not None
        self.target = Target.of(self.task, self.dataset.train.known_labels, centre=centre)
        self.parts = {name: self._part(examples) for name, examples in splits.items()}

    @property
    def task(self) -> Task:
        """What is predicted."""
        return self.dataset.task

    def fresh(self, seed: int, *, random_weights: bool = False) -> Pretrained:
        """Load the model anew: pre-trained (or random) backbone, and a head that depends on the seed alone."""
        choice = self.choice
        pretrained = load(
            choice.name,
            self.task,
            random_weights=random_weights,
            seed=seed,
            allow_pickle=choice.allow_pickle,
            revision=choice.revision,
            pooling=choice.pooling,
        )
        if not pretrained.head_is_new:
            self.target.unfold(head_modules(pretrained.model, pretrained.anatomy))
        return pretrained

    def excerpt(self, parts: Mapping[PartName, Part], boundaries: Sequence[Boundary]) -> Bench:
        """A bench with these parts in place of its own, frozen at the boundaries without the cache."""
        found = copy.copy(self)
        found.cache, found.progress, found._not_resumable = None, Progress(quiet=True), set()
        found.pretrained = self.fresh(self.seed)
        found.parts = dict(parts)
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
            for name, part in self.parts.items():
                part.frozen = frozen_outputs(
                    self.pretrained,
                    part.encoded,
                    boundaries,
                    probe=name in ("train", "validation"),
                    cache=self.cache,
                    progress=self.progress,
                    batch_size=SCORING_BATCH * self.batch_size,
                    precision=self.precision,
                    of=f"{self.dataset.name} ({name})",
                )
            taken = (time.perf_counter() - start) / sum(len(part.encoded) for part in self.parts.values())
            # Where the cache had it all, the pass took no time now; a user without the cache would pay for it.
            self._frozen_seconds_each = max(taken, self._forward_seconds_each())
        self.frozen_peak_bytes = cost.peak_memory_bytes
        self.release()

    def release(self) -> None:
        """Let go of the bench's own copy of the weights: trials load theirs, and one copy in memory is enough."""
        nn.Module.to(self.pretrained.model, device="meta")

    def frozen_seconds(self, rows: int) -> float:
        """What the pass through the frozen part costs for so many training rows, and for validation."""
        return self._frozen_seconds_each * (rows + len(self.parts["validation"].encoded))

    def probe(self) -> list[float]:
        """Validation score of a linear probe on each depth's output; empty before `freeze`."""
        train, validation = self.parts["train"], self.parts["validation"]
        if train.frozen is None or validation.frozen is None:
            return []
        return probe_by_depth(train.frozen, train.labels, validation.frozen, validation.labels)

    def _forward_seconds_each(self) -> float:
        """By a few examples; what they were filled up by is reckoned out."""
        rows = np.arange(min(len(self.parts["train"].encoded), 2 * self.batch_size), dtype=np.int64)
        some = self.parts["train"].encoded.select(rows)
        module, feed = (
            FullModel(self.pretrained.model),
            InputFeed(some, None, batch_size=SCORING_BATCH * self.batch_size),
        )
        logits(module, feed, self.precision)  # the first pass warms up
        start = time.perf_counter()
        logits(module, feed, self.precision)
        taken = time.perf_counter() - start
        units = sum(scored_units(part.encoded, self.batch_size) for part in self.parts.values())
        examples = sum(len(part.encoded) for part in self.parts.values())
        return taken / scored_units(some, self.batch_size) * units / examples

    def stage(self, pretrained: Pretrained, trainable_blocks: int, *, adapted: bool = False) -> Stage:
        """Prepare `pretrained` for training its head and top blocks, from frozen outputs where there are some.

        Args:
            pretrained: the model.
            trainable_blocks: how many top blocks train, or have adapters that do.
            adapted: adapters were put on, and what trains is marked already.
        """
        model, anatomy = pretrained.model, pretrained.anatomy
        if not adapted:
            freeze_below(model, anatomy, trainable_blocks)
        boundary: Boundary | None = len(anatomy.blocks) - trainable_blocks if trainable_blocks else FEATURES
        if trainable_blocks >= len(anatomy.blocks) or not self._has(boundary):
            boundary = None
        module: nn.Module
        if boundary is None:
            module = FullModel(model)
        elif isinstance(boundary, int):
            module = ResumedModel(model, anatomy, boundary)
            if not self._resumes(module, boundary):
                return Stage(self, FullModel(model), None)
        else:
            module = HeadModel(model, anatomy)
        return Stage(self, module, boundary)

    def _resumes(self, module: ResumedModel, boundary: int) -> bool:
        """Whether a model can be started at a boundary; where it cannot, its frozen part runs in every epoch."""
        try:
            logits(module, Stage(self, module, boundary).feed("train", np.arange(1, dtype=np.int64)), "fp32")
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
        encoded = encode(self.pretrained.processor, examples, longest, progress=self.progress)
        return Part(examples, encoded, self.target.scale(self.task, examples.known_labels))


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
        module: maps a batch to logits.
        boundary: what the feeds read: None for encoded inputs, otherwise the frozen outputs at this boundary.
    """

    bench: Bench
    module: nn.Module
    boundary: Boundary | None

    def feed(self, name: PartName, rows: NDArray[np.int64] | None = None, batch_size: int | None = None) -> ExampleFeed:
        """Feed a split, or the given rows of it."""
        part = self.bench.parts[name]
        size = batch_size or self.bench.batch_size
        if self.boundary is None:
            return InputFeed(part.encoded, part.labels, batch_size=size, rows=rows)
        assert part.frozen is not None
        activations = part.frozen.at(self.boundary)
        if isinstance(self.boundary, int):
            return BoundaryFeed(activations, part.encoded, part.labels, batch_size=size, rows=rows)
        return FeatureFeed(activations, part.labels, batch_size=size, rows=rows)

    def fit(
        self, rows: NDArray[np.int64], settings: FitSettings, deadline: float | None = None, what: str = "training"
    ) -> FitResult:
        """Train on the given rows of the training split, validating as often as is worth it; see `look_every`.

        A head alone is judged by its loss, which is smooth. Where features change, the metric that decides judges: such
        models grow overconfident, so that their loss rises while their accuracy still does (arXiv 1706.04599,
        section 3). Neither choice flatters a route: see `EpochChoice`.
        """
        look = LabelledLook(
            self.feed("validation", batch_size=SCORING_BATCH * self.bench.batch_size),
            self.bench.task,
            None if isinstance(self.module, HeadModel) else self._badness,
            self.bench.parts["validation"].examples.groups,
        )
        return fit(
            self.module,
            self.feed("train", rows, settings.batch_size),
            objective(self.bench.task),
            look,
            self._seldom(settings, len(rows)),
            progress=self.bench.progress,
            deadline=deadline,
            what=what,
        )

    def _seldom(self, settings: FitSettings, rows: int) -> FitSettings:
        """With looks no more often than `look_every` allows; what was asked for may be fewer (a plan asks so)."""
        if isinstance(self.module, HeadModel):
            return settings
        held_out = len(self.bench.parts["validation"].encoded)
        every = max(settings.validate_every, look_every(held_out, rows, settings.epochs))
        return replace(settings, validate_every=every)

    def _badness(self, found: NDArray[np.float32], rows: NDArray[np.int64]) -> float:
        bench = self.bench
        labels = bench.parts["validation"].examples.known_labels[rows]
        metric, task = named(bench.metric), bench.task
        return -metric.sign * metric.score(table(metric, task.kind, task.classes, bench.target.unscale(found), labels))

    def held_out(self, result: FitResult) -> NDArray[np.float32]:
        """Validation logits by which a route is judged, in the unit of the labels; see `FitResult.held_out`."""
        assert result.held_out is not None
        return self.bench.target.unscale(result.held_out)

    def logits(self, name: PartName, rows: NDArray[np.int64] | None = None) -> NDArray[np.float32]:
        """Score a split: (rows, outputs), in the order of the rows; numbers in the unit of the labels."""
        feed = self.feed(name, rows, SCORING_BATCH * self.bench.batch_size)
        return self.bench.target.unscale(logits(self.module, feed, self.bench.precision))
