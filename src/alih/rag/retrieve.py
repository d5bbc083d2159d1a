"""From a question to passages: dense, lexical or both, fused, reranked, made diverse, with their neighbours.

Reciprocal rank fusion: Cormack, Clarke and Büttcher 2009, doi:10.1145/1571941.1572114: Σ_s w_s / (60 + rank_s).
Maximal marginal relevance: Carbonell and Goldstein 1998, doi:10.1145/290941.291025.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from alih.rag.analyse import Analyser
from alih.rag.catalogue import Catalogue
from alih.rag.embed import Embedder
from alih.rag.lexical import Lexical
from alih.rag.passage import Passage, passage
from alih.rag.rerank import Reranker
from alih.rag.settings import Retrieval
from alih.rag.store.base import Filter, Hit, Store

_RRF = 60
#: Passages that a reranker looks at.
RERANKED = 20


@dataclass
class Retrieved:
    """What was found.

    Args:
        passages: best first.
        vector: the question's, (width,); None where nothing was embedded.
        seconds: by stage.
    """

    passages: list[Passage]
    vector: NDArray[np.float32] | None = None
    seconds: dict[str, float] = field(default_factory=dict)


class Retriever:
    """Searches one library.

    Args:
        catalogue, store, embedder, lexical, analyser: of the library.
        reranker: the second look; None for none.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        store: Store,
        embedder: Embedder,
        lexical: Lexical,
        analyser: Analyser,
        reranker: Reranker | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._store = store
        self._embedder = embedder
        self._lexical = lexical
        self._analyser = analyser
        self._reranker = reranker

    def retrieve(self, question: str, options: Retrieval, filter: Filter, *, embed: bool = True) -> Retrieved:
        """Find passages.

        Args:
            question: in words.
            options: how.
            filter: what may be seen; enforced inside every search.
            embed: also embed the question where only lexical search was asked for (answers compare sentences by it).
        """
        seconds: dict[str, float] = {}
        clock = _Clock(seconds)
        vector = self._embedder.query(question) if embed or options.mode != "lexical" else None
        clock.lap("embed")
        pool = max(options.pool, options.k, RERANKED if options.rerank else 0)
        lists: dict[str, list[Hit]] = {}
        if vector is not None and options.mode != "lexical":
            lists["dense"] = self._store.search(vector, pool, filter)
        if options.mode != "dense":
            lists["lexical"] = self._lexical.search(self._analyser.terms(question), pool, filter)
        clock.lap("search")
        order = fuse(lists, options)
        wanted = self._wanted(options)
        found = self._fetch(order[:wanted], lists)
        clock.lap("read")
        if self._reranker is not None and options.rerank and found:
            found = self._reranked(question, found)
            clock.lap("rerank")
        found = diverse(found, options.k, options.diversity)
        if options.neighbours:
            found = [self._with_neighbours(one, options.neighbours) for one in found]
        clock.lap("context")
        return Retrieved(found, vector, seconds)

    def _wanted(self, options: Retrieval) -> int:
        if options.rerank:
            return max(options.k, RERANKED)
        return options.pool if options.diversity else options.k

    def _fetch(self, order: Sequence[Hit], lists: dict[str, list[Hit]]) -> list[Passage]:
        ids = [hit.id for hit in order]
        rows, sources = self._catalogue.chunks(ids), self._catalogue.sources(ids)
        places = {name: {hit.id: (rank, hit.score) for rank, hit in enumerate(hits, 1)} for name, hits in lists.items()}
        found = []
        for hit in order:
            # What the catalogue does not know was left behind by a crash, or is being deleted.
            if hit.id in rows and hit.id in sources:
                scores = {name: places[name][hit.id][1] for name in places if hit.id in places[name]}
                ranks = {name: places[name][hit.id][0] for name in places if hit.id in places[name]}
                one = passage(rows[hit.id], sources[hit.id], hit.score)
                found.append(replace(one, scores=scores, ranks=ranks))
        return found

    def _reranked(self, question: str, found: list[Passage]) -> list[Passage]:
        """The first `RERANKED` in a new order; what was asked for beyond them follows as it was."""
        if self._reranker is None:
            return found
        looked = found[:RERANKED]
        texts = [f"{one.heading}\n{one.text}" if one.heading else one.text for one in looked]
        scores = self._reranker.scores(question, texts)
        order = np.argsort(-scores, kind="stable")
        return [
            replace(looked[row], score=float(scores[row]), scores={**looked[row].scores, "rerank": float(scores[row])})
            for row in order
        ] + found[RERANKED:]

    def _with_neighbours(self, one: Passage, reach: int) -> Passage:
        source = one.sources[0]
        around = self._catalogue.neighbours(source.document, source.ordinal - reach, source.ordinal + reach)
        return replace(one, context="\n\n".join(text for _, text in around) or one.text)


def fuse(lists: dict[str, list[Hit]], options: Retrieval) -> list[Hit]:
    """Put the lists of two searches into one, best first; one list stays as it is."""
    if len(lists) == 1:
        return next(iter(lists.values()))
    weights = {"dense": options.dense_weight, "lexical": 1 - options.dense_weight}
    total: dict[str, float] = {}
    for name, hits in lists.items():
        low = min((hit.score for hit in hits), default=0.0)
        span = max((hit.score for hit in hits), default=0.0) - low or 1.0
        for rank, hit in enumerate(hits, 1):
            part = 1 / (_RRF + rank) if options.fusion == "rrf" else (hit.score - low) / span
            total[hit.id] = total.get(hit.id, 0.0) + weights[name] * part
    return [Hit(one, score) for one, score in sorted(total.items(), key=lambda item: (-item[1], item[0]))]


def diverse(found: Sequence[Passage], k: int, diversity: float) -> list[Passage]:
    """Take k passages; each next one trades its score, scaled to 0…1, against its likeness to those taken."""
    if not diversity or len(found) < 2:
        return list(found[:k])
    scores = np.array([one.score for one in found])
    span = float(np.ptp(scores)) or 1.0
    scaled = (scores - scores.min()) / span
    means = np.stack([one.mean for one in found])
    likeness = means @ means.T
    taken = [int(np.argmax(scaled))]
    while len(taken) < min(k, len(found)):
        value = (1 - diversity) * scaled - diversity * likeness[:, taken].max(1)
        value[taken] = -np.inf
        taken.append(int(np.argmax(value)))
    return [found[row] for row in taken]


class _Clock:
    def __init__(self, seconds: dict[str, float]) -> None:
        self._seconds = seconds
        self._last = time.perf_counter()

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._seconds[stage] = now - self._last
        self._last = now
