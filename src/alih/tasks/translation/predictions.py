"""Pairs as examples of the engine, and what a model makes of them, as arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import nn
from transformers import PreTrainedTokenizerBase

from alih.data.examples import Examples
from alih.errors import DataError
from alih.pretrained.open import Pretrained
from alih.progress import Advance
from alih.tasks.base import Predictions
from alih.tasks.translation.corpus import read_test
from alih.tasks.translation.encode import encode_pairs, encode_sources
from alih.tasks.translation.languages import Direction
from alih.tasks.translation.loss import losses_of_pairs
from alih.tasks.translation.pairs import Pairs
from alih.tasks.translation.search import search
from alih.tasks.translation.setup import Setup
from alih.training.precision import Precision, choose, device


def translated(
    pretrained: Pretrained,
    examples: Examples,
    direction: Direction,
    longest: int,
    beam: int,
    advance: Advance | None = None,
) -> list[str]:
    """Translations of the sources of pairs."""
    sources = [source for source, _ in pairs_of(examples)]
    tokenizer: PreTrainedTokenizerBase = pretrained.tokenizer
    nn.Module.to(pretrained.model, device())
    training = pretrained.model.training
    pretrained.model.eval()
    encoded = encode_sources(tokenizer, sources, direction, longest)
    written = search(pretrained.model, tokenizer, encoded.ids, direction, beam, advance or (lambda _: None))
    pretrained.model.train(training)
    return written


def predictions(
    pretrained: Pretrained,
    examples: Examples,
    direction: Direction,
    longest: int,
    beam: int,
    precision: Precision | None = None,
    advance: Advance | None = None,
) -> Predictions:
    """What a model makes of pairs; see `Translation`."""
    written = translated(pretrained, examples, direction, longest, beam, advance)
    both = encode_pairs(pretrained.tokenizer, pairs_of(examples), direction, longest)
    return {
        "written": _as_bytes(written),
        "loss": losses_of_pairs(pretrained.model, both.pairs, both.pad, precision or choose(device())),
    }


def texts_of(written: NDArray[np.uint8]) -> list[str]:
    """Texts from their rows of UTF-8 bytes, (n, longest), filled up with zeros."""
    return [row.tobytes().rstrip(b"\0").decode() for row in written]


def _as_bytes(texts: list[str]) -> NDArray[np.uint8]:
    packed = np.array([text.encode() for text in texts], dtype=np.bytes_)
    return np.frombuffer(packed.tobytes(), dtype=np.uint8).reshape(len(texts), -1)


def examples_of(pairs: Pairs) -> Examples:
    """Pairs as examples of the engine: inputs are (source, target); the translations of a source are one group."""
    return Examples(list(zip(pairs.sources, pairs.targets, strict=True)), None, pairs.origins, pairs.sources)


def pairs_of(examples: Examples) -> list[tuple[str, str]]:
    """Source and target of each example."""
    return [(str(value[0]), str(value[1])) for value in examples.inputs if isinstance(value, tuple)]


def read_like(data: str | Path, setup: Setup, source: str | None = None, target: str | None = None) -> Pairs:
    """Read pairs by the columns named, or else by the training data's where they are there, or else by their order."""
    if source is not None or target is not None or setup.source is None:
        return read_test(data, source, target)
    try:
        return read_test(data, setup.source, setup.target)
    except DataError as error:
        if "no column" not in str(error):
            raise
        return read_test(data)
