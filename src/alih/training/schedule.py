"""The learning rate over a training run: linear warm-up and decay, or equation 3 of the Transformer paper."""

from __future__ import annotations

import math
from typing import Literal

#: "linear" rises to the peak and falls to zero; "inverse-root" rises to the peak and falls with the root of the step.
Schedule = Literal["linear", "inverse-root"]


def share_of_peak(step: int, total: int, warmup: float) -> float:
    """Return the learning rate of step `step` (0 … total − 1) as a share of the peak rate.

    With w = ⌈warmup · total⌉ steps of warm-up the share rises as (step + 1) / w, then falls as
    (total − step) / (total − w): no step is spent at rate zero, and step w, the first after the warm-up, is at the
    peak.

    Args:
        step: the step, from 0.
        total: steps of the whole run.
        warmup: share of the steps that warm up, from 0 up to, not including, 1.
    """
    rising = min(math.ceil(warmup * total), total - 1)
    if step < rising:
        return (step + 1) / rising
    return (total - step) / (total - rising)


def inverse_root(step: int, total: int, warmup: float) -> float:
    """The same after equation 3 of "Attention is all you need": min(s / w, √(w / s)) at s = step + 1.

    Args:
        step: the step, from 0.
        total: steps of the whole run.
        warmup: w as a share of `total`; more than 1 where a run ends before the peak.
    """
    rising = max(1, round(warmup * total))
    return min((step + 1) / rising, math.sqrt(rising / (step + 1)))
