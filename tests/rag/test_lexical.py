"""BM25 is bm25s' BM25; stems and stop words are those of two languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alih.rag.analyse import Analyser, language_of
from alih.rag.lexical import Lexical, load, open_or_build
from alih.rag.readers.docstrings import stdlib_documents
from alih.rag.store.base import Filter

PUBLIC = ((), ())


def corpus(count: int = 400) -> list[str]:
    return [one.text[block.start : block.end] for one in stdlib_documents() for block in one.blocks][:count]


def build(documents: list[list[str]]) -> Lexical:
    return Lexical([str(row) for row in range(len(documents))], [PUBLIC] * len(documents), documents)


def test_scores_equal_those_of_bm25s() -> None:
    bm25s = pytest.importorskip("bm25s")
    analyser = Analyser("en")
    documents = [analyser.terms(text) for text in corpus()]
    reference = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
    reference.index(documents, show_progress=False)
    ours = build(documents)
    for query in ("open a file for writing", "decimal rounding context", "parse parse arguments", "zzz unknown"):
        terms = analyser.terms(query)
        known = [term for term in terms if term in ours.vocabulary]
        expected = reference.get_scores(known) if known else np.zeros(len(documents))
        np.testing.assert_allclose(ours.scores(terms), expected, atol=5e-4)


def test_only_what_shares_a_term_is_found_best_first() -> None:
    index = build([["a", "b"], ["a", "a", "c"], ["d"], []])
    hits = index.search(["a"], 10, Filter())
    assert {hit.id for hit in hits} == {"0", "1"}
    assert hits[0].score >= hits[1].score
    assert index.search(["x"], 10, Filter()) == []
    assert build([]).search(["x"], 10, Filter()) == []


def test_labels_are_enforced_before_the_best_are_chosen() -> None:
    kinds = [(("hr",), ())] * 50 + [PUBLIC, ((), ("year=1",))]
    index = Lexical([str(row) for row in range(52)], kinds, [["a"]] * 50 + [["a", "b", "c", "d"]] * 2)
    assert [hit.id for hit in index.search(["a"], 3, Filter())] == ["50", "51"]
    assert [hit.id for hit in index.search(["a"], 3, Filter(tags=frozenset({"year=1"})))] == ["51"]
    assert len(index.search(["a"], 3, Filter(frozenset({"hr"})))) == 3


def test_the_saved_index_is_the_same_and_only_for_its_generation(tmp_path: Path) -> None:
    rows = [("x", PUBLIC, ["a", "b"]), ("y", (("hr",), ()), ["a"])]
    made = open_or_build(tmp_path, 3, lambda: rows)
    again = load(tmp_path, 3)
    assert again is not None
    assert again.search(["a", "b"], 5, Filter()) == made.search(["a", "b"], 5, Filter())
    assert load(tmp_path, 4) is None
    (tmp_path / "lexical.npz").write_bytes(b"torn")
    assert load(tmp_path, 3) is None


@pytest.mark.parametrize(
    ("language", "one", "other"),
    [("en", "refunded", "refunds"), ("id", "pembelajaran", "belajar"), ("both", "runs", "running")],
)  # fmt: skip
def test_forms_of_a_word_meet(language: str, one: str, other: str) -> None:
    analyser = Analyser(language)  # type: ignore[arg-type]
    assert analyser.terms(one) == analyser.terms(other)


def test_stop_words_go_and_numbers_stay() -> None:
    assert Analyser("en").terms("The 12 days of the employee's leave") == ["12", "day", "employe", "leav"]
    assert Analyser("id").terms("yang di dalam") == []


def test_languages_are_told_by_their_stop_words() -> None:
    assert language_of(["The cat is on the table and it sleeps."]) == "en"
    assert language_of(["Kucing itu ada di atas meja dan tidur."]) == "id"
    assert language_of(["The cat is on it.", "Kucing itu ada di atas meja."]) == "both"
    assert language_of(["zzz"]) == "both"
