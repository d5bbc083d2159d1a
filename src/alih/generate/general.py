"""General text that a language model is scored on before and after: the rise of its cross-entropy is what it forgot."""

from __future__ import annotations

import ast
import inspect
import re
import sysconfig
from functools import cache
from pathlib import Path

import numpy as np

from alih.data.decoding import read_text
from alih.errors import DataError, OptionError

#: Passages that are scored.
_PASSAGES = 60
#: Fewest and most words of a docstring.
_FEWEST, _MOST = 8, 80
_SIGNATURE = re.compile(r"^[\w.]+\(.*\)(\s*->.*)?\s*$")


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


@cache
def documentation() -> tuple[str, ...]:
    """Every docstring of the running interpreter's standard library, its first paragraphs on one line, each once.

    Signatures and examples are cut. Sources are parsed, never imported; the order is that of the files' names.

    Raises:
        DataError: the standard library's source files are not installed.
    """
    root = Path(sysconfig.get_paths()["stdlib"])
    texts: dict[str, None] = {}
    for path in sorted(root.rglob("*.py"), key=lambda file: file.as_posix()):
        inside = path.relative_to(root).as_posix()
        if "site-packages" in inside or "/test" in f"/{inside}" or "idlelib" in inside:
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError):
            continue  # a file that this interpreter cannot read is no reason to do without the rest
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                text = _prose(ast.get_docstring(node, clean=False) or "")
                if len(text.split()) >= _FEWEST:
                    texts[text] = None
    if len(texts) < 1000:
        raise DataError(
            f"{root}: {len(texts)} docstrings of the standard library, fewer than 1,000. Its source files are "
            "needed: use another installation of Python, or give a text file with --general."
        )
    return tuple(texts)


def _prose(docstring: str) -> str:
    chosen: list[str] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        lines = [line for line in paragraph.splitlines() if not _SIGNATURE.match(line.strip())]
        if not lines or ">>>" in paragraph or not paragraph.isascii():
            continue
        chosen += " ".join(lines).split()
        if len(chosen) >= _MOST:
            break
    return " ".join(chosen[:_MOST])
