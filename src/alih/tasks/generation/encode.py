"""From conversations to token numbers, with a mask of what is learnt: the answers and what closes them, alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from alih.errors import ModelError
from alih.tasks.generation.conversation import Conversation
from alih.tasks.generation.template import Template, Written, stop_ids, write_out


@dataclass(frozen=True)
class Tokens:
    """One training sequence.

    Args:
        ids: token numbers.
        learnt: for each token, whether it is learnt; the first never is.
    """

    ids: tuple[int, ...]
    learnt: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Tokenized:
    """What became of some conversations.

    Args:
        sequences: of each conversation, in order: none where its answer does not fit, several where the template makes
            several, or a text is cut into parts.
        cut: origins of those whose beginning was cut off.
        dropped: origins of those whose answer alone is longer than the limit.
    """

    sequences: list[tuple[Tokens, ...]]
    cut: tuple[str, ...]
    dropped: tuple[str, ...]


def encode(
    tokenizer: PreTrainedTokenizerBase,
    template: Template,
    conversations: Sequence[Conversation],
    limit: int,
    *,
    skip: int = 0,
) -> Tokenized:
    """Encode conversations of at most `limit` tokens; the first `skip` answers of each are not learnt.

    What is longer loses the beginning of its prompt (a start token stays); where the last answer alone is too long it
    is dropped. Plain text is cut into parts instead, and loses nothing.

    Raises:
        DataError: the template refuses a conversation.
        ModelError: the tokenizer cannot say which characters a token stands for.
    """
    encoded: list[tuple[Tokens, ...]] = []
    cut, dropped = [], []
    ends = stop_ids(tokenizer, template)
    for conversation in conversations:
        sequences: list[Tokens] = []
        for written in write_out(tokenizer, template, conversation, skip):
            sequence = _encode(tokenizer, template, written, ends)
            if len(sequence) <= limit:
                sequences.append(sequence)
            elif conversation.form == "text":
                sequences += _parts(sequence, limit)
            elif (shorter := _shortened(sequence, limit, tokenizer.bos_token_id)) is not None:
                sequences.append(shorter)
                cut.append(conversation.origin)
            else:
                dropped.append(conversation.origin)
        encoded.append(tuple(sequences))
    return Tokenized(encoded, tuple(cut), tuple(dropped))


def prompt_ids(tokenizer: PreTrainedTokenizerBase, text: str, *, chat: bool) -> list[int]:
    """Token numbers of a prompt; a chat template writes its special tokens itself, else the start token is added."""
    ids: Any = tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"]
    start = None if chat else _start(tokenizer)
    return [*([] if start is None else [start]), *ids]


def _encode(tokenizer: PreTrainedTokenizerBase, template: Template, written: Written, ends: tuple[int, ...]) -> Tokens:
    try:
        found: Any = tokenizer(written.text, add_special_tokens=False, return_offsets_mapping=True, verbose=False)
    except NotImplementedError as error:
        raise ModelError(
            "the tokenizer cannot say which characters a token stands for; a model with a tokenizer.json is needed."
        ) from error
    ids = [int(number) for number in found["input_ids"]]
    learnt = [
        any(start < last and max(end, start + 1) > first for first, last in written.learnt)
        for start, end in found["offset_mapping"]
    ]
    if template.source is None and (start_token := _start(tokenizer)) is not None:
        ids, learnt = [start_token, *ids], [False, *learnt]
    if ends and not any(number in ends and told for number, told in zip(ids[-3:], learnt[-3:], strict=True)):
        ids, learnt = [*ids, ends[0]], [*learnt, True]  # an answer must end, or the model never stops
    if learnt:
        learnt[0] = False  # nothing stands before it that it could be told from
    return Tokens(tuple(ids), tuple(learnt))


def _start(tokenizer: PreTrainedTokenizerBase) -> int | None:
    """The start token, where the tokenizer puts one before a text."""
    alone: Any = tokenizer("a")["input_ids"]
    return int(alone[0]) if alone and alone[0] == tokenizer.bos_token_id else None


def _shortened(sequence: Tokens, limit: int, bos: Any) -> Tokens | None:
    """The last `limit` tokens, if at least one token of prompt stays before the last answer."""
    keep = limit - 1 if sequence.ids[0] == bos else limit
    last = len(sequence) - 1
    while last > 0 and sequence.learnt[last - 1]:
        last -= 1  # the last answer begins here
    if last <= len(sequence) - keep:
        return None
    ids, learnt = list(sequence.ids[-keep:]), list(sequence.learnt[-keep:])
    if keep < limit:
        ids, learnt = [sequence.ids[0], *ids], [False, *learnt]
    learnt[0] = False
    return Tokens(tuple(ids), tuple(learnt))


def _parts(sequence: Tokens, limit: int) -> list[Tokens]:
    """Parts of at most `limit` tokens that overlap by the one token that a part starts from."""
    found = []
    for start in range(0, len(sequence) - 1, limit - 1):
        ids = sequence.ids[start : start + limit]
        found.append(Tokens(ids, (False, *([True] * (len(ids) - 1)))))
    return found
