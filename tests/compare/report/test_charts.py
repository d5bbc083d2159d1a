"""Charts show every point where it belongs, say it in words, and are well-formed whatever the data."""

from __future__ import annotations

from dataclasses import replace
from xml.etree.ElementTree import Element, fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.compare.report.charts import learning_curves, legend, losses, pareto, probe_by_depth, reliability
from alih.compare.report.data import Candidate, Choice, Curve, CurvePoint, Epoch, History, Sure
from alih.compare.report.matrix import heat_map, pairs
from alih.compare.report.words import Words
from alih.tasks.evidence import Bin, Calibration, Confusion
from compare.report.samples import full

EN = Words("en")
SCORES = st.floats(0, 1)


def with_class(chart: Element, name: str) -> list[Element]:
    return [one for one in chart.iter() if name in one.get("class", "").split()]


def described(chart: Element) -> str:
    title, description = chart.findtext("title"), chart.findtext("desc")
    assert title
    assert chart.get("role") == "img"
    assert chart.get("aria-labelledby") == " ".join(one.get("id", "") for one in chart[:2])
    return description or ""


def test_learning_curves_have_a_marker_a_point_and_a_band_a_curve() -> None:
    chart = fromstring(learning_curves(full().curves, {"word0": 0, "word1": 1, "word2": 2}, "accuracy", EN))
    assert len(with_class(chart, "marker")) == 6
    assert len(with_class(chart, "band")) == 3
    assert "word1: 20 → 0.700, 80 → 0.900" in described(chart)


def test_a_curve_without_intervals_has_no_band() -> None:
    curve = Curve("a", (CurvePoint(10, 0.5), CurvePoint(100, 0.7), CurvePoint(1000, 0.8, 0.7, 0.9)))
    chart = fromstring(learning_curves([curve], {"a": 0}, "accuracy", EN))
    assert not with_class(chart, "band")
    assert len(with_class(chart, "whisker")) == 1
    x = [float(one.get("cx", "")) for one in with_class(chart, "marker")]
    assert x[1] - x[0] == pytest.approx(x[2] - x[1], abs=0.02)


@given(st.lists(st.tuples(st.integers(1, 10**7), SCORES), min_size=1, max_size=6))
def test_any_learning_curve_is_drawn(points: list[tuple[int, float]]) -> None:
    curve = Curve("a<b", tuple(CurvePoint(size, score) for size, score in sorted(points)))
    chart = fromstring(learning_curves([curve], {"a<b": 9}, "r2", EN))
    assert len(with_class(chart, "marker")) == len(points)


def test_the_pareto_chart_marks_front_dominated_and_chosen() -> None:
    choice = full().choice
    assert choice is not None
    chart = fromstring(pareto(choice, {"word0": 0, "word1": 1, "word2": 2}, EN))
    assert len(with_class(chart, "hollow")) == 1
    assert len(with_class(chart, "ring")) == 1
    assert "word2: 0.700, 27 s" in described(chart)


def test_the_front_steps_to_lower_scores_where_lower_is_better() -> None:
    found = tuple(Candidate(f"{s}", Sure(score), s, True) for s, score in ((1.0, 0.9), (2.0, 0.5), (3.0, 0.7)))
    choice = Choice("log_loss", "1.0", higher_is_better=False, candidates=found)
    chart = fromstring(pareto(choice, {one.label: 0 for one in found}, EN))
    (front,) = with_class(chart, "front")
    y = [float(point.split(",")[1]) for point in front.get("points", "").split()]
    assert len(y) == 3
    assert y[-1] > y[0]  # down the page


@given(st.lists(SCORES, min_size=2, max_size=60))
def test_the_probe_has_one_filled_marker_at_its_best_depth(scores: list[float]) -> None:
    chart = fromstring(probe_by_depth(scores, "accuracy", EN))
    markers = with_class(chart, "marker")
    assert len(markers) == len(scores)
    filled = [at for at, one in enumerate(markers) if "hollow" not in one.get("class", "")]
    assert filled == [scores.index(max(scores))]


@given(st.lists(st.tuples(SCORES, SCORES, st.integers(1, 1000)), min_size=1, max_size=15))
def test_a_calibrated_bin_is_on_the_diagonal(bins: list[tuple[float, float, int]]) -> None:
    chart = fromstring(reliability(Calibration(tuple(Bin(*one) for one in bins), 0.1), EN))
    (diagonal,) = with_class(chart, "diagonal")
    x1, y1, x2, y2 = (float(diagonal.get(name, "")) for name in ("x1", "y1", "x2", "y2"))
    for dot, (confidence, accuracy, _) in zip(with_class(chart, "dot"), bins, strict=True):
        x, y = float(dot.get("cx", "")), float(dot.get("cy", ""))
        line = y1 + (x - x1) / (x2 - x1) * (y2 - y1)
        if abs(confidence - accuracy) < 1e-6:
            assert y == pytest.approx(line, abs=0.05)
        elif abs(confidence - accuracy) > 0.01:
            assert (y < line) == (accuracy > confidence)  # above the diagonal: better than it thinks


@given(st.lists(st.tuples(st.none() | st.floats(-5, 1e6), st.none() | st.floats(0, 1e6)), min_size=2, max_size=20))
def test_any_history_is_drawn(told: list[tuple[float | None, float | None]]) -> None:
    epochs = tuple(Epoch(at, *values) for at, values in enumerate(told, start=1))
    chart = fromstring(losses(History("a", epochs, 2), 3, EN))
    assert len(with_class(chart, "kept")) == 1
    assert len(with_class(chart, "line")) == sum(any(one[at] is not None for one in told) for at in (0, 1))


def test_the_heat_map_has_every_count_and_no_zero() -> None:
    confusion = Confusion(("cat", "a dog & more of a long name", "<b>"), ((5, 1, 0), (2, 7, 0), (0, 0, 100)))
    chart = fromstring(heat_map(confusion, EN))
    assert [one.text for one in with_class(chart, "count")] == ["5", "1", "2", "7", "100"]
    assert "a dog & more of a long name → cat: 2 (22%)" in [one.text for one in chart.iter("title")]
    assert described(chart[0]) == "a dog & more of a long name → cat: 2, cat → a dog & more of a long name: 1"


def test_long_names_with_one_beginning_stay_different() -> None:
    names = ("transfer_not_received_by_recipient", "transfer_not_received_at_all")
    chart = fromstring(heat_map(Confusion(names, ((1, 0), (0, 1))), EN))
    ticks = [one.text for one in with_class(chart, "tick")]
    assert len(set(ticks)) == 2
    assert all(len(tick or "") <= 14 for tick in ticks)


def test_confused_pairs_come_by_falling_count() -> None:
    confusion = Confusion(("a", "b", "c"), ((1, 3, 0), (0, 0, 0), (3, 1, 0)))
    assert pairs(confusion) == [("a", "b", 3, 0.75), ("c", "a", 3, 0.75), ("c", "b", 1, 0.25)]
    assert pairs(confusion, 1) == [("a", "b", 3, 0.75)]


def test_a_perfect_matrix_says_so() -> None:
    chart = fromstring(heat_map(replace(Confusion(("a", "b"), ((2, 0), (0, 2)))), EN))
    assert described(chart[0]) == "No class was taken for another."


def test_the_legend_names_every_series() -> None:
    found = fromstring(legend(["a<", "b"], {"a<": 0, "b": 1}))
    assert ["".join(item.itertext()) for item in found] == ["a<", "b"]
