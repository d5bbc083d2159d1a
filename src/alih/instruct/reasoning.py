"""Reasoning before the answer: how it is begun, where it ends, and the vote over several of them."""

from __future__ import annotations

import re
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
#: Marks behind which the final answer stands: the end of the thinking; GSM8K's (Cobbe et al. 2021, arXiv 2110.14168);
#: what models write of themselves.
_MARKS = ("</think>", "####")
_SAYS = re.compile(r"\b(?:the answer is|jawabannya(?: adalah)?|jadi,? jawabannya)\b[:\s]*", re.IGNORECASE)


def final_answer(text: str) -> str:
    """What a text comes to: what stands behind its reasoning, in lower case, without a full stop or quotes."""
    for mark in _MARKS:
        text = text.rpartition(mark)[2]
    text = _SAYS.split(text)[-1]
    return " ".join(text.casefold().split()).strip(" .\"'`*")


def vote(answers: Sequence[str]) -> tuple[str, float]:
    """Self-consistency: of several answers, the first one with the commonest final answer (not an empty one).

    Wang et al. 2022, arXiv 2203.11171, section 2.

    Args:
        answers: drawn for one prompt; one at least.

    Returns:
        That answer, and the share of the answers that agree with it.
    """
    finals = [final_answer(text) for text in answers]
    counts = Counter(final for final in finals if final) or Counter(finals)
    best = max(counts, key=lambda final: (counts[final], -finals.index(final)))
    return answers[finals.index(best)], counts[best] / len(answers)
