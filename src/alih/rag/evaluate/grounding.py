"""How often groundedness by overlap is wrong, measured on the questions themselves.

A claim is made of a question and its right answer: the passage that holds the answer should support it. The same
question with the right answer to another question is a claim that the passage should not support.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from alih.rag.evaluate.matching import holds
from alih.rag.evaluate.questions import Question
from alih.rag.opened import Opened
from alih.rag.support import SUPPORTED

_MANY = 10_000


@dataclass(frozen=True)
class GroundingError:
    """How often support by overlap is wrong.

    Args:
        missed: share of true claims that count as unsupported.
        accepted: share of false claims that count as supported.
        true_claims, false_claims: how many were tried.
    """

    missed: float
    accepted: float
    true_claims: int
    false_claims: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def grounding_error(library: Opened, questions: Sequence[Question]) -> GroundingError | None:
    """Try claims made of questions that have both answers and sources; None where there are none."""
    support = library.support
    true: list[bool] = []
    false: list[bool] = []
    usable = [one for one in questions if one.answers and one.relevant]
    for number, one in enumerate(usable):
        answers = one.answers or ()
        texts = [text for document in one.relevant for text in texts_of(library, document)]
        passage = next((text for text in texts if holds(text, answers)), None)
        if passage is None:
            continue
        told = next(answer for answer in answers if holds(passage, [answer]))
        true.append(support.of(f"{one.text} {told}", passage) >= SUPPORTED)
        others = (usable[(number + step) % len(usable)].answers or ("",) for step in range(1, len(usable)))
        other = next((some[0] for some in others if not holds(passage, [some[0]])), None)
        if other is not None:
            false.append(support.of(f"{one.text} {other}", passage) >= SUPPORTED)
    if not true or not false:
        return None
    return GroundingError(1 - sum(true) / len(true), sum(false) / len(false), len(true), len(false))


def texts_of(library: Opened, document: str) -> list[str]:
    """The passages of a document, in order."""
    return [text for _, text in library.catalogue.neighbours(document, 0, _MANY)]
