"""Tuning keeps the simplest configuration that is not worse on questions it was not chosen by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alih.errors import DataError, OptionError
from alih.metrics.bootstrap import Difference
from alih.rag.chunk import ChunkOptions
from alih.rag.evaluate.questions import Question
from alih.rag.library import Library
from alih.rag.settings import Retrieval
from alih.rag.tune import Candidate, Tuning, apply, behind, not_worse, tune


@pytest.fixture
def library(docs: Path, tiny_bert: Path, tmp_path: Path) -> Library:
    """Words tell one note from another; the vectors of a model that was never trained do not."""
    made = Library("a", tmp_path / "libraries", model=str(tiny_bert))
    made.add(docs)
    return made


def questions(count: int = 48) -> list[Question]:
    found = []
    for number in range(count):
        note, part = number % 12, number // 12 % 3
        found.append(
            Question(f"Which note speaks about thing{note * 7 + part}?", (f"Note {note}.{part}",), {f"{note}.txt": 1})
        )
    return found


def test_words_are_chosen_where_vectors_say_nothing(library: Library) -> None:
    found = tune(library, questions(), sizes=[])
    assert found.chosen.options.mode == "lexical"
    assert not found.chosen.options.rerank
    assert found.changes
    assert found.held.sum() == 24
    assert found.gain().point >= 0
    assert found.chosen is next(
        one for one in found.standing if one is found.best or not_worse(behind(found.best, one, found.held))
    )
    shown = str(found)
    assert "kept: bm25" in shown
    assert "now" in shown
    best = found.score(found.best)
    assert (best.low, best.point, best.high) == (1, 1, 1)
    assert "1.000–1.000" not in shown, "an interval of no width is no finding"
    for term in ("nDCG@10:", "holds it:", "behind the best:", "k:"):
        assert term in shown, "every column is explained"
    apply(library, found)
    assert Library("a", library.folder.parent).settings.retrieval == found.chosen.options


def test_other_chunk_sizes_are_tried_on_a_copy(library: Library) -> None:
    before = library.catalogue.chunk_ids()
    found = tune(library, questions(), sizes=[16], rerank="")
    assert {one.chunks.size for one in found.standing} == {library.settings.chunks.size, 16}
    assert library.catalogue.chunk_ids() == before
    assert not list(library.folder.glob(".tune-*"))


def test_documents_are_cut_anew_in_place(library: Library, docs: Path, tiny_bert: Path, tmp_path: Path) -> None:
    report = library.rechunk(ChunkOptions(16))
    assert len(report.changed) == 12
    fresh = Library("b", tmp_path, model=str(tiny_bert), chunks=ChunkOptions(16))
    fresh.add(docs)
    assert library.catalogue.chunk_ids() == fresh.catalogue.chunk_ids() == library.store.ids()
    assert Library("a", library.folder.parent).settings.chunks == ChunkOptions(16)
    assert library.sync().embedded == 0
    assert library.rechunk(ChunkOptions(16)).embedded == 0
    with pytest.raises(OptionError, match="--chunk-size 4000"):
        library.rechunk(ChunkOptions(4000))


def test_stopped_between_cutting_and_embedding_the_next_sync_goes_on(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(_self: Library) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Library, "sync", stop)
        with pytest.raises(KeyboardInterrupt):
            library.rechunk(ChunkOptions(16))
    assert len(library.sync().changed) == 12


def test_the_score_is_shown_with_its_interval() -> None:
    best, now = candidate([1.0, 0.5, 1.0, 0.3] * 6, k=3), candidate([0.2, 0.5, 0.7, 0.3] * 6)
    tuning = Tuning(now, best, best, (best, now), 2, np.ones(24, dtype=bool))
    score = tuning.score(best)
    assert score.point == pytest.approx(0.7)
    assert f"{score.point:.3f} ({score.low:.3f}–{score.high:.3f})" in str(tuning)
    assert f"{tuning.gain().words('+.3f')}, paired" in str(tuning)


def candidate(values: list[float], **options: object) -> Candidate:
    return Candidate(ChunkOptions(), Retrieval().but(**options), np.array(values), np.full(len(values), np.nan))


def test_not_worse_means_within_the_interval_and_one_standard_error() -> None:
    assert not_worse(Difference(-0.1, 0.02, 0.14, 0.95))
    assert not not_worse(Difference(-0.01, 0.1, 0.2, 0.95))
    assert not not_worse(Difference(0.01, 0.02, 0.03, 0.95))
    assert not_worse(Difference(-0.2, -0.1, 0.0, 0.95))


def test_simpler_is_no_reranker_then_the_same_chunks_then_one_search() -> None:
    now = ChunkOptions()
    order = [
        candidate([1], mode="lexical", k=3),
        candidate([1], mode="dense"),
        candidate([1]),
        candidate([1], dense_weight=0.7),
        candidate([1], mode="lexical", rerank="late"),
    ]
    assert sorted(order, key=lambda one: one.simplicity(now)) == order
    other = Candidate(ChunkOptions(90), Retrieval(mode="lexical"), np.ones(1), np.ones(1))
    assert order[3].simplicity(now) < other.simplicity(now) < order[4].simplicity(now)


def test_what_is_maximised_is_the_mean_of_what_is_known() -> None:
    one = Candidate(
        ChunkOptions(), Retrieval(), np.array([0.5, np.nan, 1.0, np.nan]), np.array([1.0, 1.0, np.nan, np.nan])
    )
    assert one.values == pytest.approx([0.75, 1.0, 1.0, np.nan], nan_ok=True)


def test_too_few_questions_are_refused(library: Library) -> None:
    with pytest.raises(DataError, match="at least 40 questions"):
        tune(library, [*questions(20), *[Question("x?", ())] * 40])
