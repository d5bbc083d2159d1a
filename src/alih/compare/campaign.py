"""The trials of a comparison, in order: every variant once at full size, then the learning curves, then more seeds.

The order is such that a comparison cut short, by its time limit or by Ctrl-C, has measured what matters most.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from alih.compare.budget import Budget
from alih.compare.options import Options
from alih.compare.runner import Runner
from alih.compare.search import SearchResult, search_learning_rate
from alih.compare.state import Kept, keep
from alih.compare.trial import Purpose, Trial
from alih.evaluate.metrics import higher_is_better
from alih.progress import Progress
from alih.routes.base import Adaptation, Variant
from alih.routes.bench import Bench
from alih.routes.registry import route
from alih.task import Kind
from alih.training.loop import FitSettings, TrainingError
from alih.training.memory import OutOfMemoryError

#: Share of the full training that a run of the search takes, on at most so many examples.
_SEARCH_SHARE = 0.34
_SEARCH_EXAMPLES = 600
#: Weight of the loss beside the metric: it decides between rates that score the same.
_TIE = 1e-4


@dataclass
class Contender:
    """One variant in the running, and what was measured of it.

    Args:
        variant: the route with its scope.
        settings: how it trains, with the learning rate that the search found.
        search: how that was found; None where the user gave the rate.
        search_seconds: what the searches took that it needs: its own, and that of the head trained before its blocks.
        trials: at every size and seed.
        logits: validation logits of the trials at full size that it is judged by, by seed.
        kept: the best trained weights so far.
    """

    variant: Variant
    settings: FitSettings
    search: SearchResult | None
    search_seconds: float = 0.0
    trials: list[Trial] = field(default_factory=list)
    logits: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    kept: Kept | None = None

    @property
    def full(self) -> list[Trial]:
        """The trials on all training examples."""
        return [trial for trial in self.trials if trial.purpose == "full"]

    @property
    def complete(self) -> bool:
        """Whether the time limit cut neither its search nor a full trial short."""
        searched = self.search is None or self.search.complete
        return searched and all(trial.stopped != "deadline" for trial in self.full)


@dataclass
class Campaign:
    """Runs the trials of one comparison.

    Args:
        bench: data and model.
        runner: runs one trial and writes it down.
        options: what the user asked for.
        metric: the metric that decides.
        order: training rows, every prefix of which is a stratified sample.
        budget: the time there is.
        progress: where to report.
    """

    bench: Bench
    runner: Runner
    options: Options
    metric: str
    order: NDArray[np.int64]
    budget: Budget
    progress: Progress
    contenders: list[Contender] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _head: FitSettings | None = None
    _head_seconds: float = 0.0

    def run(self, variants: list[Variant], sizes: tuple[int, ...]) -> None:
        """Run everything that the budget allows; what was measured is in `contenders`."""
        for variant in variants:
            self._enter(variant)
        self._forecast(sizes)
        for size in reversed(sizes[:-1]):
            for contender in self.contenders:
                self._trial(contender, size, self.options.seed, "curve")
        for seed in range(self.options.seed + 1, self.options.seed + self.options.seeds):
            for contender in self.contenders:
                self._trial(contender, len(self.order), seed, "full")

    def _forecast(self, sizes: tuple[int, ...]) -> None:
        """Say how much is still to come, from how long each variant took so far."""
        runs = [(size, 1) for size in sizes[:-1]] + [(len(self.order), self.options.seeds - 1)]
        trials = sum(times for _, times in runs) * len(self.contenders)
        seconds = sum(
            times * (self.budget.estimate(contender.variant, size * self._epochs(contender.variant, size)) or 0.0)
            for contender in self.contenders
            for size, times in runs
        )
        if trials and seconds >= 1:
            limit = self.budget.max_seconds
            left = seconds if limit is None else min(seconds, max(limit - self.budget.elapsed, 0.0))
            self.progress.say(f"  {trials} more trials (learning curves, more seeds): about {left:.0f} s")

    def _enter(self, variant: Variant) -> None:
        """Search a learning rate for a variant and run it once on all training examples."""
        if self.contenders and not self.budget.allows(variant, 0):
            self._skip(variant.label, "the time limit was reached before its first trial")
            return
        try:
            contender = self._prepare(variant)
        except OutOfMemoryError as error:
            self._skip(variant.label, str(error))
            return
        self._trial(contender, len(self.order), self.options.seed, "full", compulsory=not self.contenders)
        if contender.full:
            self.contenders.append(contender)

    def _prepare(self, variant: Variant) -> Contender:
        chosen = route(variant.route)
        anatomy = self.bench.pretrained.anatomy
        effort = chosen.effort(anatomy)
        head_seconds = 0.0
        if variant.trainable_blocks and not variant.random_weights:
            # Its head is trained first, at the rate that was searched for the head: whoever adapts so pays for both.
            self._head_settings()
            head_seconds = self._head_seconds
        given = self.options.rate_for(variant.route)
        base = FitSettings(
            learning_rate=given or 0.0,
            epochs=self._epochs(variant, len(self.order)),
            batch_size=self.options.batch_size,
            patience=effort.patience,
            seed=self.options.seed,
            precision=self.options.precision,
        )
        usual = effort.epochs(len(self.order), self.options.batch_size)
        if base.epochs < usual:
            self.notes.append(
                f"{variant.label} ran {base.epochs} epochs, as --epochs says; by default it runs {usual}."
            )
        if given is not None:
            if variant.trainable_blocks == 0:
                self._head = base
            return Contender(variant, base, None, head_seconds)
        search = self._search(variant, base, chosen.learning_rates(anatomy))
        settings = replace(base, learning_rate=search.learning_rate)
        if variant.trainable_blocks == 0:
            self._head, self._head_seconds = settings, search.seconds
        tried = ", ".join(f"{rate:.3g}" for rate in sorted(search.values))
        self.progress.say(f"  {variant.label}: learning rate {search.learning_rate:.3g} of {tried}")
        return Contender(variant, settings, search, head_seconds + search.seconds)

    def _head_settings(self) -> FitSettings:
        """How a head is trained before the blocks above the boundary are: with transfer's own learning rate."""
        if self._head is None:
            transfer = route("transfer")
            variant = transfer.variants(self.bench.pretrained.anatomy, None)[0]
            given = self.options.rate_for("transfer") if isinstance(self.options.learning_rate, Mapping) else None
            base = FitSettings(
                learning_rate=given or 0.0,
                epochs=self._epochs(variant, len(self.order)),
                batch_size=self.options.batch_size,
                patience=transfer.effort(self.bench.pretrained.anatomy).patience,
                seed=self.options.seed,
                precision=self.options.precision,
            )
            if given is not None:
                self._head = base
                return base
            found = self._search(variant, base, transfer.learning_rates(self.bench.pretrained.anatomy))
            self._head, self._head_seconds = replace(base, learning_rate=found.learning_rate), found.seconds
        return self._head

    def _search(self, variant: Variant, base: FitSettings, grid: tuple[float, ...]) -> SearchResult:
        share = 1.0 if variant.trainable_blocks == 0 else _SEARCH_SHARE
        size = len(self.order) if variant.trainable_blocks == 0 else min(len(self.order), _SEARCH_EXAMPLES)
        epochs = self._epochs(variant, size, share)
        rows = self.order[:size]
        head = self._head or base

        def value_at(rate: float) -> float:
            settings = replace(base, learning_rate=rate, epochs=epochs, patience=epochs)
            start = time.monotonic()
            try:
                trial, _ = self.runner.run(
                    variant, settings, head, rows, purpose="search", deadline=self._deadline(variant)
                )
            except TrainingError:
                return float("inf")
            self.budget.learn(variant, time.monotonic() - start, trial.costs.examples_seen)
            return self._badness(variant, trial)

        return search_learning_rate(grid, value_at, self._deadline(variant))

    def _deadline(self, variant: Variant) -> float | None:
        """When training has to end; never for a head that is the first to be measured: it is cheap, and one has to be.

        Where the pass through the frozen part took all the time, an untrained head would be handed over otherwise.
        """
        head_alone_first = variant.trainable_blocks == 0 and not self.contenders
        return None if head_alone_first else self.budget.deadline

    def _badness(self, variant: Variant, trial: Trial) -> float:
        """What the search minimises: the loss for a head alone, otherwise the deciding metric (see `Stage.fit`)."""
        loss = trial.metrics["rmse" if self.bench.task.kind is Kind.REGRESSION else "log_loss"]
        if variant.trainable_blocks == 0:
            return loss
        return (-1 if higher_is_better(self.metric) else 1) * trial.metrics[self.metric] + _TIE * loss

    def _trial(self, contender: Contender, size: int, seed: int, purpose: Purpose, *, compulsory: bool = False) -> None:
        variant = contender.variant
        epochs = self._epochs(variant, size)
        what = f"{variant.label}, {size:,} examples, seed {seed}"
        if not compulsory and not self.budget.allows(variant, size * epochs):
            self._skip(what, "it would not end within the time limit")
            return
        settings = replace(contender.settings, seed=seed, epochs=epochs)
        head = replace(self._head or settings, seed=seed, epochs=self._head_epochs(size))
        start = time.monotonic()
        try:
            trial, adaptation = self.runner.run(
                variant,
                settings,
                head,
                self.order[:size],
                purpose=purpose,
                deadline=self._deadline(variant),
            )
        except (TrainingError, OutOfMemoryError) as error:
            self._skip(what, str(error))
            return
        self.budget.learn(variant, time.monotonic() - start, trial.costs.examples_seen)
        contender.trials.append(trial)
        if trial.stopped == "deadline" and adaptation.result.steps == 0:
            self._skip(what, "the time limit was reached before its first step")
            return
        if trial.stopped == "deadline":
            self._skip(what, "it was cut short by the time limit; its score is that of the best epoch until then")
        score = trial.metrics[self.metric]
        self.progress.say(f"  {what}: {self.metric} {score:.4f}, {trial.costs.seconds:.1f} s")
        if purpose == "full":
            self._keep(contender, trial, adaptation, score)

    def _keep(self, contender: Contender, trial: Trial, adaptation: Adaptation, score: float) -> None:
        contender.logits[trial.seed] = self.runner.folder.predictions(trial)
        sign = 1 if higher_is_better(self.metric) else -1
        if contender.kept is None or sign * score > sign * contender.kept.score:
            path = (
                self.runner.folder.weights
                / f"{contender.variant.route}-{contender.variant.trainable_blocks}.safetensors"
            )
            contender.kept = keep(adaptation, path, trial, score)

    def _epochs(self, variant: Variant, size: int, share: float = 1.0) -> int:
        if self.options.epochs is not None and variant.trainable_blocks:
            return max(1, round(self.options.epochs * share))
        effort = route(variant.route).effort(self.bench.pretrained.anatomy)
        return effort.epochs(size, self.options.batch_size, share)

    def _head_epochs(self, size: int) -> int:
        return route("transfer").effort(self.bench.pretrained.anatomy).epochs(size, self.options.batch_size)

    def _skip(self, what: str, why: str) -> None:
        self.skipped.append(f"{what}: {why}")
        self.progress.say(f"  skipped {what}: {why}")
