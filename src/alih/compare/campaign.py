"""The trials of a comparison, in order: small sizes first, all examples for what can still win, then more seeds.

The cheapest variant is measured on all examples first of all, so that a comparison cut short, by its time limit or by
Ctrl-C, has a model to hand over.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from alih import files, interrupt
from alih.compare.budget import Budget
from alih.compare.contender import Contender
from alih.compare.effort import Efforts
from alih.compare.forecast import Forecast, span
from alih.compare.limits import Limits
from alih.compare.options import Options
from alih.compare.plan import Standing, contested, stops
from alih.compare.quantities import duration
from alih.compare.remaining import Remaining
from alih.compare.runner import Runner
from alih.compare.state import Kept
from alih.compare.trial import Purpose, Trial
from alih.metrics.base import Floats, Metric
from alih.progress import Progress
from alih.routes.base import Effort, Variant
from alih.routes.registry import route
from alih.tasks.bench import Bench
from alih.training.loop import FitSettings, TrainingError
from alih.training.memory import OutOfMemoryError
from alih.training.search import SearchResult, search_again, search_learning_rate

#: Seconds from one word about how long it still takes to the next, at least.
_SAY_EVERY = 20.0
#: Weight of the loss beside the metric: it decides between rates that score the same.
_TIE = 1e-4


@dataclass
class Campaign:
    """Runs the trials of one comparison.

    Args:
        bench: data and model.
        runner: runs one trial and writes it down.
        options: what the user asked for.
        metric: the metric that decides.
        order: training rows, every prefix of which is a stratified sample.
        efforts: how long each variant trains.
        budget: the time there is.
        progress: where to report.
        earlier_seconds: spent before the comparison was resumed.
        foreseen: what each variant was forecast to take, for saying how long it still takes; may be empty.

    `contenders` holds every variant that was tried, `skipped` the trials that were not run, `notes` what one should
    know to read the numbers.
    """

    bench: Bench
    runner: Runner
    options: Options
    metric: Metric
    order: NDArray[np.int64]
    efforts: Efforts
    budget: Budget
    progress: Progress
    earlier_seconds: float = 0.0
    foreseen: Sequence[Forecast] = ()
    contenders: list[Contender] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    _head: FitSettings | None = None
    _head_seconds: float = 0.0
    _remaining: Remaining | None = None
    _said: float = field(default_factory=time.monotonic)

    def run(self, variants: list[Variant], sizes: tuple[int, ...]) -> None:
        """Run everything that the plan asks for and the budget allows; what was measured is in `contenders`."""
        foreseen = {one.label: one for one in self.foreseen}
        self._remaining = Remaining(variants, sizes, self.efforts, self.options.seeds, foreseen)
        for variant in sorted(variants, key=lambda one: one.route != "transfer"):
            self._enter(variant, sizes)  # a trained head first: that is worth recommending, whenever the time is over
        self.contenders.sort(key=lambda one: variants.index(one.variant))
        for size in sizes:
            for contender in self._in_order(size == sizes[-1]):
                if size not in (sizes[0], sizes[-1]) and not self._leaves_time_for_the_leader(contender, size):
                    continue
                self._settle(contender, size)
                self._trial(contender, size, self.options.seed, "full" if size == sizes[-1] else "curve")
            if size != sizes[-1] and self.options.plan == "adaptive":
                self._stop_those_who_cannot_win()
        for seed in range(self.options.seed + 1, self.options.seed + self.options.seeds):
            for contender in self._worth_another_seed(seed):
                self._trial(contender, len(self.order), seed, "full")

    @property
    def finalists(self) -> list[Contender]:
        """The variants that were measured on all examples."""
        return [contender for contender in self.contenders if contender.full]

    def statistics(self, trial: Trial) -> Floats:
        """The table (n, k) of the metric that decides, on the examples that judge."""
        return self.runner.folder.statistics(trial, self.metric.name)

    def _running(self) -> list[Contender]:
        return [contender for contender in self.contenders if contender.stopped is None]

    def _in_order(self, last: bool) -> list[Contender]:
        """Those in the running, as planned; on all examples, where the time may not do for all, the best ones first."""
        if not last or self.budget.max_seconds is None:
            return self._running()
        return sorted(self._running(), key=self._last_score, reverse=True)

    def _last_score(self, contender: Contender) -> float:
        """On as many examples as it was measured on, larger is better; −∞ before that."""
        if not contender.curve:
            return float("-inf")
        largest = max(contender.curve, key=lambda trial: trial.examples)
        return self.metric.sign * largest.metrics[self.metric.name]

    def _leaves_time_for_the_leader(self, contender: Contender, size: int) -> bool:
        """Whether the best variant so far could still be measured on all examples after this trial.

        A size between is worth nothing if in the end nobody is measured on all examples who could be recommended.
        """
        waiting = [one for one in self._running() if one.curve and not one.full]
        if self.budget.max_seconds is None or not waiting:
            return True
        leader, whole = max(waiting, key=self._last_score), len(self.order)
        if any(self._last_score(one) > self._last_score(leader) for one in self.finalists):
            return True  # who leads was measured on all examples already
        full = self.budget.estimate(leader.variant, whole * self.efforts.epochs(leader.variant, whole)) or 0.0
        passes = size * self.efforts.epochs(contender.variant, size)
        if self.budget.allows(contender.variant, passes, and_then=full):
            return True
        self._skip(
            f"{contender.label}, {size:,} examples, seed {self.options.seed}",
            f"the time is kept to measure {leader.label} on all examples",
        )
        return False

    def _enter(self, variant: Variant, sizes: tuple[int, ...]) -> None:
        """Let a variant in; the first one, and those that train no block, are run on all training examples at once."""
        contender = Contender(variant)
        first = not self.finalists
        if first or (variant.trainable_blocks == 0 and self.options.plan == "adaptive"):
            self._settle(contender, sizes[-1])
            self._trial(contender, sizes[-1], self.options.seed, "full", compulsory=first)
            if first and not contender.full:
                return
        self.contenders.append(contender)

    def _stop_those_who_cannot_win(self) -> None:
        # What breaks the user's limits will not be chosen, so it may stop nobody; where all break them, all may.
        limits = Limits(self.options.max_memory, self.options.max_latency)
        within = [contender for contender in self._running() if contender.curve and limits.excess(contender) <= 1]
        if within:
            self._stop_those_over_the_limits(limits)
        running = within or self._running()
        known = {c.label: {t.examples: self.statistics(t) for t in c.curve} for c in running}
        standings = [Standing(c.label, rank, known[c.label]) for rank, c in enumerate(running) if known[c.label]]
        sizes = [set(standing.statistics) for standing in standings]
        if len(standings) < 2 or not set.intersection(*sizes):
            return  # the time limit left no size that all were measured at
        found = stops(
            self.metric,
            standings,
            len(self.order),
            prefer=self.options.prefer,
            groups=self.bench.task.judged.groups,
            seed=self.options.seed,
        )
        for stop in found:
            contender = next(c for c in running if c.label == stop.label)
            if not contender.full:
                contender.stopped, contender.cannot_win = str(stop), True
                self.progress.say(f"  {stop.label} stops: {stop}")

    def _stop_those_over_the_limits(self, limits: Limits) -> None:
        for contender in self._running():
            if contender.curve and not contender.full and limits.hopeless(contender):
                why = "; ".join(reason.say() for reason in limits.broken(contender))
                contender.stopped, contender.over_limit = f"it takes {why}", True
                self.progress.say(f"  {contender.label} stops: it takes {why}")

    def _worth_another_seed(self, seed: int) -> list[Contender]:
        """Those whose place more seeds could change; heads alone always, since they cost next to nothing."""
        finalists = [c for c in self.finalists if len(c.full) == seed - self.options.seed and c.stopped is None]
        if len(finalists) < 2 or self.options.plan == "full":
            return finalists
        still = contested(
            self.metric,
            {c.label: np.stack([c.statistics[trial.seed] for trial in c.full]) for c in finalists},
            seeds=self.options.seeds,
            prefer=self.options.prefer,
            groups=self.bench.task.judged.groups,
            seed=self.options.seed,
        )
        return [c for c in finalists if c.label in still or c.variant.trainable_blocks == 0]

    def _settle(self, contender: Contender, size: int) -> None:
        """Find the learning rate for training on `size` examples, unless one was found on as many as a search takes.

        The first search is made on as few examples as the first trial: it has to serve only those who go on. On more
        examples the adaptive plan searches again near what was found, also where two searches agreed: on few examples
        they agree by chance, and a rate that is too low hides what a variant can do.
        """
        variant = contender.variant
        if contender.stopped is not None or not self.efforts.is_due(variant, size, contender.searched_on):
            return
        size, _ = self.efforts.search(variant, size)
        if self.contenders and not self.budget.allows(variant, 0):
            contender.stopped = "the time limit was reached"
            return
        try:
            self._search_for(contender, size)
        except OutOfMemoryError as error:
            contender.stopped = str(error)
            self._skip(variant.label, str(error))

    def _search_for(self, contender: Contender, size: int) -> None:
        variant = contender.variant
        chosen, anatomy = route(variant.route), self.bench.pretrained.anatomy
        effort = chosen.effort(anatomy)
        heads = self.bench.task.trains_head and variant.trainable_blocks and not variant.random_weights
        if heads and not contender.searched_on:
            # Its head is trained first, at the rate that was searched for the head: whoever adapts so pays for both.
            self._head_settings()
            contender.search_seconds += self._head_seconds
        given = self.efforts.rate(variant)
        base = self._settings(variant, effort, given or 0.0)
        if not contender.searched_on:
            usual = effort.epochs(len(self.order), self.efforts.examples_a_step)
            if self.options.epochs is not None and base.epochs < usual:
                told = f"{variant.label} trained for --epochs {base.epochs}; by default it trains for {usual}."
                self.notes.append(told)
        grid = chosen.learning_rates(anatomy)
        if given is not None or not grid:  # what trains nothing has no rate to search
            contender.settings, contender.searched_on = base, len(self.order)
        else:
            before = contender.search if self.options.plan == "adaptive" else None
            search = self._search(variant, base, grid, size, before)
            contender.settings = replace(base, learning_rate=search.learning_rate)
            contender.search, contender.searched_on = search, size
            contender.search_seconds += search.seconds
            tried = ", ".join(f"{rate:.3g}" for rate in sorted(search.values))
            self.progress.say(
                f"  {variant.label}: learning rate {search.learning_rate:.3g} of {tried}, on {size:,} examples"
            )
        if variant.route == "transfer":
            self._head, self._head_seconds = contender.settings, contender.search_seconds

    def _settings(self, variant: Variant, effort: Effort, rate: float) -> FitSettings:
        return FitSettings(
            learning_rate=rate,
            epochs=self.efforts.epochs(variant, len(self.order)),
            batch_size=self.options.batch_size,
            patience=effort.patience,
            seed=self.options.seed,
            precision=self.options.precision,
            steps=self.efforts.steps(variant),
        )

    def _head_settings(self) -> FitSettings:
        """How a head is trained before the blocks above the boundary are: with transfer's own learning rate."""
        if self._head is None:
            anatomy, transfer = self.bench.pretrained.anatomy, route("transfer")
            variant = transfer.variants(anatomy, None)[0]
            options = self.options
            given = options.rate_for("transfer") if isinstance(options.learning_rate, Mapping) else None
            base = self._settings(variant, transfer.effort(anatomy), given or 0.0)
            if given is not None:
                self._head = base
                return base
            found = self._search(variant, base, transfer.learning_rates(anatomy), len(self.order))
            self._head, self._head_seconds = replace(base, learning_rate=found.learning_rate), found.seconds
        return self._head

    def _search(
        self,
        variant: Variant,
        base: FitSettings,
        grid: tuple[float, ...],
        size: int,
        before: SearchResult | None = None,
    ) -> SearchResult:
        """Search the whole grid, or, where there was a search on fewer examples `before`, near what that found."""
        _, share = self.efforts.search(variant, size)
        epochs = self.efforts.epochs(variant, size, share)
        rows = self.order[:size]
        head = self._head or base

        every = self._validate_every(variant, size, epochs, "search")

        def value_at(rate: float) -> tuple[float, float]:
            settings = replace(
                base,
                learning_rate=rate,
                epochs=epochs,
                patience=epochs,
                validate_every=every,
                steps=self.efforts.steps(variant, share),
            )
            start = time.monotonic()
            try:
                outcome = self.runner.run(
                    variant, settings, head, rows, purpose="search", deadline=self._deadline(variant)
                )
            except TrainingError:
                return float("inf"), time.monotonic() - start
            trial = outcome.trial
            if trial.stopped == "diverged":
                return float("inf"), trial.costs.seconds
            self.budget.learn(variant, trial.costs.seconds, trial.costs.examples_seen, outcome.scoring_seconds)
            return self._badness(variant, trial), trial.costs.seconds - trial.costs.frozen_seconds

        if before is not None:
            return search_again(before, grid, value_at, self.budget.deadline)
        return search_learning_rate(grid, value_at, self.budget.deadline)

    def _validate_every(self, variant: Variant, size: int, epochs: int, purpose: Purpose) -> int:
        """See `Efforts.validate_every`; a head alone is looked at in every epoch, which costs next to nothing."""
        held_out = len(self.bench.parts["validation"].encoded)
        return self.efforts.validate_every(held_out, size, epochs, purpose) if variant.trainable_blocks else 1

    def _deadline(self, variant: Variant) -> float | None:
        """When training has to end; never for a head that is the first to be measured: it is cheap, and one has to be.

        Where the pass through the frozen part took all the time, an untrained head would be handed over otherwise.
        """
        head_alone_first = variant.trainable_blocks == 0 and not self.contenders
        return None if head_alone_first else self.budget.deadline

    def _badness(self, variant: Variant, trial: Trial) -> float:
        """What the search minimises: the loss for a head alone, otherwise the deciding metric (see `Stage.fit`)."""
        loss = trial.metrics[self.bench.task.smooth_metric]
        if variant.trainable_blocks == 0 or self.metric.name not in trial.metrics:
            return loss
        return -self.metric.sign * trial.metrics[self.metric.name] + _TIE * loss

    def _trial(self, contender: Contender, size: int, seed: int, purpose: Purpose, *, compulsory: bool = False) -> None:
        interrupt.check()
        if any((t.purpose, t.examples, t.seed) == (purpose, size, seed) for t in contender.trials):
            return
        if contender.settings is None:
            return  # stopped before a learning rate was found
        variant = contender.variant
        epochs = self.efforts.epochs(variant, size)
        what = f"{variant.label}, {size:,} examples, seed {seed}"
        if not compulsory and not self.budget.allows(variant, size * epochs):
            self._skip(what, "it would not end within the time limit")
            return
        every = self._validate_every(variant, size, epochs, purpose)
        settings = replace(contender.settings, seed=seed, epochs=epochs, validate_every=every)
        head = replace(self._head or settings, seed=seed, epochs=self.efforts.head_epochs(size))
        try:
            outcome = self.runner.run(
                variant, settings, head, self.order[:size], purpose=purpose, deadline=self._deadline(variant)
            )
        except (TrainingError, OutOfMemoryError) as error:
            contender.stopped = str(error).rstrip(".")
            self._skip(what, str(error))
            return
        trial = outcome.trial
        if trial.stopped == "deadline" and all(point["train_loss"] is None for point in trial.history):
            self._skip(what, "the time limit was reached before its first step")
            return
        self.budget.learn(variant, trial.costs.seconds, trial.costs.examples_seen, outcome.scoring_seconds)
        contender.trials.append(trial)
        if trial.stopped == "deadline":
            self._skip(what, "it was cut short by the time limit; its score is that of the best epoch until then")
        if trial.stopped == "diverged":
            self._skip(what, f"training diverged; its score is that of epoch {trial.best_epoch}, the best until then")
        score = f"{self.metric.name} {trial.metrics[self.metric.name]:.4f}"
        self.progress.say(f"  {what}: {score}, {trial.costs.seconds:.1f} s")
        if purpose == "full":
            contender.statistics[trial.seed] = self.statistics(trial)
            self._keep_the_better(contender, outcome.kept)
        self._say_what_is_left()

    def _say_what_is_left(self) -> None:
        """The forecast, kept up to date, where it was long ago that anything was said of it."""
        if self._remaining is None or time.monotonic() - self._said < _SAY_EVERY:
            return
        leader = max(self.contenders, key=self._last_score, default=None)
        left = self._remaining.seconds(self.contenders, self.budget, None if leader is None else leader.label)
        if left is not None and left[1] > 0:
            self._said = time.monotonic()
            self.progress.say(f"  {duration(self.budget.elapsed)} gone, {span(*left)} left")

    def _keep_the_better(self, contender: Contender, kept: Kept | None) -> None:
        """Keep the weights of the best seed, and no others."""
        if kept is None:
            return
        sign = self.metric.sign
        before = contender.kept
        if before is None or sign * kept.score > sign * before.score:
            contender.kept, kept = kept, before
        if kept is not None and contender.kept is not None and kept.path != contender.kept.path:
            files.remove(kept.path)

    def _skip(self, what: str, why: str) -> None:
        self.skipped.append(f"{what}: {why}")
        self.progress.say(f"  skipped {what}: {why}")
