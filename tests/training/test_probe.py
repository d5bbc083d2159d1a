"""The probe finds the depth at which a task becomes linear."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.preprocessing import StandardScaler

from alih.training.boundary import Frozen
from alih.training.probe import probe_by_depth


def _depths(seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Depth 0 is noise, depth 1 holds half of the answer, depth 2 all of it."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, 400)
    noise = random.normal(size=(400, 16))
    half = noise + 3 * np.eye(16)[labels // 2]
    whole = 5 + 100 * (noise + 6 * np.eye(16)[labels])
    return [array.astype(np.float32) for array in (noise, half, whole)], labels


def test_scores_rise_where_the_answer_appears() -> None:
    (train, y), (validation, truth) = _depths(0), _depths(1)
    scores = probe_by_depth(Frozen({}, train), y, Frozen({}, validation), truth)
    assert scores[0] == pytest.approx(0.25, abs=0.08)
    assert scores[1] == pytest.approx(0.45, abs=0.1)
    assert scores[2] > 0.95


def test_a_probe_is_as_good_as_sklearns_ridge_classifier() -> None:
    (train, y), (validation, truth) = _depths(0), _depths(1)
    scores = probe_by_depth(Frozen({}, train), y, Frozen({}, validation), truth)
    scaler = StandardScaler().fit(train[1])
    reference = RidgeClassifier(alpha=40).fit(scaler.transform(train[1]), y)
    assert scores[1] == pytest.approx(reference.score(scaler.transform(validation[1]), truth), abs=0.03)


def test_several_labels_and_numbers_are_probed_too() -> None:
    (train, y), (validation, truth) = _depths(0), _depths(1)
    one_hot = np.eye(4, dtype=np.float32)
    several = probe_by_depth(Frozen({}, train), one_hot[y], Frozen({}, validation), one_hot[truth])
    numbers = probe_by_depth(Frozen({}, train), y.astype("f"), Frozen({}, validation), truth.astype("f"))
    assert several[0] < several[2]
    assert numbers[0] < 0.1
    assert numbers[2] > 0.9


def test_constant_features_and_classes_unseen_in_training_are_no_trouble() -> None:
    features = [np.ones((20, 3), dtype=np.float32)]
    scores = probe_by_depth(Frozen({}, features), np.arange(20) % 2, Frozen({}, features), np.arange(20) % 3)
    assert 0 <= scores[0] <= 1


def test_outputs_without_a_probe_are_refused() -> None:
    with pytest.raises(ValueError, match="without the probe"):
        probe_by_depth(Frozen({}, None), np.zeros(1), Frozen({}, None), np.zeros(1))
