"""Measures one configuration on questions: what is found, what is answered, what is cited, when there is no answer."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np

from alih.evaluate.bootstrap import Interval
from alih.progress import Advance
from alih.rag.answer import Answer, answer
from alih.rag.confidence import Signals
from alih.rag.evaluate.intervals import Values, interval
from alih.rag.evaluate.judge import JUDGED, Judge
from alih.rag.evaluate.matching import exact, f1, holds
from alih.rag.evaluate.questions import Question, grades
from alih.rag.evaluate.ranking import ndcg, recall, reciprocal_rank
from alih.rag.generator import Generator
from alih.rag.opened import Opened
from alih.rag.settings import Retrieval

#: Measures of what is found.
RANKING = ("recall@5", "recall@10", "recall@100", "mrr", "ndcg@10")
#: Measures of what is answered; see `Measured`.
ANSWERS = ("exact", "f1", "holds", "score", "citation_precision", "citation_recall", "grounded")
ABSTENTION = ("abstention_precision", "abstention_recall")
_MISSING = float("nan")
_PASSAGES = 3


@dataclass(frozen=True)
class Reader:
    """Who asks.

    Args:
        access, tags: as for `alih.rag.library.Library.ask`.
    """

    access: Collection[str] = ()
    tags: Collection[str] = ()


@dataclass(frozen=True, eq=False)
class Measured:
    """How one configuration did, question by question.

    Each measure is (questions,), NaN where it says nothing about a question:

    * recall@k, mrr, ndcg@10: of passages, pages or documents; see `alih.rag.evaluate.questions.grades`.
    * exact, f1, holds: the answer against the right ones, 0 where none was given; `holds` where it has one
      of them word for word.
    * score: f1 of questions that have an answer; of those that have none, 1 where none was given.
    * citation_precision, citation_recall: share of citations that stand in a right source; of right sources cited.
    * grounded: share of the answer's sentences that a passage they cite supports, by overlap.
    * abstention_precision: of the questions without an answer given, is there really none? abstention_recall: of those
      that have none, was none given?
    * judged_right, judged_supported: what a judge says, where one was asked; see `alih.rag.evaluate.judge`.

    Args:
        name: of the configuration.
        options: of it.
        values: by measure.
        confidence: (questions,).
        signals: of each question.
        seconds: of each stage, the median over questions.
    """

    name: str
    options: Retrieval
    values: Mapping[str, Values]
    confidence: Values
    signals: Sequence[Signals] = ()
    seconds: Mapping[str, float] = field(default_factory=dict)

    def interval(self, measure: str) -> Interval:
        """Mean and 95 % interval of a measure."""
        return interval(self.values[measure])

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        told = {}
        for measure, values in self.values.items():
            count = int((~np.isnan(values)).sum())
            if count:
                found = self.interval(measure)
                told[measure] = {"mean": found.point, "low": found.low, "high": found.high, "questions": count}
        return {"name": self.name, "options": vars(self.options), "measures": told, "seconds": dict(self.seconds)}


def measure(
    library: Opened,
    name: str,
    options: Retrieval,
    questions: Sequence[Question],
    *,
    depth: int = 10,
    reader: Reader | None = None,
    generator: Generator | None = None,
    threshold: float | None = None,
    judge: Judge | None = None,
    advance: Advance | None = None,
) -> Measured:
    """Ask every question.

    Args:
        library: that is asked.
        name, options: of the configuration.
        questions: with resolved sources.
        depth: places of the ranking that are looked at; `recall@100` needs 100.
        reader: who asks; by default somebody without labels.
        generator: that writes the answers; None quotes sentences.
        threshold: confidence below which there is no answer; the library's by default.
        judge: that is asked about each answer, too; none by default.
        advance: called with 1 after each question.
    """
    reader = reader or Reader()
    rows: list[dict[str, float]] = []
    signals = []
    confidence = np.full(len(questions), _MISSING)
    for number, one in enumerate(questions):
        row: dict[str, float] = {}
        if one.ranked:
            places = _PASSAGES * depth  # a document takes one place of the ranking, however many passages it has
            wide = options.but(k=max(places, options.k), pool=max(options.pool, places))
            found = library.retrieve(one.text, wide, reader.access, reader.tags, embed=False).passages
            row |= _ranked(one, found, depth)
        if one.answers is not None:
            made = answer(
                library,
                one.text,
                options,
                access=reader.access,
                tags=reader.tags,
                generator=generator,
                threshold=threshold,
            )
            confidence[number] = made.confidence
            signals.append(made.signals)
            row |= answered(one, made)
            if judge is not None:
                row |= judge.measures(one, made)
        else:
            signals.append(Signals())
        rows.append(row)
        if advance is not None:
            advance(1)
    names = (*RANKING, *ANSWERS, *ABSTENTION, *JUDGED)
    values = {each: np.array([row.get(each, _MISSING) for row in rows]) for each in names}
    return Measured(name, options, values, confidence, signals)


def _ranked(question: Question, found: Sequence[Any], depth: int) -> dict[str, float]:
    ranking, relevant = grades(question, found, partial(holds, answers=question.answers or ()))
    row = {"mrr": reciprocal_rank(ranking[:depth]), "ndcg@10": ndcg(ranking, relevant, 10)}
    return row | {f"recall@{k}": recall(ranking, relevant, k) for k in (5, 10, 100) if k <= depth}


def answered(question: Question, made: Answer) -> dict[str, float]:
    """The measures of one answer."""
    right = question.answers or ()
    row: dict[str, float] = {}
    if question.unanswerable:
        row["abstention_recall"] = row["score"] = float(not made.found)
    else:
        told = " ".join(one.text for one in made.sentences) if made.found else ""
        row |= {"exact": exact(told, right), "f1": f1(told, right), "holds": float(holds(told, right))}
        row["score"] = row["f1"]
    if not made.found:
        return row | {"abstention_precision": float(question.unanswerable)}
    if made.sentences:
        row["grounded"] = sum(one.supported for one in made.sentences) / len(made.sentences)
    if question.relevant and made.citations:
        cited = [{one.place.document, *one.also} for one in made.citations]
        row["citation_precision"] = sum(bool(some & question.relevant.keys()) for some in cited) / len(cited)
        every = set().union(*cited)
        row["citation_recall"] = len(every & question.relevant.keys()) / len(question.relevant)
    return row


def latency(
    library: Opened, options: Retrieval, questions: Sequence[Question], *, reader: Reader | None = None, most: int = 50
) -> dict[str, float]:
    """Median seconds of each stage of an answer without a generator, and of all together, over a few questions.

    Args:
        library: not one that remembers.
        options: of the configuration.
        questions: the first of them warms up and is not counted.
        reader: who asks.
        most: questions that are asked.
    """
    reader = reader or Reader()
    laps: list[dict[str, float]] = []
    for one in [questions[0], *questions[:most]]:
        start = time.perf_counter()
        made = answer(library, one.text, options, access=reader.access, tags=reader.tags)
        laps.append({**made.seconds, "all": time.perf_counter() - start})
    stages = dict.fromkeys(stage for lap in laps for stage in lap)
    return {stage: float(np.median([lap.get(stage, 0.0) for lap in laps[1:]])) for stage in stages}
