"""The hand-over: the chosen model is written, opened again from disk, and scored as it will be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from alih.compare.adapted import FINGERPRINTS, Adapted, Scores, save
from alih.compare.contender import Contender
from alih.compare.runfolder import RunFolder
from alih.compare.state import Kept, prompt_of, put_back
from alih.data.overlap import write_fingerprints
from alih.errors import ModelError, RunError
from alih.pretrained.families import head_modules
from alih.pretrained.open import Pretrained
from alih.routes import likelihood
from alih.routes.adapters import attach, merge, save_adapter
from alih.routes.base import Variant
from alih.routes.bench import Bench
from alih.training.precision import device

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
        validation: scores on the validation split, from disk.
        test: scores on the test split: the only time it is touched; None while the comparison can still go on.
        logits: from disk, on the validation split.
        largest_difference: largest absolute difference between the logits from disk and those in memory.
        agrees: the logits from disk equal those in memory, to 1e-3 of their size (2e-2 in 16 bits).
        disk_bytes: size of the folder.
    """

    adapted: Adapted
    validation: Scores
    test: Scores | None
    logits: NDArray[np.float32]
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
    prompt, variant = prompt_of(kept), contender.variant
    if prompt is None:
        pretrained = _with_weights(bench, variant, kept, folder)
    else:
        pretrained = likelihood.wrap(bench, prompt)
    dataset = bench.dataset
    with _kept_if_full(folder):
        save(pretrained, dataset.task, dataset.columns, bench.max_length, folder.model)
        write_fingerprints(folder.path / FINGERPRINTS, dataset.train)
    adapted = Adapted.open(folder.model, progress=bench.progress)
    adapted.precision = bench.precision
    tolerance = _TOLERANCE if bench.precision in (None, "fp32") else _TOLERANCE_16_BITS
    from_disk, in_memory = adapted.logits(dataset.validation), folder.predictions(kept.trial, "logits")
    return HandedOver(
        adapted,
        adapted.score(dataset.validation, from_disk, metric=metric),
        adapted.evaluate(dataset.test, metric=metric) if test else None,
        from_disk,
        float(np.abs(from_disk - in_memory).max()),
        bool(np.allclose(from_disk, in_memory, rtol=tolerance, atol=tolerance * np.abs(in_memory).max())),
        sum(path.stat().st_size for path in folder.model.rglob("*") if path.is_file()),
    )


def _with_weights(bench: Bench, variant: Variant, kept: Kept, folder: RunFolder) -> Pretrained:
    """The pre-trained model with what training changed put back, and adapters merged."""
    pretrained = bench.fresh(kept.trial.seed, random_weights=variant.random_weights)
    if variant.adapter is not None:
        # However the weights were rounded, the codes are among what was kept, and are put back.
        form = replace(variant.adapter, rounding="nearest")
        attach(pretrained, replace(variant, adapter=form), kept.trial.seed, device())
    put_back(pretrained.model, kept)
    bench.target.fold(head_modules(pretrained.model, pretrained.anatomy))
    if variant.adapter is not None:
        with _kept_if_full(folder):
            save_adapter(pretrained, variant, folder.path / ADAPTER)
        merge(pretrained.model, into_nf4=variant.adapter.merge == "nf4")
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
