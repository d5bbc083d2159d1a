"""Splits conversations into training, validation and test; equal prompts stay on one side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from alih.data.messages import counted
from alih.errors import DataError
from alih.tasks.generation.conversation import Conversation

#: Shares where the user names none, and most examples of validation and test then.
_SHARE, _MOST = 0.1, 500


@dataclass(frozen=True)
class Split:
    """Conversations by what they are for."""

    train: list[Conversation]
    validation: list[Conversation]
    test: list[Conversation]

    @property
    def sizes(self) -> dict[str, int]:
        """Examples by split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}


def split(
    conversations: Sequence[Conversation],
    seed: int,
    validation: float | None = None,
    test: float | None = None,
    max_examples: int | None = None,
) -> Split:
    """Split by the seed; conversations with the same prompt are never in two parts.

    Raises:
        DataError: fewer than three different prompts.
    """
    groups: dict[str, list[Conversation]] = {}
    for conversation in conversations:
        groups.setdefault(conversation.key(), []).append(conversation)
    if len(groups) < 3:
        raise DataError(
            f"{counted(len(groups), 'different example')}: at least 3 are needed to train, to choose and to test. "
            "Add some."
        )
    keys = list(groups)
    order = [keys[place] for place in np.random.default_rng(seed).permutation(len(keys))]
    held = [_count(len(keys), share) for share in (test, validation)]
    parts = (order[: held[0]], order[held[0] : sum(held)], order[sum(held) :])
    tested, chosen, learnt = ([one for key in part for one in groups[key]] for part in parts)
    return Split(learnt[:max_examples], chosen, tested)


def _count(total: int, share: float | None) -> int:
    wanted = round(total * (_SHARE if share is None else share))
    most = max(1, (total - 1) // 2)
    return max(1, min(wanted, most, _MOST if share is None else most))
