"""Sentences to token ids: sources with what the model must be told, targets by the target side's vocabulary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from alih.tasks.translation.languages import Direction
from alih.tasks.translation.training import EncodedPairs

#: Characters a token has at most on the average; what is beyond is not even looked at, so that a book costs nothing.
_CHARACTERS = 40


def encode_pairs(
    tokenizer: PreTrainedTokenizerBase, pairs: Sequence[tuple[str, str]], direction: Direction, longest: int
) -> EncodedPairs:
    """Encode both sides, cut to `longest` tokens; which pairs were cut is told, so that nothing is learnt from them."""
    if not pairs:
        return EncodedPairs([], _pad(tokenizer))
    most = longest * _CHARACTERS
    sources: list[list[int]] = tokenizer(
        [direction.prefix + source[:most] for source, _ in pairs], verbose=False
    ).input_ids
    targets: list[list[int]] = tokenizer(text_target=[target[:most] for _, target in pairs], verbose=False).input_ids
    long = [max(len(s), len(t)) > longest for s, t in zip(sources, targets, strict=True)]
    cut = [(_cut(s, longest), _cut(t, longest)) for s, t in zip(sources, targets, strict=True)]
    return EncodedPairs(cut, _pad(tokenizer), np.array(long, dtype=np.bool_))


def _cut(ids: list[int], longest: int) -> list[int]:
    """At most so many tokens, the end token kept."""
    return ids if len(ids) <= longest else [*ids[: longest - 1], ids[-1]]


def _pad(tokenizer: PreTrainedTokenizerBase) -> int:
    return tokenizer.pad_token_id if isinstance(tokenizer.pad_token_id, int) else 0


@dataclass(frozen=True)
class EncodedSources:
    """Token ids of sentences, and what is to be said of them.

    Args:
        ids: of each sentence, end token included.
        cut: rows whose end was cut off.
        unknown: what the vocabulary does not know, by row.
    """

    ids: list[list[int]]
    cut: list[int]
    unknown: dict[int, str]


def encode_sources(
    tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], direction: Direction, longest: int
) -> EncodedSources:
    """Encode sentences to translate, cut to `longest` tokens."""
    rough = [direction.prefix + text[: longest * _CHARACTERS] for text in texts]
    whole: list[list[int]] = tokenizer(rough, verbose=False).input_ids if rough else []
    ids: list[list[int]] = []
    cut = []
    for row, (text, tokens) in enumerate(zip(texts, whole, strict=True)):
        if len(tokens) > longest:
            ids.append(_shortened(tokenizer, rough[row], longest))
            cut.append(row)
        else:
            ids.append(tokens)
            if len(text) > longest * _CHARACTERS:
                cut.append(row)
    unknown = {}
    if tokenizer.unk_token_id is not None:
        for row, tokens in enumerate(ids):
            if tokenizer.unk_token_id in tokens:
                unknown[row] = _unknown(tokenizer, texts[row])
    return EncodedSources(ids, cut, unknown)


def _shortened(tokenizer: PreTrainedTokenizerBase, text: str, longest: int) -> list[int]:
    """The first tokens of a text, its end token kept."""
    ids: list[int] = tokenizer(text, truncation=True, max_length=longest).input_ids
    return ids


def _unknown(tokenizer: PreTrainedTokenizerBase, text: str) -> str:
    """What the vocabulary does not know in a text: words or characters, each once."""
    options: dict[str, Any] = {"add_special_tokens": False}
    unknown = tokenizer.unk_token_id
    if tokenizer.is_fast:
        encoded = tokenizer(text, return_offsets_mapping=True, **options)
        spans = [
            span for number, span in zip(encoded.input_ids, encoded.offset_mapping, strict=True) if number == unknown
        ]
        found = [text[start:end].strip() for start, end in spans]
    else:
        found = [one for one in text if not one.isspace() and unknown in tokenizer(one, **options).input_ids]
    return " ".join(dict.fromkeys(one for one in found if one))
