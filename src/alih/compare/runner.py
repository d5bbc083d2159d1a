"""One trial: adapt, score on validation, on a shifted copy and on the training rows, and measure what it cost."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from alih.compare.runfolder import Prediction, RunFolder
from alih.compare.trial import Costs, Purpose, Scope, Trial, trial_id
from alih.evaluate.metrics import metrics
from alih.routes.base import Adaptation, Variant
from alih.routes.bench import Bench, PartName
from alih.routes.registry import route
from alih.training.boundary import FullModel
from alih.training.cost import flops, measure
from alih.training.feed import InputFeed
from alih.training.loop import FitSettings, TrainingError, logits
from alih.training.memory import out_of_memory_in_words
from alih.training.precision import device

#: Training rows scored for the overfitting gap, at most.
_TRAIN_ROWS_SCORED = 1000
#: Single predictions timed for the latency.
_LATENCY_RUNS = 15
#: A training step costs about three forward passes: one forward, two backward (to activations and to weights).
_PASSES_A_STEP = 3


@dataclass
class Runner:
    """Runs trials at one bench and writes what they give to one run folder."""

    bench: Bench
    folder: RunFolder

    def run(
        self,
        variant: Variant,
        settings: FitSettings,
        head_settings: FitSettings,
        rows: NDArray[np.int64],
        *,
        purpose: Purpose,
        deadline: float | None = None,
    ) -> tuple[Trial, Adaptation]:
        """Run one trial and append it to the run folder; searches are scored on validation alone.

        Raises:
            TrainingError: training diverged; nothing was appended.
            OutOfMemoryError: there was not enough memory; nothing was appended.
        """
        with out_of_memory_in_words(variant.label):
            return self._run(variant, settings, head_settings, rows, purpose, deadline)

    def _run(
        self,
        variant: Variant,
        settings: FitSettings,
        head_settings: FitSettings,
        rows: NDArray[np.int64],
        purpose: Purpose,
        deadline: float | None,
    ) -> tuple[Trial, Adaptation]:
        with measure() as cost:
            adaptation = route(variant.route).adapt(
                self.bench, variant, settings, rows, head_settings=head_settings, deadline=deadline
            )
        # Training a head moves the head alone; what is measured below runs the whole model.
        nn.Module.to(adaptation.pretrained.model, device())
        full, setting = purpose == "full", {**asdict(settings), "trainable_blocks": variant.trainable_blocks}
        stage = adaptation.stage
        judged = stage.held_out(adaptation.result)
        shares_frozen = adaptation.uses_frozen_outputs
        trial = Trial(
            id=trial_id(variant.label, setting, len(rows), settings.seed, purpose),
            route=variant.route,
            label=variant.label,
            setting=setting,
            examples=len(rows),
            seed=settings.seed,
            purpose=purpose,
            metrics=self._metrics("validation", judged),
            train_metrics={} if purpose == "search" else self._score(adaptation, "train", rows[:_TRAIN_ROWS_SCORED]),
            shifted_metrics=self._score(adaptation, "shifted") if full else {},
            scope=_scope(adaptation, variant),
            costs=Costs(
                seconds=cost.seconds + (self.bench.frozen_seconds(len(rows)) if shares_frozen else 0.0),
                peak_memory_bytes=max(cost.peak_memory_bytes, self.bench.frozen_peak_bytes if shares_frozen else 0),
                disk_bytes=sum(p.numel() * p.element_size() for p in _trained(adaptation)),
                examples_seen=adaptation.examples_seen,
                flops=self._flops(adaptation, rows) if full else None,
                latency_ms=self._latency_ms(adaptation) if full else None,
            ),
            history=adaptation.result.history,
            best_epoch=adaptation.result.best_epoch,
            stopped=adaptation.result.stopped,
        )
        kept: dict[Prediction, NDArray[np.float32]]
        kept = {} if purpose == "search" else {"held_out": judged, "logits": self._finite(stage.logits("validation"))}
        self.folder.append(trial, kept)
        return trial, adaptation

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
        return metrics(self.bench.task, self._finite(found), labels if rows is None else labels[rows])

    def _flops(self, adaptation: Adaptation, rows: NDArray[np.int64]) -> float:
        """Operations of the training steps, and of the one pass through the frozen part where there was one."""
        some = rows[: self.bench.batch_size]
        found = 0.0
        for phase in adaptation.phases:
            batch, _, _ = next(iter(phase.stage.feed("train", some, len(some)).batches(None)))
            found += _PASSES_A_STEP * flops(phase.stage.module, batch) / len(some) * phase.result.examples_seen
        if adaptation.uses_frozen_outputs:
            whole = FullModel(adaptation.pretrained.model)
            found += flops(whole, self.bench.parts["train"].encoded.collate(some)) / len(some) * len(rows)
        return found

    def _latency_ms(self, adaptation: Adaptation) -> float:
        """Median time of predicting one encoded validation example with the whole model."""
        encoded = self.bench.parts["validation"].encoded
        module = FullModel(adaptation.pretrained.model)
        times = []
        for index in range(_LATENCY_RUNS):
            feed = InputFeed(encoded, None, batch_size=1, rows=np.array([index % len(encoded)], dtype=np.int64))
            start = time.perf_counter()
            logits(module, feed, self.bench.precision)
            times.append(time.perf_counter() - start)
        return float(np.median(times)) * 1000


def _scope(adaptation: Adaptation, variant: Variant) -> Scope:
    trained = sum(parameter.numel() for parameter in _trained(adaptation))
    return Scope(variant.scope, trained, sum(p.numel() for p in adaptation.pretrained.model.parameters()))


def _trained(adaptation: Adaptation) -> list[nn.Parameter]:
    return [parameter for parameter in adaptation.pretrained.model.parameters() if parameter.requires_grad]
