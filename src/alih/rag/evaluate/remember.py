"""A library that remembers: what models say of a text is computed once for many configurations."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from alih.rag.embed import Embedder, Vectors
from alih.rag.opened import Opened
from alih.rag.rerank import LateInteraction, Reranker

#: Bytes of token vectors that are kept: those of some 2,900 passages of 120 tokens, 384 wide.
_KEPT = 1 << 29


class Remembering(Opened):
    """Another view of an open library, for measuring what is found and answered (never how fast).

    Args:
        library: stays the owner of its files and connections.
    """

    def __init__(self, library: Opened) -> None:
        super().__init__(library.name, library.folder.parent, model=library.model, store=None, progress=None)
        self._library = library
        self._looked: dict[str, Reranker] = {}
        self.__dict__ |= {name: getattr(library, name) for name in ("settings", "catalogue", "store", "analyser")}

    @cached_property
    def embedder(self) -> Embedder:
        """The library's model, remembering questions."""
        return _RememberingEmbedder(self._library.embedder)

    def _reranker(self, name: str) -> Reranker | None:
        if not name:
            return None
        if name not in self._looked:
            made = LateInteraction(self.embedder) if name == "late" else self._library._reranker(name)
            if made is None:
                return None
            self._looked[name] = _RememberingReranker(made)
        return self._looked[name]


class _RememberingEmbedder(Embedder):
    def __init__(self, inner: Embedder) -> None:
        self.__dict__ |= inner.__dict__
        self._known: dict[str, Vectors] = {}
        self._tokens: dict[str, Vectors] = {}
        self._room = _KEPT

    def query(self, text: str) -> Vectors:
        if text not in self._known:
            self._known[text] = super().query(text)
        return self._known[text]

    def tokens(self, texts: Sequence[str], *, queries: bool = False) -> list[Vectors]:
        if queries:
            return super().tokens(texts, queries=True)
        fresh = [text for text in dict.fromkeys(texts) if text not in self._tokens]
        made = dict(zip(fresh, super().tokens(fresh), strict=True))
        for text, vectors in made.items():
            if vectors.nbytes <= self._room:
                self._tokens[text] = vectors
                self._room -= vectors.nbytes
        return [made[text] if text in made else self._tokens[text] for text in texts]


class _RememberingReranker:
    def __init__(self, inner: Reranker) -> None:
        self._inner = inner
        self._known: dict[tuple[str, str], float] = {}

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float64]:
        fresh = [text for text in dict.fromkeys(texts) if (question, text) not in self._known]
        if fresh:
            found = self._inner.scores(question, fresh)
            self._known |= {(question, text): float(score) for text, score in zip(fresh, found, strict=True)}
        return np.array([self._known[question, text] for text in texts])
