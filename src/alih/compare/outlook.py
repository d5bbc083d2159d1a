"""The outlook: what more labelled examples would bring, and whether they would change the choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from alih.compare.contender import Contender
from alih.compare.curve import LearningCurve, Point, Prediction
from alih.compare.decide import Decision
from alih.compare.trial import Trial
from alih.messages import Reason
from alih.metrics.base import Floats, Metric
from alih.metrics.bootstrap import Bootstrap

#: What is worth asking for: one point of metrics between 0 and 1, a tenth of the error of others.
_POINT, _SHARE = 0.01, 0.1
#: How many times the examples there are the choice is predicted for.
_TIMES = (2, 4, 8)
#: A gain that needs more than so many times the examples there are is not foreseen.
_FAR = 100


def learning_curve(
    contender: Contender, metric: Metric, statistics: Callable[[Trial], Floats], groups: Sequence[str] | None = None
) -> LearningCurve | None:
    """A variant's learning curve, from its trials of one seed; None where fewer than two sizes were measured.

    Args:
        contender: the variant, with its trials.
        metric: the metric that decides.
        statistics: the table (n, k) of a trial's validation examples.
        groups: of the validation examples.
    """
    trials = contender.curve
    if len(trials) < 2:
        return None
    points = []
    for trial in trials:
        bootstrap = Bootstrap(metric, [statistics(trial)], groups)
        sure = bootstrap.interval(level=0.6827)
        whole = bootstrap.interval()
        deviation = (sure.high - sure.low) / 2
        points.append(Point(trial.examples, whole.point, deviation, (whole.low, whole.high)))
    return LearningCurve(metric, points)


def predicted(curve: LearningCurve | None, examples: int) -> Prediction | None:
    """What a variant would score with so many examples; None without a curve."""
    return None if curve is None else curve.predict(examples)


def outlook(decision: Decision, curves: dict[str, LearningCurve | None], examples: int) -> list[Reason]:
    """What more examples would bring, in words.

    Args:
        decision: what was decided on the examples there are.
        curves: of the variants, by label.
        examples: training examples there are.
    """
    curve = curves.get(decision.chosen)
    if curve is None:
        return []
    return [*_gain(decision, curve, examples), *_change(decision, curves, examples)]


def _gain(decision: Decision, curve: LearningCurve, examples: int) -> list[Reason]:
    metric, score = curve.metric, decision.scores[decision.chosen].point
    error = 1.0 - score if metric.higher_is_better else score
    gain = _POINT if metric.in_points else _SHARE * error
    if gain <= 0 or error <= gain:
        return []
    low, point, high = curve.examples_for(gain)
    told: dict[str, str | Reason] = {"chosen": decision.chosen}
    told["gain"] = Reason("points", {"value": "1.0"}) if metric.in_points else f"{gain:.3g}"
    if not point < _FAR * examples:
        return [Reason("no_gain", told)]
    told["examples"], told["low"] = _rounded(point), _rounded(low)
    return [Reason("gain", {**told, "high": _rounded(high) if math.isfinite(high) else "∞"})]


def _change(decision: Decision, curves: dict[str, LearningCurve | None], examples: int) -> list[Reason]:
    """The smallest multiple of the examples at which another variant would probably be distinguishably better."""
    chosen = curves[decision.chosen]
    assert chosen is not None
    sign = chosen.metric.sign
    others = {label: curve for label, curve in curves.items() if label != decision.chosen and curve is not None}
    for times in _TIMES:
        mine = sign * chosen.predict(times * examples).point
        ahead = {label: sign * curve.predict(times * examples).point - mine for label, curve in others.items()}
        if ahead and max(ahead.values()) > decision.resolution:
            label = max(ahead, key=lambda one: ahead[one])
            return [
                Reason("change", {"other": label, "examples": _rounded(times * examples), "chosen": decision.chosen})
            ]
    return [Reason("no_change", {"times": str(_TIMES[-1])})] if others else []


def _rounded(value: float) -> str:
    """Two digits: more would pretend to know."""
    return f"{float(f'{value:.2g}'):,.0f}" if math.isfinite(value) else "∞"
