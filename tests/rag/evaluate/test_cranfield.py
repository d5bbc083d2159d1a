"""On Cranfield our BM25 ranks as bm25s does with the same analyser, and as well as BM25 is known to there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alih.metrics.ranking import ndcg
from alih.rag.analyse import Analyser
from alih.rag.lexical import Lexical
from alih.rag.store.base import Filter


def test_bm25_equals_bm25s_to_three_decimals(shared_data: Path) -> None:
    bm25s = pytest.importorskip("bm25s")
    place = shared_data / "cranfield"
    if not place.exists():
        pytest.skip("no Cranfield")
    analyser = Analyser("en")
    told = [one.split(".W", 1)[1] for one in (place / "cran.all.1400").read_text().split(".I ")[1:]]
    documents = [analyser.terms(text) for text in told]
    queries = [analyser.terms(one.split(".W", 1)[1]) for one in (place / "cran.qry").read_text().split(".I ")[1:]]
    relevant: list[dict[str, float]] = [{} for _ in queries]
    for line in (place / "cranqrel").read_text().splitlines():
        query, document, grade = (int(one) for one in line.split()[:3])
        if grade > 0:
            relevant[query - 1][str(document)] = 1.0
    names = [str(number) for number in range(1, len(documents) + 1)]
    ours = Lexical(names, [((), ())] * len(names), documents)
    theirs = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    theirs.index(documents, show_progress=False)
    scores: list[tuple[float, float]] = []
    for terms, known in zip(queries, relevant, strict=True):
        reference = theirs.get_scores([term for term in terms if term in ours.vocabulary])
        orders = (
            [hit.id for hit in ours.search(terms, 10, Filter())],
            [names[row] for row in np.argsort(-reference, kind="stable")[:10]],
        )
        first, second = (ndcg([known.get(one, 0.0) for one in order], list(known.values())) for order in orders)
        scores.append((first, second))
    mean, other = np.mean(scores, axis=0)
    assert mean == pytest.approx(other, abs=5e-4)
    assert mean > 0.38
