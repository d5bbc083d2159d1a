"""Predicted scores hold what they promise on curves of known form."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alih.compare.curve import LearningCurve, Point
from alih.metrics.names import named


def law(a: float, b: float, c: float, examples: float) -> float:
    return 1.0 - (a * examples**-b + c)


def test_a_curve_passes_near_its_points_and_rises() -> None:
    points = [Point(n, law(3.0, 0.5, 0.05, n), 0.005) for n in (100, 300, 900)]
    curve = LearningCurve(named("accuracy"), points)
    for point in points:
        assert curve.predict(point.examples).point == pytest.approx(point.score, abs=0.02)
    ahead = [curve.predict(n).point for n in (900, 2700, 8100)]
    assert ahead == sorted(ahead)


def test_the_stated_95_percent_hold_for_curves_of_all_kinds() -> None:
    generator = np.random.default_rng(0)
    held = []
    for seed in range(150):
        b, c = 0.33 * np.exp(0.6 * generator.standard_normal()), generator.uniform(0, 0.15)
        a = generator.uniform(0.2, 0.6) * 100**b
        noise = 0.01
        points = [Point(n, law(a, b, c, n) + noise * generator.standard_normal(), noise) for n in (100, 300)]
        predicted = LearningCurve(named("accuracy"), points, seed=seed).predict(900)
        held.append(predicted.low <= law(a, b, c, 900) <= predicted.high)
    assert 0.9 <= np.mean(held) <= 1.0


def test_one_point_predicts_no_less_than_itself_and_is_unsure() -> None:
    curve = LearningCurve(named("accuracy"), [Point(100, 0.6, 0.02)])
    found = curve.predict(900)
    assert 0.55 < found.low < 0.65 < found.point < found.high <= 1.0
    assert found.high - found.low > 0.15


def test_more_points_make_it_surer() -> None:
    def width(count: int) -> float:
        sizes = [100 * 3**power for power in range(count)]
        found = LearningCurve(named("accuracy"), [Point(n, law(2.0, 0.4, 0.02, n), 0.004) for n in sizes]).predict(
            24_300
        )
        return found.high - found.low

    assert width(4) < width(3) < width(1)


def test_an_error_falls_where_a_score_rises() -> None:
    points = [Point(100, 2.0, 0.05), Point(300, 1.5, 0.05)]
    assert LearningCurve(named("rmse"), points).predict(900).point < 1.5
    assert LearningCurve(named("r2"), [Point(100, -0.5, 0.1), Point(300, 0.2, 0.05)]).predict(900).point > 0.2


def test_the_examples_for_a_gain_reach_it() -> None:
    points = [Point(n, law(3.0, 0.5, 0.02, n), 0.003) for n in (100, 300, 900)]
    curve = LearningCurve(named("accuracy"), points)
    low, needed, high = curve.examples_for(0.02)
    true = (3.0 / (3.0 * 900**-0.5 - 0.02)) ** 2
    assert low < true < high
    assert curve.predict(needed).point == pytest.approx(points[-1].score + 0.02, abs=0.01)
    assert curve.examples_for(0.9)[1] == np.inf


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.integers(1, 10**6), st.floats(-3, 1), st.floats(0, 0.5)), min_size=1, max_size=5),
    st.sampled_from(["accuracy", "r2", "log_loss"]),
)
def test_any_points_give_finite_ordered_predictions(told: list[tuple[int, float, float]], metric: str) -> None:
    points = [Point(n, abs(score) if metric != "r2" else score, spread) for n, score, spread in told]
    found = LearningCurve(named(metric), points).predict(10**5)
    assert found.low <= found.point <= found.high
    assert np.isfinite([found.low, found.point, found.high]).all()
