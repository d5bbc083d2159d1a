"""Hard negatives: passages that the model ranks high for a question although they do not answer it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from alih.rag.embed import Embedder
from alih.rag.library import Library

#: A passage nearly as near as the answer, or nearer, may well be an answer that nobody marked, so it is not taken:
#: cosines above this share of the answer's are left out (Moreira et al. 2024, arXiv 2407.15831, section 3, 95 %).
_MARGIN = 0.95
#: Ranks that negatives are taken from.
_DEPTH = 50


def mine(
    embedder: Embedder,
    questions: Sequence[str],
    right: Sequence[set[str]],
    passages: Sequence[str],
    count: int,
) -> list[tuple[str, ...]]:
    """For each question up to `count` passages near it that are not marked as answers, the nearest first.

    Args:
        embedder: the model before training.
        questions: (n,).
        right: the passages that answer each of them.
        passages: to choose from, each once.
        count: negatives a question.
    """
    if count == 0 or len(passages) < 2:
        return [()] * len(questions)
    vectors = _unit(embedder.passages(passages).vectors)
    asked = _unit(embedder.queries(questions))
    place = {text: number for number, text in enumerate(passages)}
    found: list[tuple[str, ...]] = []
    for row, vector in enumerate(asked):
        cosines = vectors @ vector
        own = [place[text] for text in right[row] if text in place]
        limit = _MARGIN * float(cosines[own].max()) if own else 1.0
        nearest = np.argsort(-cosines)[: _DEPTH + len(own)].tolist()
        taken = [number for number in nearest if number not in own and cosines[number] < limit]
        found.append(tuple(passages[number] for number in taken[:count]))
    return found


def from_library(library: Library, questions: Sequence[str], most: int) -> list[str]:
    """Passages of a library that its dense search finds for the questions, each once: more to mine from."""
    found: dict[str, None] = {}
    for question in questions:
        for passage in library.search(question, mode="dense", k=min(most, _DEPTH)):
            found.setdefault(passage.text)
    return list(found)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float32]:
    unit: NDArray[np.float32] = vectors / np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-12)
    return unit
