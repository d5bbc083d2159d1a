"""Variants stop when they cannot be chosen any more, and not before; seeds go where they can change something."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alih.compare.decide import Prefer
from alih.compare.plan import Standing, contested, stops
from alih.metrics.base import Floats
from alih.metrics.classification import ACCURACY, table
from alih.metrics.names import named
from alih.task import Kind

COUNT = 600
LABELS = np.arange(COUNT) % 2


def statistics(accuracy: float, start: int = 0, metric: str = "accuracy") -> Floats:
    """Wrong on a run of examples from `start` on."""
    wrong = (np.arange(COUNT) - start) % COUNT < round((1 - accuracy) * COUNT)
    logits = 4 * np.eye(2, dtype=np.float32)[np.where(wrong, 1 - LABELS, LABELS)]
    return table(named(metric), Kind.SINGLE, "ny", logits, LABELS)


def standing(label: str, rank: int, scores: dict[int, float]) -> Standing:
    return Standing(label, rank, {size: statistics(score) for size, score in scores.items()})


def stopped(*standings: Standing, prefer: Prefer = "cheap", full_size: int = 900) -> dict[str, str]:
    return {stop.label: stop.rival for stop in stops(ACCURACY, standings, full_size, prefer=prefer)}


def test_what_is_far_behind_and_rises_slowly_stops() -> None:
    good = standing("transfer", 0, {100: 0.80, 300: 0.88, 900: 0.92})
    poor = standing("scratch", 1, {100: 0.52, 300: 0.56})
    assert stopped(good, poor) == {"scratch": "transfer"}


def test_what_is_behind_but_rises_fast_goes_on() -> None:
    flat = standing("transfer", 0, {100: 0.80, 300: 0.82, 900: 0.83})
    steep = standing("finetune", 1, {100: 0.55, 300: 0.78})
    assert "finetune" not in stopped(flat, steep)


def test_a_dearer_variant_that_can_only_equal_a_cheaper_one_stops_unless_the_best_is_wanted() -> None:
    cheap = standing("transfer", 0, {100: 0.900, 300: 0.930, 900: 0.945})
    dear = standing("finetune", 1, {100: 0.870, 300: 0.905})
    assert stopped(cheap, dear) == {"finetune": "transfer"}
    level = standing("finetune", 1, {100: 0.870, 300: 0.915})
    assert stopped(cheap, level, prefer="best") == {}


def test_a_cheap_variant_that_falls_behind_beyond_chance_stops() -> None:
    cheap = standing("transfer", 0, {100: 0.60, 300: 0.61})
    dear = standing("finetune", 1, {100: 0.80, 300: 0.90})
    assert stopped(cheap, dear) == {"transfer": "finetune"}


def test_a_dearer_variant_that_promises_next_to_nothing_stops() -> None:
    # At the ceiling: what is dearer may well come out ahead, but by no more than a fraction of a point.
    cheap = standing("transfer", 0, {100: 0.980, 300: 0.990, 900: 0.9933})
    dear = standing("finetune", 1, {100: 0.980, 300: 0.9917})
    [stop] = stops(ACCURACY, [cheap, dear], 900, prefer="balanced")
    assert stop.label == "finetune"
    assert stop.gain is not None
    assert "points over transfer on average" in str(stop)


@pytest.mark.parametrize("prefer", ["cheap", "balanced", "best"])
def test_nothing_goes_on_against_a_cheaper_one_that_is_right_about_everything(prefer: Prefer) -> None:
    perfect = standing("transfer", 0, {100: 0.95, 900: 1.0})
    dear = standing("finetune", 1, {100: 1.0})
    [stop] = stops(ACCURACY, [perfect, dear], 900, prefer=prefer)
    assert (stop.label, stop.rival) == ("finetune", "transfer")
    assert "right about every validation example" in str(stop)
    # On a part of the examples only, it may get worse with more.
    part = stops(ACCURACY, [standing("transfer", 0, {100: 0.95, 300: 1.0}), dear], 900, prefer=prefer)
    assert not any(stop.perfect for stop in part)


def test_the_last_one_never_stops() -> None:
    assert stopped(standing("transfer", 0, {100: 0.5})) == {}
    rivals = [standing(name, rank, {100: 0.5 + rank / 10, 300: 0.5 + rank / 10}) for rank, name in enumerate("abcd")]
    assert len(stopped(*rivals)) < 4


def test_one_size_says_little() -> None:
    ahead, behind = standing("transfer", 0, {100: 0.85}), standing("finetune", 1, {100: 0.78})
    assert stopped(ahead, behind) == {}


def finalists(*runs: tuple[str, float, int], seeds: int = 1, metric: str = "accuracy") -> dict[str, Floats]:
    return {name: np.stack([statistics(score, start, metric)] * seeds) for name, score, start in runs}


def rivals(**options: Any) -> set[str]:
    """Of 600 examples the dear one gets `gain` points more, on others: about 1.8 standard errors apart at 3 points."""
    gain = options.pop("gain")
    some = finalists(
        ("transfer", 0.90, 0),
        ("finetune", 0.90 + gain / 100, 60),
        ("scratch", 0.60, 0),
        seeds=options.pop("ran", 1),
        metric=(metric := options.pop("metric", "accuracy")),
    )
    return contested(named(metric), some, seeds=3, prefer=options.pop("prefer", "cheap"))


def test_seeds_go_to_those_that_stand_near_the_point_where_the_choice_changes() -> None:
    assert rivals(gain=4) == {"transfer", "finetune"}


def test_no_seeds_where_either_choice_is_as_good() -> None:
    some = finalists(("transfer", 0.996, 0), ("finetune", 0.999, 60))
    assert contested(ACCURACY, some, seeds=3, prefer="balanced") == set()
    assert contested(ACCURACY, some, seeds=3, prefer="best") == {"transfer", "finetune"}


@pytest.mark.parametrize("gain", [0.5, 9])
def test_no_seeds_where_they_could_not_change_the_choice(gain: float) -> None:
    assert rivals(gain=gain) == set()


def test_the_preference_says_where_that_point_is() -> None:
    assert rivals(gain=0.5, prefer="best") == {"transfer", "finetune"}
    assert rivals(gain=4, prefer="best") == set()
    assert rivals(gain=1.5, prefer="balanced") == {"transfer", "finetune"}


def test_seeds_that_agree_end_it() -> None:
    assert rivals(gain=3, ran=1) == {"transfer", "finetune"}
    assert rivals(gain=3, ran=2) == set()


def test_it_holds_for_a_metric_where_less_is_better() -> None:
    assert "scratch" not in rivals(gain=4, metric="log_loss")
