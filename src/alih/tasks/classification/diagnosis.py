"""The data diagnosis: probable label errors, contradictions, imbalance, and the depth that holds what a task needs."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from alih.data.examples import Examples, fingerprints
from alih.messages import Diagnosis, Reason
from alih.task import Kind, Task

#: Folds of the cross-validation, and examples it is made on at most.
_FOLDS, _MOST_EXAMPLES = 5, 3000
#: Items named one by one.
_NAMED = 10
#: A class this many times rarer than the commonest, or with so few examples, is said to be rare.
_RARE_TIMES, _RARE_COUNT = 10, 10
#: Standard errors that two probes have to be apart to be told apart.
_APART = 1.96


def diagnose(
    task: Task,
    train: Examples,
    features: NDArray[np.floating] | None,
    probe: Sequence[float],
    *,
    validation: int | None = None,
    seed: int = 0,
) -> list[Diagnosis]:
    """Look at the training data.

    Args:
        task: what is predicted.
        train: the training split.
        features: what the frozen backbone makes of it, (n, width); None where there is nothing frozen.
        probe: score of a linear probe by depth.
        validation: examples that the probe was scored on; None where that is not known.
        seed: of the folds.
    """
    found = [*_contradictions(train), *_imbalance(task, train)]
    if features is not None and task.kind is Kind.SINGLE:
        found += _label_errors(task, train, features, seed)
    return [*found, *_depth(probe, validation)]


def _contradictions(train: Examples) -> list[Diagnosis]:
    """Equal inputs with different labels."""
    labels: dict[str, set[bytes]] = defaultdict(set)
    where: dict[str, list[str]] = defaultdict(list)
    for mark, label, origin in zip(fingerprints(train), train.known_labels, train.origins, strict=True):
        labels[mark].add(np.asarray(label).tobytes())
        where[mark].append(origin)
    items = [" = ".join(where[mark][:4]) for mark, several in labels.items() if len(several) > 1]
    if not items:
        return []
    text = Reason("contradictions", {"count": f"{len(items):,}"})
    return [Diagnosis(Reason("contradictions_title"), text, "warning", tuple(items[:_NAMED]))]


def _imbalance(task: Task, train: Examples) -> list[Diagnosis]:
    if task.kind is not Kind.SINGLE:
        return []
    counts = np.bincount(np.asarray(train.known_labels, dtype=np.int64), minlength=len(task.classes))
    most = counts.max()
    rare = [i for i in np.argsort(counts, kind="stable") if counts[i] < _RARE_COUNT or counts[i] * _RARE_TIMES < most]
    if not rare:
        return []
    text = Reason("imbalance", {"rare": str(len(rare)), "classes": str(len(task.classes)), "most": f"{most:,}"})
    items = tuple(f"{task.classes[i]}: {counts[i]:,}" for i in rare[:_NAMED])
    return [Diagnosis(Reason("imbalance_title"), text, "warning", items)]


def _label_errors(task: Task, train: Examples, features: NDArray[np.floating], seed: int) -> list[Diagnosis]:
    """Examples that a linear model, trained on others, is sure belong to another class: confident learning.

    Northcutt, Jiang and Chuang 2021, arXiv 1911.00068, section 3: an example counts where the probability of another
    class exceeds the mean probability that examples of that class have of it.
    """
    rows = np.sort(np.random.default_rng(seed).permutation(len(train))[:_MOST_EXAMPLES])
    labels = np.asarray(train.known_labels, dtype=np.int64)[rows]
    counts = np.bincount(labels, minlength=len(task.classes))
    rows, labels = rows[counts[labels] >= _FOLDS], labels[counts[labels] >= _FOLDS]
    present = np.unique(labels)
    if len(present) < 2:
        return []
    folds = StratifiedKFold(_FOLDS, shuffle=True, random_state=seed)
    model = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    chances = cross_val_predict(model, features[rows], labels, cv=folds, method="predict_proba")
    column = {int(name): index for index, name in enumerate(present)}
    own = np.array([column[int(label)] for label in labels])
    thresholds = np.array([chances[own == index, index].mean() for index in range(len(present))])
    above = np.where(chances >= thresholds, chances, 0.0)
    taken = above.argmax(axis=1)
    wrong = np.flatnonzero((above.max(axis=1) > 0) & (taken != own))
    if len(wrong) == 0:
        return []
    margin = chances[wrong, taken[wrong]] - chances[wrong, own[wrong]]
    order = wrong[np.argsort(-margin, kind="stable")]
    items = [
        f"{train.origins[rows[i]]}: {task.classes[labels[i]]} → {task.classes[int(present[taken[i]])]} "
        f"({100 * chances[i, taken[i]]:.0f} %)"
        for i in order[:_NAMED]
    ]
    told = {"count": f"{len(wrong):,}", "examples": f"{len(rows):,}", "share": f"{100 * len(wrong) / len(rows):.1f}"}
    return [Diagnosis(Reason("label_errors_title"), Reason("label_errors", told), "note", tuple(items))]


def _depth(probe: Sequence[float], validation: int | None) -> list[Diagnosis]:
    """Which depth holds what the task needs."""
    if len(probe) < 2:
        return []
    best = int(np.argmax(probe))
    told = {"depth": str(best), "depths": str(len(probe) - 1)}
    told |= {"score": f"{probe[best]:.3f}", "last": f"{probe[-1]:.3f}"}
    key = "depth_last" if best == len(probe) - 1 else "depth"
    if key == "depth" and validation and 0 < probe[best] <= 1:
        error = math.sqrt(sum(share * (1 - share) for share in (probe[best], probe[-1])) / validation)
        if probe[best] - probe[-1] < _APART * max(error, 1 / validation):
            key, told["examples"] = "depth_level", f"{validation:,}"
    return [Diagnosis(Reason("depth_title"), Reason(key, told))]
