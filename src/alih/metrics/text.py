"""Metrics of written answers: exact match (all of it, or the final answer), token F1, ROUGE-L, perplexity."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np

from alih.metrics.base import Floats, Metric, mean_of, means

_WORD = re.compile(r"\w+")
#: Marks behind which the final answer stands: the end of the thinking; GSM8K's (Cobbe et al. 2021, arXiv 2110.14168);
#: what models write of themselves.
_MARKS = ("</think>", "####")
_SAYS = re.compile(r"\b(?:the answer is|jawabannya(?: adalah)?|jadi,? jawabannya)\b[:\s]*", re.IGNORECASE)
#: The largest cross-entropy whose exponential is a number.
_MOST_NATS = 700.0


def _perplexity(sums: Floats) -> Floats:
    """exp(nats / tokens): among how many tokens the model is as if choosing."""
    return np.asarray(np.exp(np.minimum(sums[..., 0] / np.maximum(sums[..., 1], 1e-12), _MOST_NATS)))


EXACT_MATCH = mean_of("exact_match", is_share=True, in_points=True)
FINAL_ANSWER = mean_of("final_answer", is_share=True, in_points=True)
TOKEN_F1 = mean_of("token_f1", in_points=True)
ROUGE_L = mean_of("rouge_l", in_points=True)
#: Of reference answers; its table is (nats, tokens) an example.
PERPLEXITY = Metric("perplexity", _perplexity, higher_is_better=False)
METRICS: Final[tuple[Metric, ...]] = (EXACT_MATCH, FINAL_ANSWER, TOKEN_F1, ROUGE_L, PERPLEXITY)


def statistics(written: Sequence[str], references: Sequence[str]) -> dict[str, Floats]:
    """The tables (n, 2) of every metric of written answers, by name; perplexity has its own from the model's losses."""
    return {
        metric.name: means([measure(text, right) for text, right in zip(written, references, strict=True)])
        for metric, measure in _MEASURES.items()
    }


def exact_match(written: str, reference: str) -> float:
    """1 where both are the same text, white space at the ends and between words aside."""
    return float(written.split() == reference.split())


def final_match(written: str, reference: str) -> float:
    """1 where both come to the same answer, whatever reasoning stands before it; see `final_answer`."""
    return float(final_answer(written) == final_answer(reference))


def final_answer(text: str) -> str:
    """What a text comes to: what stands behind its reasoning, in lower case, without a full stop or quotes."""
    for mark in _MARKS:
        text = text.rpartition(mark)[2]
    text = _SAYS.split(text)[-1]
    return " ".join(text.casefold().split()).strip(" .\"'`*")


def token_f1(written: str, reference: str) -> float:
    """Harmonic mean of precision and recall of the words, counted with repetition.

    As for SQuAD (Rajpurkar et al. 2016, arXiv 1606.05250, section 6.1), which removes articles, too; they are kept
    here, since other languages have none or others. Two texts without words are the same.
    """
    ours, theirs = words(written), words(reference)
    return _f1(sum((Counter(ours) & Counter(theirs)).values()), ours, theirs)


def rouge_l(written: str, reference: str) -> float:
    """F1 of the longest common subsequence of words (Lin 2004, "ROUGE", section 3, equations 2 to 4, β = 1)."""
    ours, theirs = words(written), words(reference)
    return _f1(longest_common(ours, theirs), ours, theirs)


def words(text: str) -> list[str]:
    """Words in lower case, without punctuation."""
    return _WORD.findall(text.casefold())


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


_MEASURES: Final[dict[Metric, Callable[[str, str], float]]] = {
    EXACT_MATCH: exact_match,
    FINAL_ANSWER: final_match,
    TOKEN_F1: token_f1,
    ROUGE_L: rouge_l,
}
