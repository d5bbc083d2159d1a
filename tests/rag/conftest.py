"""Libraries for the tests of retrieval."""

from __future__ import annotations

from pathlib import Path

import pytest

from alih.rag.library import Library

from .files import folder


@pytest.fixture(scope="session")
def handbook(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """A library of one good file of each format, in alih/minilm; not to be changed."""
    place = tmp_path_factory.mktemp("handbook")
    library = Library("handbook", place / "libraries")
    library.add(folder(place / "docs"))
    return library


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    """A folder of twelve small documents."""
    place = tmp_path / "docs"
    place.mkdir()
    for number in range(12):
        told = "\n\n".join(f"Note {number}.{part} speaks about thing{number * 7 + part}." for part in range(3))
        (place / f"{number}.txt").write_text(told)
    return place
