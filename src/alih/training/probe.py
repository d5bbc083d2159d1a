"""How much of the task each depth of a frozen model already holds: a quick linear probe on every block's mean output.

Linear classifier probes: Alain and Bengio 2016, arXiv 1610.01644.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alih.training.boundary import Frozen

#: Ridge penalties to choose from, as shares of the number of examples (features have unit variance).
_PENALTIES = (1e-3, 1e-2, 1e-1, 1.0)
#: Training examples a probe uses at most.
_MOST_EXAMPLES = 5000


def probe_by_depth(
    frozen_train: Frozen,
    train_labels: NDArray[np.generic],
    frozen_validation: Frozen,
    validation_labels: NDArray[np.generic],
) -> list[float]:
    """Return the validation score of a linear probe at every depth: input of block 0, 1, …, output of the last block.

    Ridge regression onto the labels (one-hot for classes) in closed form, on standardised features; the penalty is
    chosen on a fifth of the training examples. The score is accuracy for single-label, the share of right 0/1 entries
    for multi-label and R² for regression.

    Args:
        frozen_train: outputs of the training examples, with the probe.
        train_labels: their labels, as in `Examples.labels`.
        frozen_validation: outputs of the validation examples, with the probe.
        validation_labels: their labels.

    Raises:
        ValueError: the probe was not asked for when the outputs were computed.
    """
    if frozen_train.probe is None or frozen_validation.probe is None:
        raise ValueError("the frozen outputs were computed without the probe")
    order = np.random.default_rng(0).permutation(len(train_labels))[:_MOST_EXAMPLES]
    labels = np.asarray(train_labels)[order]
    depths = zip(frozen_train.probe, frozen_validation.probe, strict=True)
    return [_score(train[order], labels, validation, np.asarray(validation_labels)) for train, validation in depths]


def _score(
    train: NDArray[np.float32],
    labels: NDArray[np.generic],
    validation: NDArray[np.float32],
    truth: NDArray[np.generic],
) -> float:
    held_out = max(1, len(train) // 5)
    choices: Sequence[float] = _PENALTIES
    if len(train) > 5:
        fitted = [_predict(train[held_out:], labels[held_out:], train[:held_out], penalty) for penalty in _PENALTIES]
        scores = [_agreement(found, labels[:held_out], labels) for found in fitted]
        choices = [_PENALTIES[int(np.argmax(scores))]]
    return _agreement(_predict(train, labels, validation, choices[-1]), truth, labels)


def _predict(
    features: NDArray[np.float32], labels: NDArray[np.generic], others: NDArray[np.float32], penalty: float
) -> NDArray[np.float64]:
    """Ridge regression in closed form: W = (XᵀX + λnI)⁻¹ Xᵀ(Y − ȳ); returns (others, targets)."""
    x = features.astype(np.float64)
    centre, scale = x.mean(0), x.std(0)
    scale[scale < 1e-8] = np.inf  # constant features say nothing
    x = (x - centre) / scale
    y = _targets(labels)
    mean = y.mean(0)
    weights = np.linalg.solve(x.T @ x + penalty * len(x) * np.eye(x.shape[1]), x.T @ (y - mean))
    found: NDArray[np.float64] = (others - centre) / scale @ weights + mean
    return found


def _targets(labels: NDArray[np.generic]) -> NDArray[np.float64]:
    if not np.issubdtype(labels.dtype, np.integer):
        return labels.astype(np.float64).reshape(len(labels), -1)
    return np.eye(int(np.asarray(labels, dtype=np.int64).max()) + 1)[np.asarray(labels, dtype=np.int64)]


def _agreement(found: NDArray[np.float64], truth: NDArray[np.generic], labels: NDArray[np.generic]) -> float:
    if np.issubdtype(labels.dtype, np.integer):
        return float((found.argmax(1) == truth).mean())
    if truth.ndim == 2:
        return float(((found > 0.5) == (np.asarray(truth, dtype=np.float64) > 0.5)).mean())
    values = np.asarray(truth, dtype=np.float64)
    spread = float(((values - values.mean()) ** 2).sum())
    return 1.0 - float(((found[:, 0] - values) ** 2).sum()) / spread if spread > 0 else 0.0
