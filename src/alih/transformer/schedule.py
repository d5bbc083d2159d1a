"""The learning rate of section 5.3: it rises over the warm-up and falls with the root of the step."""

from __future__ import annotations


def learning_rate(step: int, d_model: int, warmup: int = 4000, scale: float = 1.0) -> float:
    """Equation 3: d^−½ · min(step^−½, step · warmup^−3/2), times `scale` (the paper has 1).

    Args:
        step: from 1.
        d_model: width of the model.
        warmup: steps until the peak.
        scale: factor on the whole.
    """
    return float(scale * d_model**-0.5 * min(step**-0.5, step * warmup**-1.5))
