"""What a language model learns from: turns of a conversation, a prompt with its completion, or a text."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import sha256
from typing import Literal

Form = Literal["alpaca", "messages", "prompt-completion", "text"]
ASSISTANT, USER, SYSTEM = "assistant", "user", "system"


@dataclass(frozen=True)
class Turn:
    """One message.

    Args:
        role: system, user, assistant or tool.
        content: what was said.
    """

    role: str
    content: str


@dataclass(frozen=True)
class Conversation:
    """One example.

    Args:
        turns: messages in order; a text is one turn of the assistant, a completion a turn of the user and one of the
            assistant.
        origin: "data.jsonl, row 3"; no part of what the example is.
        form: how the row was written.
    """

    turns: tuple[Turn, ...]
    origin: str = field(repr=False, compare=False)
    form: Form

    @property
    def prompt(self) -> tuple[Turn, ...]:
        """What comes before the last answer."""
        return self.turns[:-1]

    @property
    def answer(self) -> str:
        """The last answer."""
        return self.turns[-1].content

    def key(self) -> str:
        """Equal for conversations with the same prompt (texts: the same text), so that a split keeps them together."""
        turns = self.prompt or self.turns
        return sha256(repr([(turn.role, turn.content.strip()) for turn in turns]).encode()).hexdigest()
