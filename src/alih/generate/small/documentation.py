"""Short texts of the standard library's documentation, to be continued."""

from __future__ import annotations

import ast
import inspect
import random
import re
import sysconfig
from functools import cache
from pathlib import Path

from alih.errors import DataError
from alih.generate.small.example import Example

_SIGNATURE = re.compile(r"^[\w.]+\(.*\)(\s*->.*)?\s*$")
_FEWEST, _MOST = 8, 80


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
            f"{root}: {len(texts)} docstrings of the standard library, and the recipe needs 1,000. Its source files "
            "are needed: use another installation of Python."
        )
    return tuple(texts)


def plain(text: str) -> Example:
    """The text itself, to be learnt as it stands."""
    return Example("text", "", text)


def continued(rng: random.Random, text: str) -> Example:
    """The text's beginning, to be continued to its end."""
    words = text.split(" ")
    cut = rng.randint(3, max(3, len(words) // 2))
    return Example("continuation", f"Continue: {' '.join(words[:cut])}", " ".join(words[cut : cut + 30]))


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
