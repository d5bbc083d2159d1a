"""Examples as tensors: tokenised or decoded once, grouped by length, padded batch by batch."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from alih.data.content import fingerprint
from alih.data.examples import Examples, Input
from alih.data.processing import process, processed
from alih.progress import Advance, Progress

Indices = Sequence[int] | NDArray[np.int64]
#: Texts tokenised at a time.
_CHUNK = 512
#: Most bytes of processed pictures kept in memory; beyond it every batch decodes its own pictures again.
PIXEL_BYTES = 1 << 30


class Encoded(ABC):
    """Examples in the form a model reads.

    Attributes:
        truncated: how many examples were cut to the longest length allowed.
    """

    truncated: int = 0

    @property
    @abstractmethod
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each example, shape (n,); all 1 for pictures."""

    @abstractmethod
    def digest(self) -> str:
        """Hash of the content: equal content, equal digest, in any process."""

    @abstractmethod
    def collate(self, indices: Indices) -> dict[str, Tensor]:
        """Return the examples at `indices` as one batch of the keyword arguments that the model takes."""

    @abstractmethod
    def placeholder(self, indices: Indices) -> dict[str, Tensor]:
        """Return what a model that starts at a boundary still needs of these examples: masks, but no pixels."""

    @abstractmethod
    def select(self, indices: Indices) -> Encoded:
        """Return the examples at `indices`, in that order."""

    def __len__(self) -> int:
        return len(self.lengths)


class EncodedTexts(Encoded):
    """Token ids of many texts in one flat array, without padding.

    Args:
        ids: (total tokens,) int32.
        offsets: (n + 1,) int64; text i is `ids[offsets[i]:offsets[i + 1]]`.
        type_ids: (total tokens,) int8, or None where the tokenizer makes none.
        pad: id that fills the right end of shorter texts in a batch.
        truncated: how many texts were cut.
    """

    def __init__(
        self,
        ids: NDArray[np.int32],
        offsets: NDArray[np.int64],
        type_ids: NDArray[np.int8] | None,
        pad: int,
        truncated: int = 0,
    ) -> None:
        self._ids = ids
        self._offsets = offsets
        self._type_ids = type_ids
        self._pad = pad
        self._lengths = np.diff(offsets)
        self.truncated = truncated

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens of each text, shape (n,)."""
        return self._lengths

    def digest(self) -> str:
        """Hash of ids, type ids, lengths and padding id."""
        state = hashlib.blake2b(digest_size=16)
        state.update(f"texts {len(self)} {self._pad}".encode())
        for array in (self._ids, self._offsets, self._type_ids):
            state.update(b"none" if array is None else np.ascontiguousarray(array).data)
        return state.hexdigest()

    def collate(self, indices: Indices) -> dict[str, Tensor]:
        """Right-padded `input_ids`, `attention_mask`, `token_type_ids` (if there are any): (batch, longest) int64."""
        rows = np.asarray(indices, dtype=np.int64)
        lengths = self._lengths[rows]
        real = np.arange(lengths.max(initial=1)) < lengths[:, None]
        tokens = _spans(self._offsets[rows], lengths)
        ids = np.full(real.shape, self._pad, dtype=np.int64)
        ids[real] = self._ids[tokens]
        batch = {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(real.astype(np.int64))}
        if self._type_ids is not None:
            types = np.zeros(real.shape, dtype=np.int64)
            types[real] = self._type_ids[tokens]
            batch["token_type_ids"] = torch.from_numpy(types)
        return batch

    def placeholder(self, indices: Indices) -> dict[str, Tensor]:
        """The whole batch: ids tell some models where a text ends, and cost nothing."""
        return self.collate(indices)

    def select(self, indices: Indices) -> EncodedTexts:
        """Return the texts at `indices`, in that order."""
        rows = np.asarray(indices, dtype=np.int64)
        lengths = self._lengths[rows]
        tokens = _spans(self._offsets[rows], lengths)
        types = None if self._type_ids is None else self._type_ids[tokens]
        return EncodedTexts(self._ids[tokens], _offsets(lengths), types, self._pad)


class EncodedImages(Encoded):
    """Pictures, decoded once where they fit into memory, otherwise whenever a batch needs them.

    Args:
        processor: image processor; called with a list of RGB pictures, returns `pixel_values`.
        inputs: paths or uint8 arrays.
        origins: where each came from, for messages.
        pixels: (n, channels, height, width) float32, or None to decode on the fly.
        shape: (channels, height, width) of one processed picture.
    """

    def __init__(
        self,
        processor: Callable[..., Any],
        inputs: Sequence[Input],
        origins: Sequence[str],
        pixels: NDArray[np.float32] | None,
        shape: tuple[int, ...],
    ) -> None:
        self._processor = processor
        self._inputs = inputs
        self._origins = origins
        self._pixels = pixels
        self.shape = shape

    @property
    def lengths(self) -> NDArray[np.int64]:
        """All 1: pictures have one size."""
        return np.ones(len(self._inputs), dtype=np.int64)

    def digest(self) -> str:
        """Hash of the processed pixels; of files and processor where pixels are not kept."""
        state = hashlib.blake2b(digest_size=16)
        state.update(f"images {len(self)} {self.shape}".encode())
        if self._pixels is not None:
            state.update(np.ascontiguousarray(self._pixels).data)
            return state.hexdigest()
        describe = getattr(self._processor, "to_json_string", None)
        state.update(str(describe() if describe else type(self._processor)).encode())
        for value in self._inputs:
            state.update(fingerprint(value).encode())
        return state.hexdigest()

    def collate(self, indices: Indices) -> dict[str, Tensor]:
        """`pixel_values`: (batch, channels, height, width) float32.

        Raises:
            DataError: a picture cannot be read any more.
        """
        rows = np.asarray(indices, dtype=np.int64)
        if self._pixels is not None:
            return {"pixel_values": torch.from_numpy(self._pixels[rows])}
        chosen = [(self._inputs[row], self._origins[row]) for row in rows]
        return {"pixel_values": torch.from_numpy(process(self._processor, chosen))}

    def placeholder(self, indices: Indices) -> dict[str, Tensor]:
        """Zeros of the pictures' shape that take no memory: what they showed is in the boundary's activations."""
        return {"pixel_values": torch.zeros(1).expand(len(indices), *self.shape)}

    def select(self, indices: Indices) -> EncodedImages:
        """Return the pictures at `indices`, in that order."""
        rows = np.asarray(indices, dtype=np.int64)
        inputs, origins = [self._inputs[row] for row in rows], [self._origins[row] for row in rows]
        pixels = None if self._pixels is None else self._pixels[rows]
        return EncodedImages(self._processor, inputs, origins, pixels, self.shape)


def encode(
    processor: Any,
    examples: Examples,
    max_length: int | None,
    *,
    count_cut: bool = True,
    progress: Progress | None = None,
) -> Encoded:
    """Tokenise or decode examples with a model's own processor.

    Args:
        processor: tokenizer or image processor of a pre-trained model.
        examples: what to encode; labels are not looked at.
        max_length: most tokens a text, special tokens included; None = no limit. Not used for pictures.
        count_cut: count the texts that are cut (`Encoded.truncated`); False for copies of texts that were counted.
        progress: where long steps report to; silent by default.

    Raises:
        DataError: a picture cannot be read; the message names its origin.
    """
    progress = progress or Progress(quiet=True)
    if isinstance(processor, PreTrainedTokenizerBase):
        with progress.step("Tokenising the texts", len(examples), "text") as advance:
            return _encode_texts(processor, examples.inputs, max_length, count_cut, advance)
    with progress.step("Decoding the pictures", len(examples), "picture") as advance:
        return _encode_images(processor, examples.inputs, examples.origins, advance)


def length_batches(
    lengths: NDArray[np.int64], batch_size: int, *, shuffle_seed: int | None, most_tokens: int | None = None
) -> list[NDArray[np.int64]]:
    """Split indices into batches of like lengths, so that little is padding.

    Shuffled: a random order is cut into equal parts of about 200 batches, each is sorted by length and cut into
    batches, and the batches are shuffled. The batch with the longest example comes first, so that a batch too large
    for the memory shows at once.

    Args:
        lengths: (n,) tokens of each example.
        batch_size: examples a batch; the last of each part may be smaller.
        shuffle_seed: seed of the order; None sorts everything, longest first, for evaluation.
        most_tokens: sorted batches of more tokens, padding included, are halved until they fit: larger ones take
            memory and gain no speed.

    Returns:
        Index arrays that together hold every index once.
    """
    count = len(lengths)
    if count == 0:
        return []
    if shuffle_seed is None:
        batches = _cut(np.argsort(-lengths, kind="stable"), batch_size)
        return [part for batch in batches for part in _halved(batch, lengths, most_tokens)]
    random = np.random.default_rng(shuffle_seed)
    order = random.permutation(count)
    # Parts of a whole number of batches, so that only the very last batch is ever short.
    total = -(-count // batch_size)
    parts = max(1, round(total / 200))
    edges = [part * total // parts * batch_size for part in range(1, parts)]
    found: list[NDArray[np.int64]] = []
    for part in np.split(order, edges):
        ordered = part[np.argsort(lengths[part], kind="stable")]
        # The short batch sits anywhere, so that the same neighbours do not meet in every epoch.
        short = len(ordered) % batch_size
        start = int(random.integers(0, len(ordered) // batch_size + 1)) * batch_size if short else 0
        if short:
            found += [*_cut(ordered[:start], batch_size), ordered[start : start + short]]
            start += short
        found += _cut(ordered[start:], batch_size)
    found = [found[index] for index in random.permutation(len(found))]
    longest = max(range(len(found)), key=lambda index: int(lengths[found[index]].max()) * len(found[index]))
    found[0], found[longest] = found[longest], found[0]
    return found


def _cut(order: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    return [order[start : start + size] for start in range(0, len(order), size)]


def _halved(
    batch: NDArray[np.int64], lengths: NDArray[np.int64], most_tokens: int | None
) -> Iterator[NDArray[np.int64]]:
    """Cut a batch, longest first, into equal parts of at most `most_tokens`, one example at least."""
    if most_tokens is None or len(batch) == 1 or int(lengths[batch[0]]) * len(batch) <= most_tokens:
        yield batch
        return
    middle = len(batch) // 2
    yield from _halved(batch[:middle], lengths, most_tokens)
    yield from _halved(batch[middle:], lengths, most_tokens)


def _offsets(lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(lengths, dtype=np.int64)])


def _spans(starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """Positions start, start + 1, …, start + length − 1 of every span, one after another."""
    before = _offsets(lengths)
    positions: NDArray[np.int64] = np.arange(before[-1], dtype=np.int64)
    return positions + np.repeat(starts - before[:-1], lengths)


def _encode_texts(
    tokenizer: PreTrainedTokenizerBase,
    inputs: Sequence[Input],
    max_length: int | None,
    count_cut: bool,
    advance: Advance,
) -> EncodedTexts:
    ids: list[NDArray[np.int32]] = []
    types: list[NDArray[np.int8]] = []
    lengths: list[int] = []
    truncated = 0
    stand_in = _stand_in(tokenizer)
    for chunk in _chunks(inputs):
        first: list[Any] = [text[0] if isinstance(text, tuple) else text for text in chunk]
        second: list[Any] | None = [text[1] for text in chunk if isinstance(text, tuple)] or None
        made = tokenizer(
            first, second, truncation=max_length is not None, max_length=max_length, padding=False, verbose=False
        )
        rows: list[list[int]] = made["input_ids"]
        truncated += _count_truncated(tokenizer, made, first, second, max_length) if count_cut else 0
        # An empty text without special tokens would leave nothing to attend to.
        rows = [row or [stand_in] for row in rows]
        lengths += [len(row) for row in rows]
        ids += [np.asarray(row, dtype=np.int32) for row in rows]
        if "token_type_ids" in made:
            types += [np.asarray(row or [0], dtype=np.int8) for row in made["token_type_ids"]]
        advance(len(chunk))
    flat = np.concatenate(ids) if ids else np.zeros(0, dtype=np.int32)
    type_ids = np.concatenate(types) if types else None
    pad = tokenizer.pad_token_id if isinstance(tokenizer.pad_token_id, int) else 0
    return EncodedTexts(flat, _offsets(np.asarray(lengths, dtype=np.int64)), type_ids, pad, truncated)


def _count_truncated(
    tokenizer: PreTrainedTokenizerBase, made: Any, first: list[Any], second: list[Any] | None, max_length: int | None
) -> int:
    if max_length is None:
        return 0
    if made.encodings is not None:
        return sum(bool(encoding.overflowing) for encoding in made.encodings)
    full = [index for index, row in enumerate(made["input_ids"]) if len(row) >= max_length]
    if not full:
        return 0
    whole = tokenizer([first[i] for i in full], None if second is None else [second[i] for i in full], verbose=False)
    return sum(len(row) > max_length for row in whole["input_ids"])


def _stand_in(tokenizer: PreTrainedTokenizerBase) -> int:
    named = (tokenizer.unk_token_id, tokenizer.eos_token_id, tokenizer.bos_token_id, tokenizer.pad_token_id)
    return next((token for token in named if isinstance(token, int)), 0)


def _encode_images(
    processor: Callable[..., Any], inputs: Sequence[Input], origins: Sequence[str], advance: Advance
) -> EncodedImages:
    if len(inputs) == 0:
        return EncodedImages(processor, inputs, origins, np.zeros((0, 3, 1, 1), dtype=np.float32), (3, 1, 1))
    pairs = list(zip(inputs, origins, strict=True))
    shape = process(processor, pairs[:1]).shape[1:]
    if len(pairs) * int(np.prod(shape)) * 4 > PIXEL_BYTES:
        return EncodedImages(processor, inputs, origins, None, shape)
    pixels = np.empty((len(pairs), *shape), dtype=np.float32)
    start = 0
    for done in processed(processor, pairs):
        pixels[start : start + len(done)] = done
        start += len(done)
        advance(len(done))
    return EncodedImages(processor, inputs, origins, pixels, shape)


def _chunks(inputs: Sequence[Input]) -> Iterator[Sequence[Input]]:
    for start in range(0, len(inputs), _CHUNK):
        yield inputs[start : start + _CHUNK]
