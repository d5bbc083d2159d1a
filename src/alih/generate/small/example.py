"""What one example of the small language model's data is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A prompt and the answer to it, or a plain text.

    Args:
        kind: what it exercises: "passage", "absent", "addition", …; figures are given by it.
        prompt: what the user says; empty for a plain text.
        answer: what the model says; worked steps, if any, stand in front between <think> and </think>.
    """

    kind: str
    prompt: str
    answer: str

    @property
    def result(self) -> str:
        """The answer without its worked steps."""
        return final_answer(self.answer)


def final_answer(text: str) -> str:
    """What stands after </think>; all of it where there are no worked steps."""
    return text.rpartition("</think>")[2].strip()
