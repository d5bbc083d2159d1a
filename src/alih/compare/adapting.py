"""One adaptation, from a fresh model to one that is ready to be scored: the same steps for every route and task."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch import nn

from alih.pretrained.open import Pretrained
from alih.quantize.calibration import Batch, Batches
from alih.routes.base import Variant
from alih.routes.registry import route
from alih.tasks.bench import Adaptation, Bench, Phase
from alih.training.loop import FitSettings
from alih.training.modules import freeze_below
from alih.training.precision import device

#: Training examples whose inputs calibrated rounding looks at: GPTQ takes 128 (arXiv 2210.17323, section 4).
CALIBRATION_EXAMPLES = 128


def adapt(
    bench: Bench,
    variant: Variant,
    settings: FitSettings,
    rows: NDArray[np.int64],
    *,
    head_settings: FitSettings,
    deadline: float | None = None,
) -> Adaptation:
    """Adapt a fresh copy of the model to the training rows `rows`; everything random follows from the settings' seed.

    Args:
        bench: task, model and frozen outputs.
        variant: the route with its scope.
        settings: how to train.
        rows: which training examples to use.
        head_settings: how to train a head that the task adds, before the blocks.
        deadline: `time.monotonic()` after which training stops with the best weights so far.

    Raises:
        TrainingError: training diverged.
        ModelError: a weight that cannot be quantised, or a model without layers to adapt.
    """
    if variant.prompt is not None:
        return bench.task.prompted(bench, variant.prompt, settings, rows, deadline)
    chosen, task = route(variant.route), bench.task
    pretrained = bench.fresh(settings.seed, random_weights=variant.random_weights)
    phases: list[Phase] = []
    if chosen.head_first and task.trains_head:
        freeze_below(pretrained.model, pretrained.anatomy, 0)
        head = bench.stage(pretrained, 0)
        phases.append(Phase(head, head.fit(rows, head_settings, deadline, f"{variant.label}: head first")))
    chosen.prepare(pretrained, variant, settings.seed, calibration_batches(bench, pretrained, rows))
    stage = bench.stage(pretrained, variant.trainable_blocks)
    phases.append(Phase(stage, stage.fit(rows, settings, deadline, variant.label)))
    return Adaptation(pretrained, tuple(phases))


def calibration_batches(bench: Bench, pretrained: Pretrained, rows: NDArray[np.int64]) -> Batches:
    """Batches of the first training rows, made when asked for; the model is moved to the device then."""
    encoded = bench.parts["train"].encoded

    def batches() -> Iterator[Batch]:
        nn.Module.to(pretrained.model, device())
        for start in range(0, min(len(rows), CALIBRATION_EXAMPLES), bench.batch_size):
            yield encoded.collate(rows[start : min(start + bench.batch_size, CALIBRATION_EXAMPLES)])

    return batches
