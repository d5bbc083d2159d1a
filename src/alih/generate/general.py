"""General text that a language model is scored on before and after: the rise of its cross-entropy is what it forgot."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alih.data.decoding import read_text
from alih.errors import DataError, OptionError
from alih.generate.small.documentation import documentation

#: Passages that are scored.
_PASSAGES = 60


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
