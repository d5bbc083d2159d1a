"""The bootstrap's intervals hold what they promise, by simulation and against the normal approximation."""

from __future__ import annotations

import numpy as np
import pytest

from alih.evaluate import bootstrap
from alih.evaluate.bootstrap import differences, interval
from alih.task import Kind, Modality, Task

TWO = Task(Modality.TEXT, Kind.SINGLE, ("no", "yes"))


def answers(right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logits that are right exactly where `right` says so, and labels."""
    labels = np.arange(right.shape[-1]) % 2
    guess = np.where(right, labels, 1 - labels)
    return np.eye(2, dtype=np.float32)[guess.astype(int)], labels


def test_the_interval_of_an_accuracy_equals_the_normal_approximation() -> None:
    right = np.arange(1000) % 5 != 0
    found = interval(TWO, "accuracy", *answers(right))
    half = 1.96 * np.sqrt(0.8 * 0.2 / 1000)
    assert found.point == pytest.approx(0.8)
    assert (found.low, found.high) == pytest.approx((0.8 - half, 0.8 + half), abs=0.004)


def test_the_stated_95_percent_hold_in_simulation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_RESAMPLES", 300)
    generator = np.random.default_rng(0)
    found = [interval(TWO, "accuracy", *answers(generator.random(150) < 0.8), seed=i) for i in range(200)]
    held = np.mean([one.low <= 0.8 <= one.high for one in found])
    assert 0.89 <= held <= 0.99


def test_equal_systems_are_rarely_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_RESAMPLES", 300)
    generator = np.random.default_rng(1)
    told = 0
    for number in range(150):
        first, labels = answers(generator.random(150) < 0.8)
        second, _ = answers(generator.random(150) < 0.8)
        told += differences(TWO, "accuracy", first, [second], labels, seed=number)[0].distinguishable
    assert told / 150 <= 0.09


def test_a_clear_difference_is_found_with_its_sign() -> None:
    good, labels = answers(np.arange(300) % 10 != 0)
    bad, _ = answers(np.arange(300) % 2 == 0)
    found = differences(TWO, "accuracy", good, [bad], labels)[0]
    assert found.distinguishable
    assert found.point == pytest.approx(0.4)
    assert found.low > 0.3


def test_pairing_narrows_the_interval_of_systems_that_err_together() -> None:
    generator = np.random.default_rng(2)
    right = generator.random(400) < 0.7
    almost = right.copy()
    almost[:10] = ~almost[:10]
    unrelated = generator.permutation(right)
    (first, labels), (second, _), (third, _) = answers(right), answers(almost), answers(unrelated)
    together, apart = (differences(TWO, "accuracy", first, [other], labels)[0] for other in (second, third))
    assert together.high - together.low < 0.6 * (apart.high - apart.low)


def test_the_level_is_corrected_for_the_number_of_comparisons() -> None:
    first, labels = answers(np.arange(100) % 4 != 0)
    second, _ = answers(np.arange(100) % 3 != 0)
    alone = differences(TWO, "accuracy", first, [second], labels)[0]
    among = differences(TWO, "accuracy", first, [second] * 5, labels)[0]
    assert (alone.level, among.level) == pytest.approx((0.95, 0.99))
    assert among.high - among.low > alone.high - alone.low


def test_seeds_that_disagree_widen_the_interval() -> None:
    steady = np.stack([answers(np.arange(200) % 5 != 0)[0]] * 3)
    shaky = np.stack([answers(np.arange(200) < n)[0] for n in (120, 160, 200)])
    labels = np.arange(200) % 2
    one, other = (interval(TWO, "accuracy", logits, labels) for logits in (steady, shaky))
    assert other.point == pytest.approx(one.point)
    assert other.high - other.low > 1.3 * (one.high - one.low)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "log_loss", "calibration_error"])
def test_every_metric_has_an_interval_around_its_score_and_repeats_by_seed(metric: str) -> None:
    logits, labels = answers(np.arange(120) % 5 != 0)
    first, again = (interval(TWO, metric, logits, labels, seed=3) for _ in range(2))
    assert first == again
    assert first.low <= first.point <= first.high or metric == "calibration_error"
