"""What the trials say of the data: how near the domain of pre-training is, and how far training moved the features."""

from __future__ import annotations

from collections.abc import Mapping

from alih.messages import Diagnosis, Reason

#: Gains of fine-tuning over a new head, as shares of the head's error, from which on the domain is called far.
_FAR = 0.25


def diagnose(scores: Mapping[str, float], examples: int, drifts: Mapping[str, float]) -> list[Diagnosis]:
    """Compare a new head with fine-tuning, and features before and after.

    Args:
        scores: measured scores (higher is better) by route: "transfer", "finetune", on the same number of examples.
        examples: that number.
        drifts: how far training moved the features, by variant; see `alih.compare.trial.Closer`.
    """
    return [*_domain(scores, examples), *_drift(drifts)]


def _drift(drifts: Mapping[str, float]) -> list[Diagnosis]:
    if not drifts:
        return []
    told = {"drifts": ", ".join(f"{label} {value:.3f}" for label, value in drifts.items())}
    return [Diagnosis(Reason("drift_title"), Reason("drift", told))]


def _domain(scores: Mapping[str, float], examples: int) -> list[Diagnosis]:
    """Near or far: is the frozen backbone enough?"""
    if not {"transfer", "finetune"} <= scores.keys():
        return []
    head, tuned = scores["transfer"], scores["finetune"]
    gain = (tuned - head) / max(1.0 - head, 1e-9)
    told = {"head": f"{head:.3f}", "tuned": f"{tuned:.3f}", "share": f"{100 * max(gain, 0.0):.0f}"}
    far = "far" if gain >= _FAR else "near"
    text = Reason(f"domain_{far}", {**told, "examples": f"{examples:,}"})
    return [Diagnosis(Reason(f"domain_{far}_title"), text)]
