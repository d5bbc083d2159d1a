"""Data requirement: how many training examples a variant needs to score as it does with all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alih.compare.contender import Contender
from alih.compare.curve import LearningCurve
from alih.compare.trial import Trial
from alih.metrics.base import Floats, Metric
from alih.metrics.bootstrap import Bootstrap


@dataclass(frozen=True)
class Requirement:
    """How many training examples are enough.

    Args:
        examples: the smallest measured size from which on no score can be told from that on all examples.
        low: lower end of the 95 % interval of that number, by the learning curve.
        high: its upper end.
    """

    examples: int
    low: int
    high: int


def enough_examples(
    contender: Contender,
    metric: Metric,
    statistics: Callable[[Trial], Floats],
    groups: Sequence[str] | None = None,
    curve: LearningCurve | None = None,
) -> Requirement | None:
    """The smallest size from which on no score can be told from that on all examples; None where no curve was measured.

    The runs are compared in pairs, on the same validation examples and with the same seed, at 95 % for all sizes
    together.

    Args:
        contender: the variant, with its trials.
        metric: the metric that decides.
        statistics: the table (n, k) of a trial's validation examples.
        groups: of the validation examples.
        curve: its learning curve; without one the interval is the measured size alone.
    """
    if not contender.full or len(contender.curve) < 2:
        return None
    *smaller, whole = contender.curve
    smaller.reverse()
    gaps = Bootstrap(metric, [statistics(trial) for trial in (whole, *smaller)], groups).differences()
    enough, refuted = whole.examples, 0
    for trial, gap in zip(smaller, gaps, strict=True):
        worse = gap.low > 0 if metric.higher_is_better else gap.high < 0
        if worse:
            refuted = trial.examples
            break
        enough = trial.examples
    if curve is None:
        return Requirement(enough, enough, enough)
    # Between the sizes that were measured the curve tells: where it is as far below as these examples can just show.
    noise = (gaps[0].high - gaps[0].low) / 2
    low, _, high = curve.examples_for(-noise)
    low = max(min(enough, round(low)), refuted + 1)  # what was measured to be too few is not in it
    return Requirement(enough, low, max(enough, round(min(high, whole.examples))))
