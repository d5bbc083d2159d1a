"""What only the first run of a variant on all examples is measured for: each shift alone, forgetting, drift."""

from __future__ import annotations

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from alih.compare.trial import Closer
from alih.data.shift import KINDS
from alih.errors import AlihError
from alih.evaluate.metrics import score
from alih.pretrained.families import head_modules
from alih.pretrained.source import Pretrained, load
from alih.progress import Progress
from alih.routes.base import Adaptation
from alih.routes.bench import SHIFTED_ALONE, Bench
from alih.training.boundary import FEATURES, frozen_outputs
from alih.training.precision import device

#: Built-in models whose source task Alih can draw any number of fresh examples of.
_DRAWN = frozenset({"alih/resnet-small", "alih/vgg-small"})
#: Fresh examples of the source task, and the series they are drawn from: no recipe trains on it.
_SOURCE_EXAMPLES, _SOURCE_SEED = 620, -2
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
    return Closer(
        shifts,
        others,
        forgetting(bench.choice.name, adaptation.pretrained) if trains_backbone else 0.0 if _known(bench) else None,
        drift(bench, adaptation.pretrained) if trains_backbone else None,
    )


def _score(
    bench: Bench, adaptation: Adaptation, metric: str, name: str, rows: NDArray[np.int64] | None = None
) -> float:
    labels = bench.parts[name].examples.known_labels
    found = adaptation.stage.logits(name, rows)
    return score(bench.task, metric, found, labels if rows is None else labels[rows])


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


def _known(bench: Bench) -> bool:
    return bench.choice.name in _DRAWN and _source_before(bench.choice.name) is not None


def forgetting(name: str, adapted: Pretrained) -> float | None:
    """Accuracy on fresh examples of the source task with the adapted backbone under the original head, less before.

    Args:
        name: of the pre-trained model.
        adapted: what became of it.

    Returns:
        None where the source task is not known, or cannot be drawn here.
    """
    before = _source_before(name) if name in _DRAWN else None
    if before is None:
        return None
    original = load(name)
    own_head = {id(tensor) for module in [head_modules(original.model, original.anatomy)] for tensor in _all(module)}
    changed = adapted.model.state_dict()
    with torch.no_grad():
        for key, tensor in [*original.model.named_parameters(), *original.model.named_buffers()]:
            if id(tensor) not in own_head and key in changed:
                tensor.copy_(changed[key].to(tensor.device))
    return _source_accuracy(original) - before


def _all(module: nn.Module) -> list[torch.Tensor]:
    return [*module.parameters(), *module.buffers()]


@cache
def _source_before(name: str) -> float | None:
    try:
        return _source_accuracy(load(name))
    except AlihError:  # the fonts to draw with are an extra
        return None


@torch.no_grad()
def _source_accuracy(model: Pretrained) -> float:
    from alih.vision.pictures import Pictures
    from alih.vision.pretrain import normalised

    pictures, labels = Pictures().draw(_SOURCE_SEED, range(_SOURCE_EXAMPLES))
    module: nn.Module = model.model
    module.to(device()).eval()
    right = 0
    for start in range(0, _SOURCE_EXAMPLES, 124):
        logits = model.model(normalised(pictures[start : start + 124]).to(device())).logits
        right += int((logits.argmax(-1).cpu() == labels[start : start + 124]).sum())
    return right / _SOURCE_EXAMPLES
