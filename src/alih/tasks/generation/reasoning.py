"""Reasoning before the answer: how it is begun, where it ends, and the vote over several of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, Literal

Reasoning = Literal["auto", "think", "steps", "off"]

#: What an answer begins with: nothing of ours; a reasoning model's thinking; steps, for models that were never taught
#: to think (zero-shot chain of thought: Kojima et al. 2022, arXiv 2205.11916, section 3); thinking that is over.
BEGINNINGS: Final[dict[Reasoning, str]] = {
    "auto": "",
    "think": "<think>",
    "steps": "Let's think step by step.",
    "off": "<think></think>",
}


def vote(answers: Sequence[str]) -> tuple[str, float]:
    """Self-consistency: of several answers, the first one with the commonest final answer (not an empty one).

    Wang et al. 2022, arXiv 2203.11171, section 2.

    Args:
        answers: drawn for one prompt; one at least.

    Returns:
        That answer, and the share of the answers that agree with it.
    """
    from alih.metrics.text import final_answer  # numpy is not loaded for the names of the beginnings

    finals = [final_answer(text) for text in answers]
    counts = Counter(final for final in finals if final) or Counter(finals)
    best = max(counts, key=lambda final: (counts[final], -finals.index(final)))
    return answers[finals.index(best)], counts[best] / len(answers)
