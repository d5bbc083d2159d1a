"""The outlook says what more examples would bring, and stays silent where nothing was measured."""

from __future__ import annotations

from alih.compare.curve import LearningCurve, Point
from alih.compare.decide import Decision
from alih.compare.outlook import outlook
from alih.metrics.bootstrap import Difference, Interval
from alih.metrics.names import named


def curve(*scores: float) -> LearningCurve:
    return LearningCurve(named("accuracy"), [Point(100 * 3**power, score, 0.003) for power, score in enumerate(scores)])


def decided(chosen: float, behind: float = 0.005) -> Decision:
    gap = {"finetune": Difference(behind - 0.01, behind, behind + 0.01)}
    scores = {"transfer": Interval(chosen - 0.02, chosen, chosen + 0.02)}
    return Decision("accuracy", "transfer", "transfer", scores, gap, (), ())


def keys(decision: Decision, **curves: LearningCurve | None) -> list[str]:
    return [reason.key for reason in outlook(decision, curves, 900)]


def test_a_curve_that_rises_gains_and_one_that_is_flat_does_not() -> None:
    assert keys(decided(0.9), transfer=curve(0.7, 0.83, 0.9)) == ["gain"]
    assert keys(decided(0.9), transfer=curve(0.9, 0.9, 0.9)) == ["no_gain"]


def test_a_steeper_curve_overtakes_with_more_examples() -> None:
    flat, steep = curve(0.80, 0.82, 0.83), curve(0.55, 0.73, 0.83)
    assert "change" in keys(decided(0.83), transfer=flat, finetune=steep)
    assert "no_change" in keys(decided(0.83), transfer=steep, finetune=flat)


def test_a_rival_that_stopped_early_does_not_overtake_by_less_than_can_be_seen() -> None:
    lone = Decision("accuracy", "transfer", "transfer", {"transfer": Interval(0.90, 0.93, 0.95)}, {}, (), ())
    head, rival = curve(0.92, 0.926, 0.93), curve(0.925, 0.931)
    assert "no_change" in keys(lone, transfer=head, lora=rival)
    assert "change" in keys(lone, transfer=curve(0.80, 0.82, 0.83), lora=curve(0.55, 0.80))


def test_a_perfect_score_and_a_missing_curve_promise_nothing() -> None:
    assert keys(decided(1.0), transfer=curve(1.0, 1.0)) == []
    assert keys(decided(0.9), transfer=None, finetune=curve(0.5, 0.9)) == []


def test_the_number_of_examples_is_told_with_two_digits() -> None:
    [gain] = outlook(decided(0.9), {"transfer": curve(0.7, 0.83, 0.9)}, 900)
    assert gain.say().startswith("More labelled examples: transfer would probably gain 1.0 points with about 1,")
