"""One trial: adapt, score on validation, on a shifted copy and on the training rows, and measure what it cost."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.compare.closer import look_closer
from alih.compare.runfolder import Prediction, RunFolder
from alih.compare.state import Kept, is_whole, keep, trained
from alih.compare.trial import Costs, Merged, Purpose, Scope, Trial, trial_id
from alih.metrics.classification import scores
from alih.metrics.names import named
from alih.pretrained.prompted import AlihPromptedForSequenceClassification
from alih.routes.adapters import lora_layers, merge, round_to_nf4
from alih.routes.base import Adaptation, AdapterForm, Variant
from alih.routes.bench import Bench, PartName
from alih.routes.registry import route
from alih.task import Modality
from alih.training.boundary import FullModel
from alih.training.cost import flops, measure
from alih.training.feed import InputFeed
from alih.training.loop import FitSettings, TrainingError, logits
from alih.training.memory import out_of_memory_in_words
from alih.training.precision import device

#: Training rows scored for the overfitting gap, at most.
_TRAIN_ROWS_SCORED = 1000
#: Single predictions timed for the latency.
_LATENCY_RUNS = 40
#: A training step costs about three forward passes: one forward, two backward (to activations and to weights).
_PASSES_A_STEP = 3


@dataclass(frozen=True)
class Outcome:
    """What a trial gave.

    Args:
        trial: scores and costs.
        kept: its weights; only of trials on all examples, and not where those of a better one were kept.
    """

    trial: Trial
    kept: Kept | None = None


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
    metric: str
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
        sign = named(self.metric).sign
        score = sign * known.metrics[self.metric]
        full = [trial for trial in self._known.values() if trial.label == known.label and trial.purpose == "full"]
        kept = [self.folder.weights_of(trial) for trial in full if sign * trial.metrics[self.metric] >= score]
        for path in kept:
            if path.is_file() and not is_whole(path):
                self.bench.progress.say(f"  {path}: damaged, and deleted; that trial of {known.label} is run again")
                path.unlink()
        return not any(path.is_file() for path in kept)

    def _kept(self, trial: Trial) -> Kept | None:
        path = self.folder.weights_of(trial)
        return Kept(path, trial, trial.metrics[self.metric]) if path.is_file() else None

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
        with measure() as cost:
            adaptation = route(variant.route).adapt(
                self.bench, variant, settings, rows, head_settings=head_settings, deadline=deadline
            )
        # Training a head moves the head alone; what is measured below runs the whole model.
        nn.Module.to(adaptation.pretrained.model, device())
        full, scored = purpose == "full", purpose != "search"
        stage = adaptation.stage
        judged = stage.held_out(adaptation.result)
        changed = trained(adaptation)
        scope, trained_bytes = _scope(adaptation, variant, self.bench), _bytes(_trained(adaptation))
        counted = scored and variant.route != "qlora"  # the kernels of NF4 cannot be counted; its merged model can
        operations = self._flops(adaptation, rows, variant) if counted else None
        merged = self._merge(adaptation, variant.adapter) if full and variant.adapter is not None else None
        operations = self._flops(adaptation, rows, variant) if full and not counted else operations
        train = self._score(adaptation, "train", rows[:_TRAIN_ROWS_SCORED]) if scored else {}
        shifted = self._score(adaptation, "shifted") if scored else {}
        predictions: dict[Prediction, NDArray[np.float32]] = {}
        if scored:
            predictions = {"held_out": judged, "logits": self._finite(stage.logits("validation"))}
        closer = look_closer(self.bench, adaptation, self.metric) if full and settings.seed == self.bench.seed else None
        if scored and not full and variant.adapter is not None:
            merge(adaptation.pretrained.model)  # as it would be handed over; not scored, for this decides nothing
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
            metrics=self._metrics("validation", judged),
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
                tokens=self._tokens(adaptation) if scored else None,
            ),
            history=adaptation.result.history,
            best_epoch=adaptation.result.best_epoch,
            stopped=adaptation.result.stopped,
            closer=closer,
            merged=merged,
        )
        # Weights first: a trial that is written down has them.
        kept = keep(changed, self.folder.weights_of(trial), trial, trial.metrics[self.metric]) if full else None
        self.folder.append(trial, predictions)
        self._known[name] = trial
        return Outcome(trial, kept)

    def _merge(self, adaptation: Adaptation, form: AdapterForm) -> Merged:
        """Merge the adapters: what is measured from here on is the model that would be handed over."""
        model, again = adaptation.pretrained.model, adaptation.variant.route == "qlora"
        before = self._finite(adaptation.stage.logits("validation"))
        layers = lora_layers(model)
        merge(model)
        after, nf4 = self._finite(adaptation.stage.logits("validation")), None
        if again:
            exact = round_to_nf4(model, layers)
            nf4 = self._metrics("validation", rounded := self._finite(adaptation.stage.logits("validation")))
            if form.merge == "nf4":
                after = rounded
            else:
                model.load_state_dict(exact, strict=False)
        return Merged(
            self._metrics("validation", after),
            self._metrics("validation", before),
            float(np.abs(after - before).max()),
            _bytes(model.state_dict().values()),
            nf4,
        )

    def _score(self, adaptation: Adaptation, name: PartName, rows: NDArray[np.int64] | None = None) -> dict[str, float]:
        return self._metrics(name, adaptation.stage.logits(name, rows), rows)

    def _finite(self, found: NDArray[np.float32]) -> NDArray[np.float32]:
        if not np.isfinite(found).all():
            raise TrainingError("its outputs are no finite numbers; lower the learning rate, or use --precision fp32.")
        return found

    def _metrics(
        self, name: PartName, found: NDArray[np.float32], rows: NDArray[np.int64] | None = None
    ) -> dict[str, float]:
        labels = self.bench.parts[name].examples.known_labels
        task = self.bench.task
        return scores(task.kind, task.classes, self._finite(found), labels if rows is None else labels[rows])

    def _flops(self, adaptation: Adaptation, rows: NDArray[np.int64], variant: Variant) -> float:
        """Operations of the training steps, and of the one pass through the frozen part where there was one."""
        some = rows[: self.bench.batch_size]
        found = 0.0
        for phase in adaptation.phases:
            feed = phase.stage.feed("train", some, len(some))
            batch = feed.inputs(feed.plan(None)[0])
            # Frozen weights beside adapters take no gradient: one pass forward, one back to the activations.
            beside_frozen = variant.adapter is not None and phase is adaptation.phases[-1]
            passes = _PASSES_A_STEP - 1 if beside_frozen else _PASSES_A_STEP
            found += passes * flops(phase.stage.module, batch) / len(some) * phase.result.examples_seen
        if adaptation.uses_frozen_outputs:
            whole = FullModel(adaptation.pretrained.model)
            found += flops(whole, self.bench.parts["train"].encoded.collate(some)) / len(some) * len(rows)
        return found

    def _tokens(self, adaptation: Adaptation) -> float | None:
        """Tokens that one prediction reads, a prompt's included."""
        if self.bench.task.modality is not Modality.TEXT:
            return None
        lengths, model = self.bench.parts["validation"].encoded.lengths, adaptation.pretrained.model
        if isinstance(model, AlihPromptedForSequenceClassification):
            return float(np.mean([model.tokens(int(length)) for length in lengths]))
        return float(lengths.mean())

    def _latency_ms(self, adaptation: Adaptation) -> tuple[float, float]:
        """Time of predicting one encoded validation example with the whole model: median, and 95th percentile."""
        encoded = self.bench.parts["validation"].encoded
        module = FullModel(adaptation.pretrained.model)
        times = []
        for index in range(_LATENCY_RUNS):
            feed = InputFeed(encoded, None, batch_size=1, rows=np.array([index % len(encoded)], dtype=np.int64))
            start = time.perf_counter()
            logits(module, feed, self.bench.precision)
            times.append(time.perf_counter() - start)
        median, p95 = np.percentile(times, [50, 95])
        return float(median) * 1000, float(p95) * 1000


def _scope(adaptation: Adaptation, variant: Variant, bench: Bench) -> Scope:
    """Parameters that trained, of all: the model's, however few bits they are held in, and the adapters'."""
    added = sum(p.numel() for name, p in adaptation.pretrained.model.named_parameters() if "lora_" in name)
    total = sum(p.numel() for p in bench.pretrained.model.parameters()) + added
    trained = 0 if variant.prompt is not None else sum(parameter.numel() for parameter in _trained(adaptation))
    return Scope(variant.scope, trained, total)


def _bytes(tensors: Iterable[Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def _trained(adaptation: Adaptation) -> list[nn.Parameter]:
    return [parameter for parameter in adaptation.pretrained.model.parameters() if parameter.requires_grad]
