"""Measures one configuration on questions: what is found, what is answered, what is cited, when there is no answer."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.metrics import bootstrap
from alih.metrics.base import Metric, mean_of, means
from alih.metrics.bootstrap import Difference, Interval
from alih.metrics.ranking import ndcg, recall, reciprocal_rank
from alih.progress import Advance
from alih.rag.answer import Answer, answer
from alih.rag.confidence import Signals
from alih.rag.evaluate.judge import JUDGED, Judge
from alih.rag.evaluate.matching import exact, f1, holds
from alih.rag.evaluate.questions import Question, grades
from alih.rag.generator import Generator
from alih.rag.opened import Opened
from alih.rag.settings import Retrieval

#: Measures of what is found.
RANKING = ("recall@5", "recall@10", "recall@100", "mrr", "ndcg@10")
#: Measures of what is answered; see `Measured`.
ANSWERS = ("exact", "f1", "holds", "score", "citation_precision", "citation_recall", "grounded")
ABSTENTION = ("abstention_precision", "abstention_recall")
#: Every measure is a mean over the questions that it says something about; all but these count what is right or wrong.
_IN_BETWEEN = ("mrr", "ndcg@10", "f1", "score")
METRICS: dict[str, Metric] = {
    name: mean_of(name, is_share=name not in _IN_BETWEEN, in_points=True)
    for name in (*RANKING, *ANSWERS, *ABSTENTION, *JUDGED)
}
Values = NDArray[np.float64]
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
        return interval(METRICS[measure], self.values[measure])

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        told = {}
        for measure, values in self.values.items():
            count = int((~np.isnan(values)).sum())
            if count:
                found = self.interval(measure)
                told[measure] = {"mean": found.point, "low": found.low, "high": found.high, "questions": count}
        return {"name": self.name, "options": vars(self.options), "measures": told, "seconds": dict(self.seconds)}


def interval(metric: Metric, values: Values, seed: int = 0) -> Interval:
    """Mean of values, one a question (n,), and where it lies; values that are not there (NaN) do not count."""
    known = values[~np.isnan(values)]
    if not len(known):
        return Interval(_MISSING, _MISSING, _MISSING)
    return bootstrap.interval(metric, means(known), seed=seed)


def difference(metric: Metric, first: Values, second: Values) -> Difference:
    """Mean of first − second over the same questions, and where it lies; questions that one lacks do not count."""
    known = ~np.isnan(first - second)
    if not known.any():
        return Difference(_MISSING, _MISSING, _MISSING)
    return bootstrap.difference(metric, means(first[known]), means(second[known]))


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
    values = {each: np.array([row.get(each, _MISSING) for row in rows]) for each in METRICS}
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
