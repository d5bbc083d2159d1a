"""What only the first run of a variant on all examples is measured for: each shift alone, forgetting, drift."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alih.compare.forgetting import is_drawn, pictures_forgotten, text_forgotten
from alih.compare.trial import Closer
from alih.data.shift import KINDS
from alih.metrics.classification import table
from alih.metrics.names import named
from alih.pretrained.open import Pretrained
from alih.progress import Progress
from alih.routes.base import Adaptation
from alih.routes.bench import SHIFTED_ALONE, Bench
from alih.task import Modality
from alih.training.boundary import FEATURES, frozen_outputs

#: Validation rows that the drift is measured on.
_DRIFT_ROWS = 256


def look_closer(bench: Bench, adaptation: Adaptation, metric: str) -> Closer:
    """Measure it.

    Args:
        bench: where the data are.
        adaptation: the adapted model.
        metric: the metric that decides.
    """
    rows = np.arange(min(len(bench.parts["validation"].encoded), SHIFTED_ALONE), dtype=np.int64)
    before = _score(bench, adaptation, metric, "validation", rows)
    shifts = {kind: _score(bench, adaptation, metric, kind) - before for kind in KINDS[bench.task.modality]}
    others = {name: _score(bench, adaptation, metric, name) for name in bench.others}
    trains_backbone = adaptation.variant.trainable_blocks > 0 and not adaptation.variant.random_weights
    if adaptation.variant.random_weights:
        return Closer(shifts, others)
    name = bench.choice.name
    return Closer(
        shifts,
        others,
        pictures_forgotten(name, adaptation.pretrained) if trains_backbone else 0.0 if is_drawn(name) else None,
        drift(bench, adaptation.pretrained) if trains_backbone else None,
        text_forgotten(adaptation.pretrained, bench.general) if bench.dataset.task.modality is Modality.TEXT else None,
    )


def _score(
    bench: Bench, adaptation: Adaptation, metric: str, name: str, rows: NDArray[np.int64] | None = None
) -> float:
    labels = bench.parts[name].examples.known_labels
    found = adaptation.stage.logits(name, rows)
    known, task = named(metric), bench.task
    return known.score(table(known, task.kind, task.classes, found, labels if rows is None else labels[rows]))


def drift(bench: Bench, adapted: Pretrained) -> float | None:
    """1 − linear CKA between the features before and after adapting; None where those before were not kept."""
    part = bench.parts["validation"]
    if part.frozen is None or FEATURES not in part.frozen.boundaries:
        return None
    rows = np.arange(min(len(part.encoded), _DRIFT_ROWS), dtype=np.int64)
    frozen = frozen_outputs(
        adapted,
        part.encoded.select(rows),
        [FEATURES],
        cache=None,
        progress=Progress(quiet=True),
        batch_size=4 * bench.batch_size,
        precision=bench.precision,
    )
    before, after = part.frozen.at(FEATURES).collate(rows), frozen.at(FEATURES).collate(rows)
    return 1.0 - linear_cka(before.flatten(1).numpy(), after.flatten(1).numpy())


def linear_cka(first: NDArray[np.floating], second: NDArray[np.floating]) -> float:
    """‖X̄ᵀȲ‖² / (‖X̄ᵀX̄‖ ‖ȲᵀȲ‖) of centred features, in Frobenius norms: 1 for equal ones up to rotation and scale.

    Kornblith et al. 2019, arXiv 1905.00414, equation 5.

    Args:
        first: (n, p).
        second: (n, q).
    """
    x = first.astype(np.float64) - first.mean(axis=0, dtype=np.float64)
    y = second.astype(np.float64) - second.mean(axis=0, dtype=np.float64)
    across = np.linalg.norm(x.T @ y) ** 2
    own = np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y)
    return float(across / own) if own > 0 else 1.0
