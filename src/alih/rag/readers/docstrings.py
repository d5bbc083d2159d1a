"""The documentation strings of the running Python's standard library, as documents: real text, no download."""

from __future__ import annotations

import ast
import inspect
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from alih.data.samples import PACKAGES
from alih.errors import DataError
from alih.rag.document import Composer, Document

#: Beside the packages of the sample `alih/docstrings`; all are in Python 3.11 to 3.13.
_MORE: Final = (
    "argparse.py", "bisect.py", "calendar.py", "collections", "contextlib.py", "csv.py", "difflib.py", "fractions.py",
    "functools.py", "heapq.py", "json", "pathlib.py", "random.py", "shutil.py", "statistics.py", "string.py",
    "subprocess.py", "tempfile.py", "textwrap.py", "zipfile.py",
)  # fmt: skip


def stdlib_documents() -> Iterator[Document]:
    """One document a source file; headings are module, class and function. Files are parsed, never imported.

    Raises:
        DataError: the standard library's source files are not installed.
    """
    root = Path(sysconfig.get_paths()["stdlib"])
    count = 0
    for place in sorted({*(file for files in PACKAGES.values() for file in files), *_MORE}):
        path = root / place
        files = [path] if path.suffix == ".py" else sorted(path.rglob("*.py"), key=lambda file: file.as_posix())
        for file in files:
            shown = file.relative_to(root).as_posix()
            if file.is_file() and "/test" not in shown.removeprefix("unittest/"):
                document = read_docstrings(file, shown)
                if document is not None:
                    count += 1
                    yield document
    if not count:
        raise DataError(f"--stdlib: no source files of the standard library in {root}. Give a folder of documents.")


def read_docstrings(path: Path, name: str) -> Document | None:
    """Read the documentation strings of one source file; None where it has none or cannot be parsed."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError, OSError):
        return None
    composer = Composer()
    module = name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    _visit(tree, (module,), composer)
    document = composer.document(name, "docstrings", title=module)
    return document if document.blocks else None


def _visit(node: ast.AST, headings: tuple[str, ...], composer: Composer) -> None:
    if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
        told = ast.get_docstring(node, clean=False)
        if told and len(told.split()) >= 3:
            line = node.body[0].lineno
            for paragraph in inspect.cleandoc(told).split("\n\n"):
                composer.add(paragraph, headings, place=f"line {line}")
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            _visit(child, (*headings, child.name), composer)
