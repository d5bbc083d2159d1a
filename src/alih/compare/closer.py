"""What only the first run of a variant on all examples is measured for: each shift alone, forgetting, drift."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from alih.compare.forgetting import is_drawn, pictures_forgotten, text_forgotten
from alih.compare.trial import Closer
from alih.metrics.base import Metric
from alih.pretrained.open import Pretrained
from alih.progress import Progress
from alih.routes.base import Variant
from alih.tasks.bench import SHIFTED_ALONE, Adaptation, Bench, other_part
from alih.training.activations import Activations
from alih.training.boundary import FEATURES, frozen_outputs

#: Validation rows that the drift is measured on.
_DRIFT_ROWS = 256


def look_closer(bench: Bench, variant: Variant, adaptation: Adaptation, metric: Metric) -> Closer:
    """Measure it.

    Args:
        bench: where the data are.
        variant: what was adapted.
        adaptation: the adapted model.
        metric: the metric that decides.
    """
    shifts: dict[str, float] = {}
    if bench.task.shifts:
        rows = np.arange(min(len(bench.parts["judged"].encoded), SHIFTED_ALONE), dtype=np.int64)
        before = _score(bench, adaptation, metric, "judged", rows)
        shifts = {kind: _score(bench, adaptation, metric, kind) - before for kind in bench.task.shifts}
    others = {name: _score(bench, adaptation, metric, other_part(name)) for name in bench.others}
    if variant.random_weights:
        return Closer(shifts, others)
    trains_backbone = variant.trainable_blocks > 0
    name, adapted = bench.choice.name, adaptation.pretrained
    return Closer(
        shifts,
        others,
        pictures_forgotten(name, adapted) if trains_backbone else 0.0 if is_drawn(name) else None,
        drift(bench, adapted) if trains_backbone else None,
        _text_forgotten(variant, adapted, bench.general),
    )


def _text_forgotten(variant: Variant, adapted: Pretrained, general: str | None) -> float | None:
    if adapted.model.main_input_name != "input_ids":
        return None
    if variant.prompt is not None and adapted.writes:
        return 0.0  # the language model itself, unchanged
    return text_forgotten(adapted, general)


def _score(
    bench: Bench, adaptation: Adaptation, metric: Metric, name: str, rows: NDArray[np.int64] | None = None
) -> float:
    examples = bench.parts[name].examples
    predictions = adaptation.stage.predict(name, rows)
    statistics = bench.task.statistics(predictions, examples if rows is None else examples.select(rows))
    return metric.score(statistics[metric.name])


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
    lengths = part.encoded.lengths[rows]
    before, after = (_vectors(one.at(FEATURES), rows, lengths) for one in (part.frozen, frozen))
    return 1.0 - linear_cka(before, after)


def _vectors(features: Activations, rows: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.float32]:
    """Features of the rows, one vector an example; where a head reads every token, one a token."""
    found: NDArray[np.float32] = features.collate(rows).numpy()
    if not features.ragged:
        return found.reshape(len(found), -1)
    return found[np.arange(found.shape[1]) < lengths[:, None]]


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
