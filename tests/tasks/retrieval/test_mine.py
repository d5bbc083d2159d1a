"""Hard negatives are near a question, and do not answer it."""

from __future__ import annotations

from pathlib import Path

from alih.rag.embed import Embedder
from alih.tasks.retrieval.mine import mine
from alih.tasks.retrieval.pairs import read_pairs


def test_mined_negatives_are_near_and_never_the_answer(place: Path) -> None:
    embedder, pairs = Embedder(str(place / "tiny")), read_pairs(place / "pairs.jsonl")
    passages = pairs.passages
    right = [{pair.passage} for pair in pairs.pairs[:10]]
    found = mine(embedder, [pair.question for pair in pairs.pairs[:10]], right, passages, 3)
    vectors = embedder.passages(passages).vectors
    for row, (texts, own) in enumerate(zip(found, right, strict=True)):
        assert not set(texts) & own
        cosines = vectors @ embedder.query(pairs.pairs[row].question)
        assert all(cosines[passages.index(text)] < 0.95 * cosines[row] for text in texts)
    assert mine(embedder, ["x"], [set()], passages, 0) == [()]
