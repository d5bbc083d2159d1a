"""How well written answers fit: exact match (all of it, or the final answer), token F1, ROUGE-L, with intervals."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from alih.instruct.reasoning import final_answer

_WORD = re.compile(r"\w+")
_SAMPLES = 1000


def words(text: str) -> list[str]:
    """Words in lower case, without punctuation."""
    return _WORD.findall(text.casefold())


def exact_match(written: str, reference: str) -> float:
    """1 where both are the same text, white space at the ends and between words aside."""
    return float(written.split() == reference.split())


def final_match(written: str, reference: str) -> float:
    """1 where both come to the same answer, whatever reasoning stands before it; see `final_answer`."""
    return float(final_answer(written) == final_answer(reference))


def token_f1(written: str, reference: str) -> float:
    """Harmonic mean of precision and recall of the words, counted with repetition.

    As for SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250, section 6.1), which removes articles, too; they are kept
    here, since other languages have none or others. Two texts without words are the same.
    """
    return _f1(sum((Counter(words(written)) & Counter(words(reference))).values()), words(written), words(reference))


def rouge_l(written: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (Lin 2004, "ROUGE", section 3, equations 2 to 4, β = 1)."""
    ours, theirs = words(written), words(reference)
    return _f1(longest_common(ours, theirs), ours, theirs)


def longest_common(first: Sequence[str], second: Sequence[str]) -> int:
    """Length of the longest common subsequence."""
    before = [0] * (len(second) + 1)
    for word in first:
        now = [0]
        for place, other in enumerate(second):
            now.append(before[place] + 1 if word == other else max(before[place + 1], now[place]))
        before = now
    return before[-1]


def _f1(common: int, ours: Sequence[str], theirs: Sequence[str]) -> float:
    if not ours and not theirs:
        return 1.0
    return 2 * common / (len(ours) + len(theirs))  # the harmonic mean of common / ours and common / theirs


#: Metrics of written answers, by name; perplexity is of the reference answers.
MEASURES: Final[Mapping[str, Callable[[str, str], float]]] = {
    "exact_match": exact_match,
    "final_answer": final_match,
    "token_f1": token_f1,
    "rouge_l": rouge_l,
}


@dataclass(frozen=True)
class Scores:
    """Scores of a set of examples.

    Args:
        examples: how many there are.
        answered: how many of them were answered and compared; 0 for plain text.
        means: of exact_match, final_answer, token_f1 and rouge_l; empty for plain text.
        intervals: 95 % bootstrap intervals of the means.
        loss: mean cross-entropy of the reference answers, nats a token.
    """

    examples: int
    answered: int
    means: Mapping[str, float]
    intervals: Mapping[str, tuple[float, float]]
    loss: float

    @property
    def perplexity(self) -> float:
        """Exponential of the loss: among how many tokens the model is as if choosing."""
        return math.exp(min(self.loss, 700.0)) if math.isfinite(self.loss) else float("nan")

    def value(self, metric: str) -> float:
        """One metric."""
        return self.perplexity if metric == "perplexity" else self.means[metric]

    def as_dict(self) -> dict[str, Any]:
        """JSON-able data."""
        return {
            "examples": self.examples,
            "answered": self.answered,
            "metrics": {**self.means, "perplexity": self.perplexity, "cross_entropy": self.loss},
            "intervals": {name: list(both) for name, both in self.intervals.items()},
        }

    def __str__(self) -> str:
        lines = [f"{self.examples:,} examples" + (f", {self.answered:,} answered" if self.answered else "")]
        for name, mean in self.means.items():
            low, high = self.intervals[name]
            lines.append(f"{name:<12} {mean:.4f}   95 % interval {low:.4f} to {high:.4f}")
        lines.append(f"perplexity   {self.perplexity:.3f}   ({self.loss:.4f} nats a token)")
        return "\n".join(lines)


def score(examples: int, written: Sequence[str], references: Sequence[str], loss: float) -> Scores:
    """Compare written answers with references."""
    means: dict[str, float] = {}
    intervals: dict[str, tuple[float, float]] = {}
    if written:
        drawn = np.random.default_rng(0).integers(0, len(written), (_SAMPLES, len(written)))
        for name, measure in MEASURES.items():
            each = np.array([measure(ours, theirs) for ours, theirs in zip(written, references, strict=True)])
            low, high = np.percentile(each[drawn].mean(axis=1), [2.5, 97.5])
            means[name], intervals[name] = float(each.mean()), (float(low), float(high))
    return Scores(examples, len(written), means, intervals, loss)
