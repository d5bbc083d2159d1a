"""The hand-over: the chosen model is written, opened again from disk, and scored as it will be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from safetensors import SafetensorError

from alih import files
from alih.compare.contender import Contender
from alih.compare.runfolder import RunFolder
from alih.compare.state import Kept, prompt_of, put_back
from alih.data.overlap import FINGERPRINTS, write_fingerprints
from alih.errors import ModelError, RunError
from alih.pretrained.open import Pretrained
from alih.routes.base import AdapterForm, Variant
from alih.routes.registry import route
from alih.tasks.adapted import Adapted, Scores
from alih.tasks.base import Predictions
from alih.tasks.bench import Bench

#: Folder of the adapters beside the merged model, in the run folder.
ADAPTER = "adapter"
#: A model saved and opened again sums in another order at most; what differs more was not saved as it was.
#: With 8 bits of mantissa, batches of other sizes round otherwise.
_TOLERANCE, _TOLERANCE_16_BITS = 1e-3, 2e-2


@dataclass(frozen=True, eq=False)
class HandedOver:
    """The adapted model on disk, and what it scores from there.

    Args:
        adapted: the model, opened from the run folder.
        validation: scores on the examples that judge, from disk.
        test: scores on the test split: the only time it is touched; None while the comparison can still go on.
        predictions: from disk, of the examples that judge.
        largest_difference: largest absolute difference between the numbers from disk and those in memory.
        agrees: the numbers from disk equal those in memory, to 1e-3 of their size (2e-2 in 16 bits).
        disk_bytes: size of the folder.
    """

    adapted: Adapted
    validation: Scores
    test: Scores | None
    predictions: Predictions
    largest_difference: float
    agrees: bool
    disk_bytes: int


def hand_over(bench: Bench, contender: Contender, folder: RunFolder, metric: str, *, test: bool = True) -> HandedOver:
    """Write the best weights of `contender`, open them from disk, score validation, then `test` if it is the end.

    Raises:
        RunError: the disk is full, or cannot be written to; trials and weights are kept.
    """
    kept = contender.kept
    assert kept is not None, "a contender has a full trial, and a full trial keeps its weights"
    prompt, task = prompt_of(kept), bench.task
    if prompt is None:
        pretrained = _with_weights(bench, contender.variant, kept, folder)
    else:
        pretrained = task.prompt_again(bench, prompt)
    with _kept_if_full(folder):
        with files.replacing_folder(folder.model) as fresh:
            task.save(pretrained, fresh, bench.max_length)
        with files.replacing(folder.path / FINGERPRINTS) as part:
            write_fingerprints(part, bench.dataset.train)
    adapted = task.adapted(folder.model, bench.progress)
    adapted.precision = bench.precision
    from_disk, in_memory = adapted.predictions(task.judged), folder.predictions(kept.trial)
    return HandedOver(
        adapted,
        adapted.score(task.judged, from_disk, metric=metric),
        adapted.evaluate(bench.dataset.test, metric=metric) if test else None,
        from_disk,
        task.difference(from_disk, in_memory),
        _agree(from_disk, in_memory, _TOLERANCE if bench.precision in (None, "fp32") else _TOLERANCE_16_BITS),
        sum(path.stat().st_size for path in folder.model.rglob("*") if path.is_file()),
    )


def _agree(from_disk: Predictions, in_memory: Predictions, tolerance: float) -> bool:
    """Whether all numbers are equal up to a share of the largest one."""
    return all(
        np.allclose(array, in_memory[name], rtol=tolerance, atol=tolerance * np.abs(in_memory[name]).max(initial=0.0))
        for name, array in from_disk.items()
        if np.issubdtype(array.dtype, np.floating)
    )


def _with_weights(bench: Bench, variant: Variant, kept: Kept, folder: RunFolder) -> Pretrained:
    """The pre-trained model with what training changed put back, and adapters merged."""
    pretrained, chosen = bench.fresh(kept.trial.seed, random_weights=variant.random_weights), route(variant.route)
    if isinstance(variant.adapter, AdapterForm):
        # However the weights were rounded, the codes are among what was kept, and are put back.
        variant = replace(variant, adapter=replace(variant.adapter, rounding="nearest"))
    if variant.adapter is not None:
        chosen.prepare(pretrained, variant, kept.trial.seed)
    put_back(pretrained.model, kept)
    bench.task.finish(pretrained)
    with _kept_if_full(folder):
        chosen.save(pretrained, variant, folder.path / ADAPTER)
    chosen.merge(pretrained, variant)
    return pretrained


@contextmanager
def _kept_if_full(folder: RunFolder) -> Iterator[None]:
    """Say how to go on where the disk is full: trials and weights are kept until everything is handed over."""
    try:
        yield
    except (OSError, SafetensorError, ModelError) as error:
        reason = error.__cause__ if isinstance(error, ModelError) else error
        if reason is None:
            raise  # refused for another reason than the disk
        raise RunError(
            f"{folder.path}: the adapted model could not be written ({reason}). Every trial is kept: make room, then "
            f"go on with: alih resume {folder.path}"
        ) from error
