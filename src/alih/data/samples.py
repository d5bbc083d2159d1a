"""Data that needs no download: scanned digits, and the documentation of Python's own standard library."""

from __future__ import annotations

import ast
import inspect
import re
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image

from alih.data.table import Cell, Table
from alih.errors import DataError

#: Where the docstrings come from: label → files below the standard library. All are in Python 3.11 to 3.13.
PACKAGES: Final[dict[str, tuple[str, ...]]] = {
    "asyncio": ("asyncio",),
    "decimal": ("_pydecimal.py",),
    "email": ("email",),
    "importlib": ("importlib",),
    "logging": ("logging",),
    "multiprocessing": ("multiprocessing",),
    "unittest": ("unittest",),
    "xml": ("xml",),
}
MOST_A_CLASS: Final = 250
_FEWEST_WORDS = 5
_MOST_WORDS = 60
_SIDE = 32
_NAMES = re.compile(rf"\b_?(?:py)?(?:{'|'.join(PACKAGES)})\b", re.IGNORECASE)
_SIGNATURE = re.compile(r"^[\w.]+\(.*\)(\s*->.*)?\s*$")


def digits() -> Table:
    """Return 1,797 scanned handwritten digits (scikit-learn's `load_digits`, from UCI's Optical Recognition set).

    Each is uint8 (32, 32), a light digit on a dark ground as in MNIST: the original 8 × 8 picture of 0…16, scaled to
    0…255 and enlarged by bicubic interpolation.
    """
    from sklearn.datasets import load_digits  # a second to import, for this sample only

    images, targets = load_digits(return_X_y=True)
    scaled = np.rint(images.reshape(-1, 8, 8) * (255 / 16)).astype(np.uint8)
    enlarged: list[Cell] = [
        np.asarray(Image.fromarray(image).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)) for image in scaled
    ]
    return Table(
        name="alih/digits",
        columns={"image": enlarged, "label": [str(target) for target in targets]},
        origins=[f"alih/digits, picture {number}" for number in range(1, len(enlarged) + 1)],
        pictures=True,
    )


def docstrings() -> Table:
    """Return documentation strings of the running interpreter's standard library, labelled by the package.

    Every function, class and method of eight packages counts whose docstring has five words or more; its signature
    and examples are cut, and what is left is kept to whole paragraphs of about 60 words. The packages' names are
    replaced by "…" wherever they occur, since a label that stands in the text would make the task a search for one
    word. At most 250 a package, evenly spread over its files. Source files are parsed, never imported.

    Raises:
        DataError: the standard library's source files are not installed.
    """
    root = Path(sysconfig.get_paths()["stdlib"])
    texts: list[Cell] = []
    labels: list[Cell] = []
    origins: list[str] = []
    seen: set[str] = set()
    for package, places in PACKAGES.items():
        found = []
        for text, origin in _documented(root, places):
            plain = " ".join(text.casefold().split())
            if plain not in seen:
                seen.add(plain)
                found.append((text, origin))
        if len(found) < 20:
            raise DataError(
                f"alih/docstrings: {len(found)} docstrings of the package {package} in this Python's standard library. "
                "Its source files are needed: use another installation of Python, or another dataset."
            )
        step = max(1.0, len(found) / MOST_A_CLASS)
        for place in range(min(len(found), MOST_A_CLASS)):
            text, origin = found[int(place * step)]
            texts.append(text)
            labels.append(package)
            origins.append(origin)
    return Table(name="alih/docstrings", columns={"text": texts, "label": labels}, origins=origins)


def _documented(root: Path, places: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    for place in places:
        path = root / place
        files = [path] if path.suffix == ".py" else sorted(path.rglob("*.py"), key=lambda file: file.as_posix())
        for file in files:
            shown = file.relative_to(root).as_posix()
            if not file.is_file() or "/test" in shown.removeprefix("unittest/") or "site-packages" in shown:
                continue
            try:
                tree = ast.parse(file.read_bytes())
            except (SyntaxError, ValueError, OSError):
                continue  # one unparsable file (a distributor's patch) is no reason to do without the rest
            for node in ast.walk(tree):
                if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                    text = plain_text(ast.get_docstring(node, clean=False) or "")
                    if len(text.split()) >= _FEWEST_WORDS:
                        yield text, f"alih/docstrings, {shown}, line {node.lineno}"


def plain_text(docstring: str) -> str:
    """Return the prose of a docstring: no signature, no examples, first paragraphs, package names masked."""
    chosen: list[str] = []
    words = 0
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(docstring)):
        lines = [line for line in paragraph.splitlines() if not _SIGNATURE.match(line.strip())]
        if not lines or lines[0].lstrip().startswith(">>>"):
            continue
        text = " ".join(" ".join(lines).split(">>>")[0].split())
        if chosen and words + len(text.split()) > _MOST_WORDS:
            break
        chosen.append(" ".join(text.split()[: _MOST_WORDS * 2]))
        words += len(text.split())
        if words >= _MOST_WORDS:
            break
    return _NAMES.sub("…", " ".join(chosen))


BUILT_IN: Final[dict[str, Callable[[], Table]]] = {"alih/digits": digits, "alih/docstrings": docstrings}
