"""The length penalty that the paper's beam search uses (section 6.1, after Wu et al. 2016, arXiv 1609.08144)."""

from __future__ import annotations


class PaperLengthPenalty(float):
    """lp(Y) = ((5 + |Y|) / 6)^α of Wu et al. 2016, equation 14; the paper takes α = 0.6 and four beams.

    transformers divides a hypothesis' log-probability by length ** length_penalty. This number answers that power with
    the formula above, so the beam search stays transformers' own:

        model.generate(**batch, num_beams=4, length_penalty=PaperLengthPenalty(0.6))

    Written into a generation_config.json it becomes the plain number α, which is transformers' own rule again.
    """

    def __rpow__(self, length: float, mod: None = None) -> float:
        """((5 + length) / 6)^α."""
        return float(((5.0 + length) / 6.0) ** float(self))
