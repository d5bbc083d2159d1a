"""What a vector database has to do: six things."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

#: Chunks up to which every vector is compared; above, an index is searched.
FLAT_LIMIT = 50_000


@dataclass(frozen=True)
class Record:
    """A chunk as it is stored.

    Args:
        id: 32 hexadecimal digits, from its content.
        vector: (width,).
        text: verbatim.
        access: labels one of which a reader has to hold; empty where everybody may read it.
        tags: "key=value" of its document.
    """

    id: str
    vector: NDArray[np.float32]
    text: str
    access: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Filter:
    """What a search may see.

    Args:
        access: labels that the reader holds; without any, only what everybody may read.
        tags: "key=value" that must all be there.
    """

    access: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()

    def admits(self, access: Collection[str], tags: Collection[str]) -> bool:
        """Whether a chunk with these labels and tags is seen."""
        return (not access or not self.access.isdisjoint(access)) and self.tags.issubset(tags)


@dataclass(frozen=True)
class Hit:
    """A chunk that was found, and the dot product of its vector with the question's."""

    id: str
    score: float


class Store(Protocol):
    """A vector database. What `upsert` and `delete` return from is on the disk, and stays."""

    def upsert(self, records: Sequence[Record]) -> None:
        """Insert records; those whose id is there are replaced."""

    def delete(self, ids: Collection[str]) -> None:
        """Delete records; ids that are not there are no error."""

    def search(self, vector: NDArray[np.float32], k: int, filter: Filter) -> list[Hit]:
        """The k records with the largest dot product among those that the filter admits, best first."""

    def scan(self) -> Iterator[list[Record]]:
        """Every record, some at a time."""

    def ids(self) -> set[str]:
        """The id of every record."""

    def count(self) -> int:
        """How many records there are."""

    def maintain(self) -> None:
        """Merge small pieces, and keep the index in step; called after much was written."""

    def drop(self) -> None:
        """Delete everything for good."""

    def close(self) -> None:
        """Let go of files and connections."""
