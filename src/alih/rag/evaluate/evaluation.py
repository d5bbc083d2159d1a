"""An evaluation: several configurations of one library on the same questions, side by side, with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alih.data.messages import counted
from alih.errors import DataError
from alih.metrics.bootstrap import Difference, Interval
from alih.progress import Progress
from alih.rag.evaluate.grounding import GroundingError, grounding_error, texts_of
from alih.rag.evaluate.judge import JUDGED, Judge
from alih.rag.evaluate.matching import holds
from alih.rag.evaluate.measure import (
    ABSTENTION,
    ANSWERS,
    METRICS,
    RANKING,
    Measured,
    Reader,
    difference,
    latency,
    measure,
)
from alih.rag.evaluate.questions import Question, resolve
from alih.rag.evaluate.remember import Remembering
from alih.rag.generator import Generator
from alih.rag.opened import Opened
from alih.rag.settings import Retrieval

_SHOWN = {
    "recall@5": "recall@5",
    "recall@10": "recall@10",
    "recall@100": "recall@100",
    "mrr": "MRR",
    "ndcg@10": "nDCG@10",
    "exact": "exact",
    "f1": "F1",
    "holds": "holds it",
    "score": "score",
    "citation_precision": "cited right",
    "citation_recall": "sources cited",
    "grounded": "grounded",
    "abstention_precision": "none: precision",
    "abstention_recall": "none: recall",
    "judged_right": "judged right",
    "judged_supported": "judged supported",
}
#: What is not said by its name, as a line below the tables. All are shares of 1, or means of such; more is better.
_MEANS = {
    "mrr": "1 / place of the first right source, 0 if it is not found",
    "ndcg@10": "right sources among the first ten, the higher up the better; 1 is the best order",
    "f1": "words that answer and right answer share; whole sentences against a few words are low",
    "holds": "the answer has a right one word for word",
    "score": "F1, or 1 where there is no answer and none was given",
    "citation_precision": "citations that are of a right source",
    "citation_recall": "right sources that are cited",
    "grounded": "sentences of the answer that the passage they cite supports",
    "abstention_precision": 'of "not in the documents", how often that is true',
    "abstention_recall": 'of questions without an answer, how often "not in the documents" was said',
}


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What was measured.

    Args:
        library: its name.
        questions: how many.
        unanswerable: how many of them have no answer in the documents.
        measured: each configuration.
        grounding: how often groundedness is wrong; None where no question has both an answer and a source.
        generator: that wrote the answers; empty for quotations.
        judge: that was asked about them, how often, and how many of its replies were no verdict.
    """

    library: str
    questions: int
    unanswerable: int
    measured: tuple[Measured, ...]
    grounding: GroundingError | None = None
    generator: str = ""
    judge: tuple[str, int, int] | None = None

    def difference(self, measure_name: str, first: str, second: str) -> Difference:
        """First − second in one measure, over the same questions."""
        by_name = {one.name: one for one in self.measured}
        first_values, second_values = (by_name[name].values[measure_name] for name in (first, second))
        return difference(METRICS[measure_name], first_values, second_values)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "library": self.library,
            "questions": self.questions,
            "unanswerable": self.unanswerable,
            "generator": self.generator or None,
            "judge": None if self.judge is None else dict(zip(("name", "asked", "unclear"), self.judge, strict=True)),
            "grounding_error": self.grounding.as_dict() if self.grounding else None,
            "configurations": [one.as_dict() for one in self.measured],
        }

    def __str__(self) -> str:
        none = f", {self.unanswerable} of them without an answer in the documents" if self.unanswerable else ""
        lines = [f"{self.library}: {counted(self.questions, 'question')}{none}; means with 95 % intervals"]
        explained: dict[str, str] = {}
        for title, measures in (
            ("what is found", RANKING),
            ("what is answered", (*ANSWERS, *ABSTENTION)),
            ("what a judge says of it", JUDGED),
        ):
            there = [name for name in measures if not all(np.isnan(one.values[name]).all() for one in self.measured)]
            if there:
                lines += ["", *_table(title, there, self.measured)]
                explained |= {_SHOWN[name]: _MEANS[name] for name in there if name in _MEANS}
        if explained:
            lines += ["", *(f"{name}: {told}" for name, told in explained.items())]
        lines += self._remarks()
        return "\n".join(lines)

    def _remarks(self) -> list[str]:
        lines = [""]
        for one in self.measured:
            stages = "  ".join(f"{stage} {1000 * value:.1f}" for stage, value in one.seconds.items() if stage != "all")
            if stages:
                lines.append(f"{one.name}: {1000 * one.seconds['all']:.1f} ms a question ({stages})")
        if self.grounding is not None:
            lines.append(
                f"grounded is measured by overlap of words. On claims made of these questions it overlooks "
                f"{100 * self.grounding.missed:.0f} % of {self.grounding.true_claims} true ones and accepts "
                f"{100 * self.grounding.accepted:.0f} % of {self.grounding.false_claims} false ones."
            )
        if self.judge is not None:
            name, asked, unclear = self.judge
            lines.append(f"judge: {name}, asked {asked:,} times; {unclear:,} replies were neither yes nor no.")
        parts = {one.name: one for one in self.measured}
        if {"bm25", "dense", "hybrid"} <= parts.keys() and not np.isnan(parts["hybrid"].values["ndcg@10"]).all():
            better = max(("bm25", "dense"), key=lambda name: float(np.nanmean(parts[name].values["ndcg@10"])))
            gap = self.difference("ndcg@10", "hybrid", better)
            verdict = "worse than" if gap.high < 0 else "better than" if gap.low > 0 else "not to be told from"
            lines.append(
                f"hybrid is {verdict} {better} in nDCG@10: {gap.point:+.3f} ({gap.words('+.3f')}, paired, 95 %)"
            )
        return lines


def configurations(base: Retrieval, *, rerank: str = "late") -> dict[str, Retrieval]:
    """The four that are compared: each search alone, both, and both with a reranker.

    Args:
        base: the library's own; k, weights and the rest are taken from it.
        rerank: the reranker of the last one, unless `base` names one.
    """
    plain = base.but(rerank="")
    return {
        "bm25": plain.but(mode="lexical"),
        "dense": plain.but(mode="dense"),
        "hybrid": plain.but(mode="hybrid"),
        "hybrid+rerank": base.but(mode="hybrid", rerank=base.rerank or rerank),
    }


def evaluate(
    library: Opened,
    questions: Sequence[Question],
    options: Mapping[str, Retrieval] | None = None,
    *,
    depth: int = 10,
    reader: Reader | None = None,
    generator: Generator | None = None,
    threshold: float | None = None,
    judge: Judge | None = None,
    timed: bool = True,
    progress: Progress | None = None,
) -> Evaluation:
    """Measure configurations on questions.

    Args:
        library: that is asked.
        questions: from `alih.rag.evaluate.questions.read_questions`.
        options: by name; the four of `configurations` by default.
        depth: places of a ranking that are looked at.
        reader, generator, threshold, judge: as for `alih.rag.evaluate.measure.measure`.
        timed: also ask some questions again with a clock; False where other work would disturb it.
        progress: where it reports to; silent by default.

    Raises:
        DataError: a source that the library does not have, or questions of which nothing is known.
    """
    known = checked(library, questions)
    wanted = configurations(library.settings.retrieval) if options is None else options
    remembering = Remembering(library)
    measured = []
    with (progress or Progress(quiet=True)).step("Asking", len(wanted) * len(known), "questions") as advance:
        for name, one in wanted.items():
            found = measure(
                remembering,
                name,
                one,
                known,
                depth=depth,
                reader=reader,
                generator=generator,
                threshold=threshold,
                judge=judge,
                advance=advance,
            )
            times = latency(library, one, known, reader=reader) if timed else {}
            measured.append(Measured(name, one, found.values, found.confidence, found.signals, times))
    return Evaluation(
        library.name,
        len(known),
        sum(one.unanswerable for one in known),
        tuple(measured),
        grounding_error(library, known),
        generator.name if generator else "",
        None if judge is None else (judge.name, judge.asked, judge.unclear),
    )


def checked(library: Opened, questions: Sequence[Question]) -> list[Question]:
    """Questions with their sources as the library names them.

    Raises:
        DataError: a source is none of its documents, or there is nothing to measure by.
    """
    if not any(one.ranked or one.answers is not None for one in questions):
        raise DataError('no question has an "answer" or a "source", so nothing can be measured. Add one of them.')
    known = resolve(questions, library.catalogue.roots(), library.catalogue.documents())
    return [replace(one, verbatim=_stands(library, one)) for one in known]


def _stands(library: Opened, question: Question) -> bool:
    """Whether an answer stands word for word in a passage of a source."""
    if not question.answers or question.page is not None:
        return False
    return any(holds(text, question.answers) for name in question.relevant for text in texts_of(library, name))


def _table(title: str, measures: Sequence[str], measured: Sequence[Measured]) -> list[str]:
    """One row a measure, one column a configuration."""
    rows = [[title, *(one.name for one in measured)]]
    for name in measures:
        found = [one.interval(name) for one in measured]
        rows.append([_SHOWN[name], *(_cell(each) for each in found)])
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    return [
        "  ".join(f"{c:>{w}}" if at else f"{c:<{w}}" for at, (c, w) in enumerate(zip(row, widths, strict=True)))
        for row in rows
    ]


def _cell(found: Interval) -> str:
    if np.isnan(found.point):
        return "–"
    ends = f" ({found.low:.2f}–{found.high:.2f})" if found.has_width else ""
    return f"{found.point:.3f}{ends}"
