"""General text that a model is scored on before and after: what it forgot is the change in cross-entropy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerBase

from alih.data.decoding import read_text
from alih.errors import DataError, OptionError
from alih.generate.small.documentation import documentation
from alih.instruct.conversation import ASSISTANT, Conversation, Turn
from alih.instruct.encode import Encoded, encode
from alih.instruct.template import Template

#: Passages that are scored, and most tokens of one.
_PASSAGES, _TOKENS = 60, 256


def general_passages(file: str | None) -> list[str]:
    """The user's passages (paragraphs of a text file), or docstrings of Python's standard library.

    Raises:
        OptionError: no such file, or nothing in it.
        DataError: no file was given, and the library's sources are not installed.
    """
    if file is None:
        texts = list(documentation())
    else:
        path = Path(file).expanduser()
        if not path.is_file():
            raise OptionError(f"--general {file}: no such file. Give a text file with passages between empty lines.")
        try:
            texts = [part.strip() for part in read_text(path).split("\n\n") if len(part.split()) > 1]
        except DataError as error:
            raise OptionError(f"--general {file}: {error}") from error
        if not texts:
            raise OptionError(f"--general {file}: holds no passages. Give texts between empty lines.")
    chosen = np.random.default_rng(0).permutation(len(texts))[:_PASSAGES]
    return [texts[place] for place in sorted(chosen.tolist())]


def encode_passages(tokenizer: PreTrainedTokenizerBase, passages: list[str], context: int) -> Encoded:
    """Passages as sequences of which every token counts."""
    rows = [Conversation((Turn(ASSISTANT, text),), f"passage {place}", "text") for place, text in enumerate(passages)]
    return encode(tokenizer, Template(None, "none"), rows, min(context, _TOKENS))
