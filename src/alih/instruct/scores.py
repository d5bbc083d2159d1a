"""Scores of written answers and of the reference answers' perplexity, with intervals; as text and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from alih.metrics import text
from alih.metrics.bootstrap import Interval, interval
from alih.metrics.names import named


@dataclass(frozen=True)
class Scores:
    """Scores of a set of examples.

    Args:
        examples: how many there are.
        answered: how many of them were answered and compared; 0 for plain text.
        intervals: of each metric with its score: exact_match, final_answer, token_f1 and rouge_l of what was answered,
            perplexity of all reference answers.
        loss: mean cross-entropy of the reference answers, nats a token.
    """

    examples: int
    answered: int
    intervals: Mapping[str, Interval]
    loss: float

    def value(self, metric: str) -> float:
        """One metric."""
        return self.intervals[metric].point

    @property
    def values(self) -> dict[str, float]:
        """Every metric."""
        return {name: found.point for name, found in self.intervals.items()}

    @property
    def perplexity(self) -> float:
        """Exponential of the loss: among how many tokens the model is as if choosing."""
        return self.value("perplexity")

    def as_dict(self) -> dict[str, Any]:
        """JSON-able data."""
        return {
            "examples": self.examples,
            "answered": self.answered,
            "metrics": {**self.values, "cross_entropy": self.loss},
            "intervals": {name: [found.low, found.high] for name, found in self.intervals.items()},
        }

    def __str__(self) -> str:
        lines = [f"{self.examples:,} examples" + (f", {self.answered:,} answered" if self.answered else "")]
        for name, found in self.intervals.items():
            nats = f"   ({self.loss:.4f} nats a token)" if name == "perplexity" else ""
            lines.append(f"{name:<12} {found.point:.4f}   95 % interval {found.words('.4f')}{nats}")
        return "\n".join(lines)


def score(
    examples: int, written: Sequence[str], references: Sequence[str], losses: Sequence[Sequence[float]]
) -> Scores:
    """Compare written answers with references.

    Args:
        examples: how many there are, plain texts included.
        written: answers; none for plain text.
        references: as many.
        losses: of each example, the cross-entropy of its reference answer in nats, and of how many tokens.
    """
    tables = {**(text.statistics(written, references) if written else {}), text.PERPLEXITY.name: np.array(losses)}
    nats, tokens = np.sum(losses, axis=0)
    intervals = {name: interval(named(name), table) for name, table in tables.items()}
    return Scores(examples, len(written), intervals, float(nats / tokens) if tokens else float("nan"))
