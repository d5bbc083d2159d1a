"""One trial: adapt, score on validation, on a shifted copy and on the training rows, and measure what it cost."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from alih import files
from alih.compare.adapting import adapt
from alih.compare.closer import look_closer
from alih.compare.runfolder import PREDICTIONS, STATISTICS, RunFolder
from alih.compare.state import Kept, is_whole, keep, trained
from alih.compare.trial import Costs, Merged, Purpose, Scope, Trial, trial_id
from alih.metrics.base import Metric
from alih.routes.adapters import lora_layers, round_to_nf4
from alih.routes.base import AdapterForm, Variant
from alih.routes.registry import route
from alih.tasks.base import Predictions
from alih.tasks.bench import Adaptation, Bench, PartName, Stage
from alih.training.cost import flops, measure
from alih.training.loop import FitSettings
from alih.training.memory import out_of_memory_in_words
from alih.training.precision import device
from alih.training.scoring import to_device

#: A training step costs about three forward passes: one forward, two backward (to activations and to weights).
_PASSES_A_STEP = 3


@dataclass(frozen=True)
class Outcome:
    """What a trial gave.

    Args:
        trial: scores and costs.
        kept: its weights; only of trials on all examples, and not where those of a better one were kept.
        scoring_seconds: wall time of all that came after training; 0 where it was run before.
    """

    trial: Trial
    kept: Kept | None = None
    scoring_seconds: float = 0.0


@dataclass
class Runner:
    """Runs trials at one bench and writes what they give to one run folder.

    Args:
        bench: data and model.
        folder: where trials are written; those that it holds already are not run again.
        metric: the metric that decides.
    """

    bench: Bench
    folder: RunFolder
    metric: Metric
    _known: dict[str, Trial] = field(init=False)

    def __post_init__(self) -> None:
        self._known = {trial.id: trial for trial in self.folder.trials()}

    def run(
        self,
        variant: Variant,
        settings: FitSettings,
        head_settings: FitSettings,
        rows: NDArray[np.int64],
        *,
        purpose: Purpose,
        deadline: float | None = None,
    ) -> Outcome:
        """Run one trial and append it to the run folder, unless it is there; searches are scored on validation alone.

        Raises:
            TrainingError: training diverged; nothing was appended.
            OutOfMemoryError: there was not enough memory; nothing was appended.
        """
        setting = {**asdict(settings), "trainable_blocks": variant.trainable_blocks}
        setting |= {} if variant.adapter is None else {"adapter": asdict(variant.adapter)}
        setting |= {} if variant.prompt is None else {"prompt": asdict(variant.prompt)}
        name = trial_id(variant.label, setting, len(rows), settings.seed, purpose)
        known = self._known.get(name)
        if known is not None and not self._lacks_files(known):
            return Outcome(known, self._kept(known) if purpose == "full" else None)
        with out_of_memory_in_words(variant.label):
            return self._run(name, variant, settings, setting, head_settings, rows, purpose, deadline)

    def _lacks_files(self, known: Trial) -> bool:
        """Whether a trial's weights are gone although no trial of its variant that scored better has kept its own.

        So are predictions, and what is damaged: that is as good as gone.
        """
        if known.purpose != "search" and not self.folder.has_predictions(known):
            self.bench.progress.say(f"  {known.label}, seed {known.seed}: its predictions are gone; it is run again")
            return True
        if known.purpose != "full":
            return False
        sign = 1 if self.metric.higher_is_better else -1
        score = sign * known.metrics[self.metric.name]
        full = [trial for trial in self._known.values() if trial.label == known.label and trial.purpose == "full"]
        kept = [self.folder.weights_of(trial) for trial in full if sign * trial.metrics[self.metric.name] >= score]
        for path in kept:
            if path.is_file() and not is_whole(path):
                self.bench.progress.say(f"  {path}: damaged, and deleted; that trial of {known.label} is run again")
                files.remove(path)
        return not any(path.is_file() for path in kept)

    def _kept(self, trial: Trial) -> Kept | None:
        path = self.folder.weights_of(trial)
        return Kept(path, trial, trial.metrics[self.metric.name]) if path.is_file() else None

    def _run(
        self,
        name: str,
        variant: Variant,
        settings: FitSettings,
        setting: dict[str, Any],
        head_settings: FitSettings,
        rows: NDArray[np.int64],
        purpose: Purpose,
        deadline: float | None,
    ) -> Outcome:
        task = self.bench.task
        with measure() as cost:
            adaptation = adapt(self.bench, variant, settings, rows, head_settings=head_settings, deadline=deadline)
        scoring_since = time.monotonic()
        # Training a head moves the head alone; what is measured below runs the whole model.
        nn.Module.to(adaptation.pretrained.model, device())
        full, scored = purpose == "full", purpose != "search"
        stage = adaptation.stage
        judge = task.judge if scored else task.tried
        statistics = task.statistics(judge(stage, adaptation.result), self.bench.parts["judged"].examples)
        changed = trained(adaptation)
        scope, trained_bytes = _scope(adaptation, variant, self.bench), _bytes(_trained(adaptation))
        counted = scored and variant.route != "qlora"  # the kernels of NF4 cannot be counted; its merged model can
        operations = self._flops(adaptation, rows, variant) if counted else None
        merged = self._merge(adaptation, variant) if full and variant.adapter is not None else None
        operations = self._flops(adaptation, rows, variant) if full and not counted else operations
        train = self._score(stage, "train", rows[: task.scored_rows]) if scored else {}
        shifted = self._score(stage, "shifted") if scored and task.shifts else {}
        arrays: dict[str, NDArray[Any]] = {}
        if scored:
            arrays = {f"{STATISTICS}{name}": table for name, table in statistics.items()}
            arrays |= {f"{PREDICTIONS}{name}": array for name, array in stage.predict("judged").items()}
        closer = None
        if full and settings.seed == self.bench.seed:
            closer = look_closer(self.bench, variant, adaptation, self.metric)
        if scored and not full and variant.adapter is not None:
            # As it would be handed over; not scored, for this decides nothing.
            route(variant.route).merge(adaptation.pretrained, variant)
        latency = self._latency_ms(adaptation) if scored else (None, None)
        shares_frozen = adaptation.uses_frozen_outputs
        frozen_seconds = self.bench.frozen_seconds(len(rows)) if shares_frozen else 0.0
        trial = Trial(
            id=name,
            route=variant.route,
            label=variant.label,
            setting=setting,
            examples=len(rows),
            seed=settings.seed,
            purpose=purpose,
            metrics=task.scores(statistics),
            train_metrics=train,
            shifted_metrics=shifted,
            scope=scope,
            costs=Costs(
                seconds=cost.seconds + frozen_seconds,
                peak_memory_bytes=max(cost.peak_memory_bytes, self.bench.frozen_peak_bytes if shares_frozen else 0),
                disk_bytes=trained_bytes,
                examples_seen=adaptation.examples_seen,
                flops=operations,
                latency_ms=latency[0],
                frozen_seconds=frozen_seconds,
                latency_p95_ms=latency[1],
                energy_joules=cost.energy_joules,
                tokens=task.tokens(stage) if scored else None,
            ),
            history=adaptation.result.history,
            best_epoch=adaptation.result.best_epoch,
            stopped=adaptation.result.stopped,
            closer=closer,
            merged=merged,
        )
        # Weights first: a trial that is written down has them.
        path = self.folder.weights_of(trial)
        kept = keep(changed, path, trial, trial.metrics[self.metric.name]) if full else None
        self.folder.append(trial, arrays)
        self._known[name] = trial
        return Outcome(trial, kept, time.monotonic() - scoring_since)

    def _merge(self, adaptation: Adaptation, variant: Variant) -> Merged:
        """Merge the adapters: what is measured from here on is the model that would be handed over."""
        model, chosen, form = adaptation.pretrained.model, route(variant.route), variant.adapter
        stage = adaptation.stage
        before = stage.predict("judged")
        layers = list(lora_layers(model)) if variant.route == "qlora" else []
        in_32_bits = replace(form, merge="32-bit") if isinstance(form, AdapterForm) else form
        chosen.merge(adaptation.pretrained, replace(variant, adapter=in_32_bits))
        after, nf4 = stage.predict("judged"), None
        if layers:
            exact = round_to_nf4(model, layers)
            rounded = stage.predict("judged")
            nf4 = self._metrics("judged", rounded)
            if isinstance(form, AdapterForm) and form.merge == "nf4":
                after = rounded
            else:
                model.load_state_dict(exact, strict=False)
        return Merged(
            self._metrics("judged", after),
            self._metrics("judged", before),
            self.bench.task.difference(after, before),
            _bytes(model.state_dict().values()),
            nf4,
        )

    def _score(self, stage: Stage, name: PartName, rows: NDArray[np.int64] | None = None) -> dict[str, float]:
        return self._metrics(name, stage.predict(name, rows), rows)

    def _metrics(
        self, name: PartName, predictions: Predictions, rows: NDArray[np.int64] | None = None
    ) -> dict[str, float]:
        task, examples = self.bench.task, self.bench.parts[name].examples
        return task.scores(task.statistics(predictions, examples if rows is None else examples.select(rows)))

    def _flops(self, adaptation: Adaptation, rows: NDArray[np.int64], variant: Variant) -> float | None:
        """Operations of the training steps, and of the one pass through the frozen part where there was one.

        None where none of the rows that are counted fits into the model.
        """
        some, counted = rows[: self.bench.batch_size], 0.0
        for phase in adaptation.phases:
            # Frozen weights beside adapters take no gradient: one pass forward, one back to the activations.
            beside_frozen = variant.adapter is not None and phase is adaptation.phases[-1]
            passes = _PASSES_A_STEP - 1 if beside_frozen else _PASSES_A_STEP
            forward = self._forward_flops(phase.stage, some)
            if forward is None:
                self.bench.progress.say(f"  {variant.label}: none of {len(some):,} examples fits; no FLOPs are counted")
                return None
            counted += passes * forward * phase.result.examples_seen
        if adaptation.uses_frozen_outputs:
            forward = self._forward_flops(self.bench.whole(adaptation.pretrained), some)
            counted += (forward or 0.0) * len(rows)
        return counted

    def _forward_flops(self, stage: Stage, rows: NDArray[np.int64]) -> float | None:
        """Operations of a forward pass over one training example, the mean of those that are fed; None without any."""
        feed = stage.feed("train", rows, len(rows))
        on = next(stage.module.parameters()).device
        counted, examples = 0.0, 0
        for batch, part in feed.batches(None):
            counted += flops(partial(self.bench.task.loss, stage.module, to_device(batch, on)))
            examples += feed.examples(part)  # a text in several batches counts in one of them
        return counted / examples if examples else None

    def _latency_ms(self, adaptation: Adaptation) -> tuple[float, float]:
        """Time of predicting one encoded example with the whole model: median, and 95th percentile."""
        task, count = self.bench.task, len(self.bench.parts["judged"].encoded)
        whole = self.bench.whole(adaptation.pretrained)
        times = []
        for index in range(task.timed):
            start = time.perf_counter()
            task.predict_one(whole, index % count)
            times.append(time.perf_counter() - start)
        median, p95 = np.percentile(times, [50, 95])
        return float(median) * 1000, float(p95) * 1000


def _scope(adaptation: Adaptation, variant: Variant, bench: Bench) -> Scope:
    """Parameters that trained, of all: the model's, however few bits they are held in, and the adapters'."""
    own = dict(bench.pretrained.model.named_parameters())
    named = adaptation.pretrained.model.named_parameters()
    added = sum(parameter.numel() for name, parameter in named if parameter.requires_grad and name not in own)
    total = bench.parameters + added
    trained = 0 if variant.prompt is not None else sum(parameter.numel() for parameter in _trained(adaptation))
    layers = variant.scope if bench.task.trains_head else variant.scope.removeprefix("head + ")
    return Scope(layers, trained, total)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _trained(adaptation: Adaptation) -> list[nn.Parameter]:
    return [parameter for parameter in adaptation.pretrained.model.parameters() if parameter.requires_grad]
