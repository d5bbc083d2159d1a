"""A passage that was found: what it says, where it stands, and why it was found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.rag.catalogue import ChunkRow, SourceRow


@dataclass(frozen=True)
class Place:
    """Where a piece of text stands.

    Args:
        document: its name.
        start, end: in characters of the document's text.
        headings: above it.
        page: of a PDF, from 1.
        place: for people ("page 3", "row 12", "line 40").
    """

    document: str
    start: int
    end: int
    headings: tuple[str, ...] = ()
    page: int | None = None
    place: str = ""

    def __str__(self) -> str:
        parts = [self.document, self.place, " › ".join(self.headings)]
        return ", ".join(part for part in parts if part)


@dataclass(frozen=True)
class Passage:
    """A passage that was found.

    Args:
        id: of its chunk.
        text: verbatim.
        heading: the headings above it, as one line.
        sources: every place where it stands; the first one has exactly this text.
        score: what it was ranked by.
        scores: "dense" (cosine, where the model's vectors are normalised), "lexical" (BM25), "rerank".
        ranks: its rank in each search, from 1.
        context: the passage with its neighbours, where those were asked for; otherwise its text.
        spans, vectors: of its sentences.
        terms: what lexical search counts in it.
    """

    id: str
    text: str
    heading: str
    sources: tuple[SourceRow, ...]
    score: float
    scores: dict[str, float] = field(default_factory=dict)
    ranks: dict[str, int] = field(default_factory=dict)
    context: str = ""
    spans: tuple[tuple[int, int], ...] = ()
    vectors: NDArray[np.float16] = field(default_factory=lambda: np.empty((0, 0), np.float16), repr=False)
    terms: tuple[str, ...] = field(default=(), repr=False)

    @property
    def place(self) -> Place:
        """Where it stands first."""
        return self.place_of(0, len(self.text))

    def place_of(self, start: int, end: int, source: int = 0) -> Place:
        """Where a part of it stands, in characters of the passage."""
        row = self.sources[source]
        page, shown = next(
            ((page, shown) for offset, page, shown in reversed(row.places) if offset <= start), (None, "")
        )
        return Place(row.document, row.start + start, row.start + end, row.headings, page, shown)

    @property
    def mean(self) -> NDArray[np.float32]:
        """Mean of its sentences' vectors, of unit length: (width,)."""
        mean = self.vectors.astype(np.float32).mean(0)
        return np.asarray(mean / max(float(np.linalg.norm(mean)), 1e-9), np.float32)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        place = self.place
        return {
            "document": place.document,
            "page": place.page,
            "place": place.place,
            "headings": list(place.headings),
            "start": place.start,
            "end": place.end,
            "also_in": sorted({row.document for row in self.sources} - {place.document}),
            "score": round(self.score, 6),
            "scores": {name: round(score, 6) for name, score in self.scores.items()},
            "ranks": self.ranks,
            "text": self.text,
        }


def passage(row: ChunkRow, sources: list[SourceRow], score: float) -> Passage:
    """Put a chunk and its sources together, those that have its very text first."""
    ordered = sorted(sources, key=lambda source: source.own_text is not None)
    return Passage(
        row.id,
        row.text,
        row.heading,
        tuple(ordered),
        score,
        context=row.text,
        spans=row.spans,
        vectors=row.vectors,
        terms=tuple(row.terms.split()),
    )
