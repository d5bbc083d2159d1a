"""The paper's length penalty for beam search (arXiv 1706.03762, section 6.1)."""

from __future__ import annotations


class GnmtLengthPenalty(float):
    """GNMT's penalty as a value of transformers' `length_penalty`: `generate(length_penalty=GnmtLengthPenalty(0.6))`.

    The paper ranks a finished hypothesis Y by log P(Y | X) / lp(Y) with lp(Y) = ((5 + |Y|) / 6)^α (Wu et al. 2016,
    arXiv 1609.08144, equation 14) and α = 0.6; transformers divides by |Y|^α, which favours long hypotheses more: from 5 to
    10 tokens it grows by 2^α, GNMT's by 1.5^α. |Y| counts the generated tokens, the end token among them.

    transformers computes `length ** length_penalty`, and Python asks the right operand when the left, an int, cannot
    take the power itself: this number answers with lp. Everything else in beam search stays transformers' own. Saved in
    a generation config it is the plain number α.

    Args:
        alpha: 0 ranks by the probability alone; the paper's is 0.6.
    """

    def __rpow__(self, length: float, modulus: None = None, /) -> float:  # type: ignore[override]
        """Lp of a hypothesis of `length` tokens."""
        return float(((5.0 + length) / 6.0) ** float(self))
