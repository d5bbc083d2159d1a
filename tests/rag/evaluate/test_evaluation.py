"""An evaluation measures what the library would answer, and says how sure it is."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from alih.errors import DataError
from alih.rag.answer import Answer, Citation, Sentence
from alih.rag.evaluate import remember
from alih.rag.evaluate.evaluation import checked, configurations, evaluate
from alih.rag.evaluate.grounding import grounding_error
from alih.rag.evaluate.measure import answered, latency, measure
from alih.rag.evaluate.questions import Question
from alih.rag.evaluate.remember import Remembering
from alih.rag.library import Library
from alih.rag.passage import Place
from alih.rag.settings import Retrieval

QUESTIONS = [
    Question("Berapa hari cuti tahunan?", ("12 hari",), {"handbook.md": 1}),
    Question("When are taxi receipts refunded?", ("within 30 days",), {"travel.html": 1}),
    Question("Where is the meeting point?", ("the car park",), {"safety.pdf": 1}, 2),
    Question("Who repairs laptops?", ("The IT desk",)),
    Question("Who is the president of France?", ()),
    Question("laptop", None, {"equipment.docx": 2, "faq.csv": 1}),
]


def test_what_is_remembered_is_what_is_found(handbook: Library) -> None:
    again = Remembering(handbook)
    for name, options in configurations(Retrieval()).items():
        for _ in range(2):
            ours = again.retrieve("taxi receipt", options).passages
            theirs = handbook.retrieve("taxi receipt", options).passages
            assert [one.id for one in ours] == [one.id for one in theirs], name
            assert [one.score for one in ours] == pytest.approx([one.score for one in theirs], abs=1e-5)


def test_tokens_are_remembered_up_to_a_limit_and_are_the_same(
    handbook: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = ["Taxi receipts are refunded.", "Flights", "Taxi receipts are refunded."]
    expected = handbook.embedder.tokens(texts)
    for room in (0, 1 << 20):
        monkeypatch.setattr(remember, "_KEPT", room)
        embedder = Remembering(handbook).embedder
        for _ in range(2):
            for ours, theirs in zip(embedder.tokens(texts), expected, strict=True):
                np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_without_a_clock_nothing_is_timed(handbook: Library) -> None:
    found = evaluate(handbook, QUESTIONS, {"bm25": Retrieval("lexical")}, timed=False)
    assert not found.measured[0].seconds
    assert "ms a question" not in str(found)


def test_an_evaluation_says_what_was_measured(handbook: Library) -> None:
    found = evaluate(handbook, QUESTIONS)
    told = json.loads(json.dumps(found.as_dict()))
    assert (told["questions"], told["unanswerable"]) == (6, 1)
    assert [one["name"] for one in told["configurations"]] == ["bm25", "dense", "hybrid", "hybrid+rerank"]
    for one in told["configurations"]:
        assert one["measures"]["ndcg@10"]["questions"] == 5
        assert one["measures"]["abstention_recall"]["questions"] == 1
        assert 0 < one["measures"]["mrr"]["low"] <= one["measures"]["mrr"]["mean"] <= 1
        assert one["seconds"]["all"] > 0
    shown = str(found)
    assert "6 questions, 1 of them without an answer" in shown
    for term in ("MRR", "nDCG@10", "F1", "holds it", "cited right", "none: precision"):
        assert f"\n{term}: " in shown, "what its name does not say is explained"
    assert "false ones" in shown
    assert found.difference("mrr", "hybrid", "hybrid").point == 0


def test_answers_are_those_that_the_library_gives(handbook: Library) -> None:
    known = checked(handbook, QUESTIONS)
    found = measure(handbook, "own", Retrieval(), known, threshold=0.0)
    for number, one in enumerate(known):
        if one.answers:
            made = handbook.ask(one.text, threshold=0.0)
            assert found.confidence[number] == pytest.approx(made.confidence, abs=1e-5)
            assert found.values["holds"][number] == any(answer in made.text for answer in one.answers)
    assert found.values["abstention_recall"][4] == 0  # a threshold of zero always answers
    assert np.isnan(found.values["abstention_recall"][0])


def test_a_threshold_of_one_never_answers(handbook: Library) -> None:
    found = measure(handbook, "own", Retrieval(), checked(handbook, QUESTIONS), threshold=1.0)
    assert np.nanmean(found.values["abstention_recall"]) == 1
    assert np.nanmean(found.values["abstention_precision"]) == pytest.approx(1 / 5)
    assert np.nanmean(found.values["f1"]) == 0


def made(found: bool, sentences: tuple[Sentence, ...] = (), documents: tuple[str, ...] = ()) -> Answer:
    citations = tuple(Citation(n, "x", Place(name, 0, 1)) for n, name in enumerate(documents, 1))
    return Answer("?", found, sentences, citations, 0.9)


def test_citations_are_judged_by_the_sources() -> None:
    question = Question("?", ("blue",), {"a": 1, "b": 1})
    sentences = (Sentence("It is blue.", (1,)), Sentence("Or not.", (2,), supported=False))
    row = answered(question, made(True, sentences, ("a", "c")))
    assert row["citation_precision"] == 0.5
    assert row["citation_recall"] == 0.5
    assert row["grounded"] == 0.5
    assert (row["holds"], row["exact"]) == (1, 0)
    assert row["f1"] == pytest.approx(2 * (1 / 5) * 1 / (1 / 5 + 1))


def test_saying_nothing_is_right_only_where_there_is_nothing() -> None:
    assert answered(Question("?", ()), made(False)) == {
        "score": 1,
        "abstention_recall": 1,
        "abstention_precision": 1,
    }
    row = answered(Question("?", ("blue",)), made(False))
    assert (row["score"], row["abstention_precision"]) == (0, 0)
    assert "abstention_recall" not in row


def test_grounding_accepts_true_claims_and_states_its_errors(handbook: Library) -> None:
    error = grounding_error(handbook, checked(handbook, QUESTIONS))
    assert error is not None
    assert error.true_claims == error.false_claims == 3
    assert 0 <= error.missed <= 1
    assert grounding_error(handbook, [Question("?", ())]) is None


def test_latency_has_every_stage(handbook: Library) -> None:
    found = latency(handbook, Retrieval(rerank="late"), QUESTIONS, most=2)
    assert {"embed", "search", "rerank", "extract", "all"} <= found.keys()
    assert found["all"] >= found["embed"]


def test_a_verbatim_answer_is_looked_for_in_its_source(handbook: Library) -> None:
    asked = [QUESTIONS[0], replace(QUESTIONS[0], answers=("a dozen days",)), QUESTIONS[2], QUESTIONS[3]]
    assert [one.verbatim for one in checked(handbook, asked)] == [True, False, False, False]


@pytest.mark.filterwarnings("error")
def test_questions_without_answers_alone_measure_abstention(handbook: Library) -> None:
    options = {"bm25": Retrieval("lexical"), "dense": Retrieval("dense"), "hybrid": Retrieval()}
    shown = str(evaluate(handbook, [Question("Who is the king?", ())], options))
    assert "none: recall" in shown
    assert "nDCG" not in shown
    assert "nan" not in shown


def test_questions_of_which_nothing_is_known_are_refused(handbook: Library) -> None:
    with pytest.raises(DataError, match="nothing can be measured"):
        evaluate(handbook, [Question("?")])
    with pytest.raises(DataError, match="no document of the library"):
        evaluate(handbook, [replace(QUESTIONS[0], relevant={"x.md": 1})])


def test_confidence_does_not_depend_on_which_search_found_the_passage(handbook: Library) -> None:
    hybrid, lexical = (
        handbook.ask("When are taxi receipts refunded?", mode=mode).signals for mode in ("hybrid", "lexical")
    )
    assert lexical.passage == pytest.approx(hybrid.passage, abs=0.05)
