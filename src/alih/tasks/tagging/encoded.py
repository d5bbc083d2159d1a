"""Words and sub-words: sentences as the model reads them, and what it says of each word."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedTokenizerBase

from alih.data.batch import EncodedTexts, Indices
from alih.errors import ModelError
from alih.tasks.tagging.sentences import Sentence
from alih.training.choice import Outputs

#: A sub-word that is not learnt, as PyTorch's cross-entropy marks it; and a word of which the model sees no sub-word.
IGNORED, UNSEEN = -100, -1


class EncodedSentences(EncodedTexts):
    """Sub-words, and the place of each word's first one.

    Args:
        texts: the sub-words.
        firsts: of each sentence, the place of each word's first sub-word; `UNSEEN` for words that were cut off.
    """

    def __init__(self, texts: EncodedTexts, firsts: Sequence[NDArray[np.int64]]) -> None:
        self.__dict__.update(texts.__dict__)
        self.firsts = firsts

    def select(self, indices: Indices) -> EncodedSentences:
        """Return the sentences at `indices`, in that order."""
        return EncodedSentences(super().select(indices), [self.firsts[int(row)] for row in indices])


def encode(
    tokenizer: PreTrainedTokenizerBase, sentences: Sequence[Sentence], max_length: int | None
) -> EncodedSentences:
    """Tokenise sentences and find where their words begin.

    Raises:
        ModelError: the tokenizer does not say which characters its tokens are.
    """
    if not tokenizer.is_fast:
        raise ModelError(
            f"{tokenizer.name_or_path}: its tokenizer gives no offsets. Take a model with a tokenizer.json."
        )
    made = tokenizer(
        [sentence.text for sentence in sentences],
        truncation=max_length is not None,
        max_length=max_length,
        return_offsets_mapping=True,
        verbose=False,
    )
    firsts = [_firsts(*pair) for pair in zip(sentences, made["offset_mapping"], strict=True)]
    lengths = np.array([len(row) for row in made["input_ids"]], dtype=np.int64)
    types = made.get("token_type_ids")
    texts = EncodedTexts(
        np.concatenate([np.asarray(row, dtype=np.int32) for row in made["input_ids"]]),
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        None if types is None else np.concatenate([np.asarray(row, dtype=np.int8) for row in types]),
        tokenizer.pad_token_id if isinstance(tokenizer.pad_token_id, int) else 0,
        sum(bool(encoding.overflowing) for encoding in made.encodings),
    )
    return EncodedSentences(texts, firsts)


def _firsts(sentence: Sentence, offsets: Sequence[tuple[int, int]]) -> NDArray[np.int64]:
    """The first sub-word that holds a character of each word; one that holds several words is the first one's alone."""
    found = np.full(len(sentence.words), UNSEEN, dtype=np.int64)
    place = 0
    for word, (first, end) in enumerate(sentence.words):
        while place < len(offsets) and _end(sentence.text, *offsets[place]) <= first:
            place += 1
        if place < len(offsets) and offsets[place][0] < end:
            found[word] = place
            place += 1
    return found


def _end(text: str, start: int, end: int) -> int:
    """Where a sub-word's last visible character ends; special tokens and white space end nowhere."""
    return start + len(text[start:end].rstrip()) if text[start:end].strip() else -1


def labels(sentences: Sequence[Sentence], encoded: EncodedSentences, tags: Sequence[str]) -> NDArray[np.int64]:
    """The tag's number at each word's first sub-word, `IGNORED` at every other place: (n, most sub-words)."""
    found = np.full((len(sentences), int(encoded.lengths.max(initial=1))), IGNORED, dtype=np.int64)
    number = {tag: index for index, tag in enumerate(tags)}
    for row, (sentence, firsts) in enumerate(zip(sentences, encoded.firsts, strict=True)):
        for place, tag in zip(firsts, sentence.tags or (), strict=False):
            if place != UNSEEN:
                found[row, place] = number.get(tag, IGNORED)
    return found


def summary(scores: Tensor, labels: Tensor) -> Tensor:
    """What is kept of a batch's logits: the sum of the losses, the words it is of, the best tag and its probability.

    Args:
        scores: (batch, longest, tags).
        labels: (batch, width), as `labels` gives them; width is that of all examples.

    Returns:
        (batch, 2 + 2 · width) fp32.
    """
    batch, longest, width = *scores.shape[:2], labels.shape[1]
    likely, best = scores.log_softmax(-1).max(-1)
    targets = labels[:, :longest].to(scores.device)
    losses = functional.cross_entropy(scores.transpose(1, 2), targets, ignore_index=IGNORED, reduction="none")
    found = torch.zeros(batch, 2 + 2 * width, device=scores.device)
    found[:, 0], found[:, 1] = losses.sum(1), (targets != IGNORED).sum(1)
    found[:, 2 : 2 + longest], found[:, 2 + width : 2 + width + longest] = best, likely.exp()
    return found


def of_words(outputs: Outputs, firsts: Sequence[NDArray[np.int64]]) -> dict[str, NDArray[np.generic]]:
    """From what `summary` gives to words: `tags` (n, most words), `UNSEEN` where there is none; `confidence`, alike;
    `loss` (n, 2): its sum, and the words it is of."""
    width = (outputs.shape[1] - 2) // 2
    shape = len(firsts), max((len(places) for places in firsts), default=0)
    tags, confidence = np.full(shape, UNSEEN, dtype=np.int32), np.zeros(shape, dtype=np.float32)
    for row, places in enumerate(firsts):
        seen = np.flatnonzero(places != UNSEEN)
        tags[row, seen] = outputs[row, 2 + places[seen]]
        confidence[row, seen] = outputs[row, 2 + width + places[seen]]
    return {"tags": tags, "confidence": confidence, "loss": outputs[:, :2]}
