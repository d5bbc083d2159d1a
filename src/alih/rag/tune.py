"""Tuning: chunk size, k, weights and reranking, chosen by what they measurably do for the user's questions.

Half of the questions choose; the other half says how sure that is. Of the configurations that stood out on the first
half, the simplest one is kept that is not worse on the second: whose paired 95 % interval behind the best one holds
zero, and which is not further behind than one standard error (Breiman et al. 1984, section 3.4.3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih import files
from alih.data.messages import counted
from alih.errors import DataError, RunError
from alih.metrics.base import mean_of
from alih.metrics.bootstrap import Difference, Interval
from alih.rag.calibrate import halves
from alih.rag.chunk import ChunkOptions
from alih.rag.evaluate.evaluation import checked
from alih.rag.evaluate.measure import METRICS, Reader, difference, interval, measure
from alih.rag.evaluate.questions import Question
from alih.rag.evaluate.remember import Remembering
from alih.rag.library import LIBRARY, Library
from alih.rag.lock import held
from alih.rag.settings import Fusion, Retrieval
from alih.rag.store.open import DEFAULT

Values = NDArray[np.float64]
#: Questions that are needed at least.
LEAST = 40
#: Chunks up to which other chunk sizes are tried without being asked for: each embeds the whole library once.
REBUILT = 5_000
_PLAIN = Retrieval()
_MIXTURES: tuple[tuple[Fusion, float], ...] = (
    *(("weighted", 0.2), ("weighted", 0.6), ("weighted", 0.8)),
    *(("rrf", 0.3), ("rrf", 0.5), ("rrf", 0.7)),
)
_COUNTS = (3, 5, 10)
#: What is maximised; see `Candidate.values`.
_BOTH = mean_of("mean of nDCG@10 and holds", in_points=True)
_NDCG, _HOLDS = METRICS["ndcg@10"], METRICS["holds"]
_KIND = "copy of a library"
_LEGEND = (
    "From 0 to 1, more is better; in brackets 95 % intervals. nDCG@10: right sources, the higher up the better;\n"
    "holds it: answers that have a right one word for word; behind the best: paired; k: passages that are read.\n"
    "Chosen is the simplest whose interval behind the best holds zero, no further behind than one standard error."
)
_MIXED = "vectors 0.2: the vectors count 0.2 and BM25 0.8; weighted adds scaled scores, rrf adds reciprocal ranks."


@dataclass(frozen=True, eq=False)
class Candidate:
    """A configuration and how it did.

    Args:
        chunks, options: of it.
        ndcg, holds: question by question, NaN where unknown.
    """

    chunks: ChunkOptions
    options: Retrieval
    ndcg: Values
    holds: Values

    @property
    def values(self) -> Values:
        """What is maximised: the mean of nDCG@10 and of whether the answer holds a right one, (questions,)."""
        both = np.stack([self.ndcg, self.holds])
        known = ~np.isnan(both)
        total = np.where(known, both, 0.0).sum(0)
        return np.where(known.any(0), total / np.maximum(known.sum(0), 1), np.nan)

    @property
    def label(self) -> str:
        """In words."""
        one = self.options
        mode = {"lexical": "bm25", "dense": "dense", "hybrid": "hybrid"}[one.mode]
        if one.mode == "hybrid" and not _is_plain(one):
            mode += f" ({one.fusion}, vectors {one.dense_weight:g})"
        rerank = f" + {one.rerank} reranking" if one.rerank else ""
        return f"{mode}{rerank}, k {one.k}, chunks of {self.chunks.size}"

    def simplicity(self, now: ChunkOptions) -> tuple[Any, ...]:
        """Smaller is simpler: no reranker, no new index, one search, plain weights, few passages."""
        one = self.options
        tuned = one.mode == "hybrid" and not _is_plain(one)
        return bool(one.rerank), self.chunks != now, one.mode == "hybrid", tuned, one.k


@dataclass(frozen=True, eq=False)
class Tuning:
    """What was tried and what was kept.

    Args:
        now: what the library has.
        best: what did best on the first half.
        chosen: the simplest that is not worse on the second.
        standing: those that were compared there, the simplest first.
        tried: how many configurations were measured.
        held: which questions are the second half.
    """

    now: Candidate
    best: Candidate
    chosen: Candidate
    standing: tuple[Candidate, ...]
    tried: int
    held: NDArray[np.bool_]

    def score(self, one: Candidate) -> Interval:
        """Of a candidate on the second half."""
        return interval(_BOTH, one.values[self.held])

    def gain(self) -> Difference:
        """What is chosen against what the library has now, on the second half, paired."""
        return difference(_BOTH, self.chosen.values[self.held], self.now.values[self.held])

    @property
    def changes(self) -> bool:
        """Whether the library would be configured otherwise."""
        return (self.chosen.chunks, self.chosen.options) != (self.now.chunks, self.now.options)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "tried": self.tried,
            "held_out": int(self.held.sum()),
            "chosen": {"label": self.chosen.label, "chunks": vars(self.chosen.chunks), **vars(self.chosen.options)},
            "changed": self.changes,
            "gain": vars(self.gain()),
            "standing": [
                {
                    "label": one.label,
                    "now": one is self.now,
                    "best": one is self.best,
                    "chosen": one is self.chosen,
                    "score": vars(self.score(one)),
                    "ndcg@10": vars(interval(_NDCG, one.ndcg[self.held])),
                    "holds": vars(interval(_HOLDS, one.holds[self.held])),
                    "behind_best": vars(behind(self.best, one, self.held)),
                }
                for one in self.standing
            ],
        }

    def __str__(self) -> str:
        lines = [
            f"{self.tried} configurations measured on {counted(int((~self.held).sum()), 'question')}; those that stood "
            f"out, on {counted(int(self.held.sum()), 'other')}, the simplest first:"
        ]
        rows = [["", "nDCG@10", "holds it", "mean of both", "behind the best", ""]]
        for one in self.standing:
            gap, score = behind(self.best, one, self.held), self.score(one)
            marks = [t for t, c in (("now", self.now), ("best", self.best), ("chosen", self.chosen)) if one is c]
            rows.append(
                [
                    one.label,
                    _shown(interval(_NDCG, one.ndcg[self.held]).point),
                    _shown(interval(_HOLDS, one.holds[self.held]).point),
                    f"{_shown(score.point)}{_ends(score)}",
                    "" if one is self.best else f"{gap.point:+.3f} ({gap.words('+.3f')})",
                    ", ".join(marks),
                ]
            )
        widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
        lines += [
            f"{row[0]:<{widths[0]}}  "
            + "  ".join(f"{c:>{w}}" for c, w in zip(row[1:5], widths[1:5], strict=True)).rstrip()
            + (f"  {row[5]}" if row[5] else "")
            for row in rows
        ]
        lines += [_LEGEND, *([_MIXED] if any("vectors" in row[0] for row in rows) else [])]
        gap = self.gain()
        lines.append(
            f"kept: {self.chosen.label}"
            + (
                f"; against now {gap.point:+.3f} ({gap.words('+.3f')}, paired, 95 %)"
                if self.changes
                else ", as it is now"
            )
        )
        return "\n".join(lines)


def tune(
    library: Library,
    questions: Sequence[Question],
    *,
    sizes: Sequence[int] | None = None,
    rerank: str = "late",
    reader: Reader | None = None,
    seed: int = 0,
) -> Tuning:
    """Measure configurations and choose one. Nothing is written; `apply` does that.

    Args:
        library: whose documents are still where they were, if other chunk sizes are to be tried.
        questions: with answers or sources; those without an answer in the documents do not count here.
        sizes: chunk sizes to try, in tokens; by default half of the library's, where it has up to 5,000 chunks.
        rerank: the reranker to try; "" for none.
        reader: who asks.
        seed: of the halves.

    Raises:
        DataError: fewer than forty questions that say something.
    """
    known = [one for one in checked(library, questions) if one.ranked]
    if len(known) < LEAST:
        raise DataError(
            f"tuning needs at least {LEAST} questions with an answer or a source, half of them to choose by and half "
            f"to check the choice; there are {len(known)}. Write some more."
        )
    first = halves([False] * len(known), seed)
    search = _Search(library, known, first, rerank, reader)
    for chunks in _chunk_options(library, sizes):
        with _cut(library, chunks) as cut:
            search.run(cut, chunks)
    return search.conclude()


def apply(library: Library, tuning: Tuning) -> None:
    """Write what was chosen into the library; other chunks are cut and embedded where they are."""
    library.configure(retrieval=tuning.chosen.options)
    if tuning.chosen.chunks != library.settings.chunks:
        library.rechunk(tuning.chosen.chunks)


def behind(best: Candidate, one: Candidate, held: NDArray[np.bool_]) -> Difference:
    """How far a candidate is behind the best one on the second half, paired."""
    return difference(_BOTH, best.values[held], one.values[held])


def not_worse(gap: Difference) -> bool:
    """Whether a candidate that is so far behind counts as no worse."""
    return gap.low <= 0 and gap.point <= gap.standard_error


class _Search:
    """Measures the stages at each chunk size."""

    def __init__(
        self,
        library: Library,
        questions: Sequence[Question],
        first: NDArray[np.bool_],
        rerank: str,
        reader: Reader | None,
    ) -> None:
        self._settings = library.settings
        self._progress = library.progress
        self._questions = questions
        self._first = first
        self._rerank = rerank
        self._reader = reader
        self._found: dict[tuple[ChunkOptions, Retrieval], Candidate] = {}
        self._standing: set[tuple[ChunkOptions, Retrieval]] = {(self._settings.chunks, self._settings.retrieval)}

    def run(self, library: Library, chunks: ChunkOptions) -> None:
        """Stage by stage: each search, then a reranker on the best, then how many passages."""
        remembering = Remembering(library)
        now = self._settings.retrieval
        plain = now.but(rerank="", dense_weight=_PLAIN.dense_weight, fusion=_PLAIN.fusion)
        if chunks == self._settings.chunks:
            self._measure(remembering, chunks, [now])
        single = [
            self._measure(remembering, chunks, [plain.but(mode="lexical")]),
            self._measure(remembering, chunks, [plain.but(mode="dense")]),
            self._measure(remembering, chunks, [plain.but(mode="hybrid")]),
        ]
        mixed = [plain.but(mode="hybrid", fusion=fusion, dense_weight=weight) for fusion, weight in _MIXTURES]
        best = max([*single, self._measure(remembering, chunks, mixed)], key=self._score)
        if self._rerank:
            again = self._measure(remembering, chunks, [best.options.but(rerank=self._rerank)])
            best = max((best, again), key=self._score)
        self._measure(remembering, chunks, [best.options.but(k=count) for count in _COUNTS])

    def conclude(self) -> Tuning:
        """Choose the simplest that is not worse on the second half."""
        now = self._settings
        standing = [self._found[key] for key in self._standing]
        standing.sort(key=lambda one: (*one.simplicity(now.chunks), one.label))
        best = max(standing, key=self._score)
        held = ~self._first
        chosen = next(one for one in standing if one is best or not_worse(behind(best, one, held)))
        current = next(one for one in standing if (one.chunks, one.options) == (now.chunks, now.retrieval))
        return Tuning(current, best, chosen, tuple(standing), len(self._found), held)

    def _score(self, one: Candidate) -> float:
        return float(np.nanmean(one.values[self._first]))

    def _measure(self, library: Remembering, chunks: ChunkOptions, several: Sequence[Retrieval]) -> Candidate:
        """Measure some configurations; the best of them on the first half is compared on the second."""
        made = []
        for options in several:
            if (chunks, options) not in self._found:
                with self._progress.step(f"Chunks of {chunks.size}", len(self._questions), "questions") as advance:
                    found = measure(
                        library,
                        "",
                        options,
                        self._questions,
                        reader=self._reader,
                        threshold=0.0,  # the threshold is calibrated afterwards
                        advance=advance,
                    )
                self._found[chunks, options] = Candidate(
                    chunks, options, found.values["ndcg@10"], found.values["holds"]
                )
            made.append(self._found[chunks, options])
        best = max(made, key=self._score)
        self._standing.add((chunks, best.options))
        return best


def _chunk_options(library: Library, sizes: Sequence[int] | None) -> list[ChunkOptions]:
    now = library.settings.chunks
    if sizes is None:
        small = library.catalogue.counts()["chunks"] <= REBUILT and now.size >= 64
        if not small:
            library.progress.say("Other chunk sizes are not tried; name them with --chunk-sizes to embed all anew.")
        return [now, ChunkOptions(now.size // 2, 0)] if small else [now]
    return list(dict.fromkeys([now, *(ChunkOptions(size, min(now.overlap, (size - 1) // 2)) for size in sizes)]))


@contextmanager
def _cut(library: Library, chunks: ChunkOptions) -> Iterator[Library]:
    """The library itself, or a copy of it that is cut otherwise, which lives as long as the block."""
    if chunks == library.settings.chunks:
        yield library
        return
    for left in files.leftovers(library.folder, _KIND):
        with suppress(RunError), held(left, library.name):  # a process that was killed holds it no more
            files.remove(left)
    place = files.new_folder(library.folder)
    files.mark(place, _KIND)
    with held(place, library.name):
        settings = library.settings
        copy = Library(
            library.name,
            place,
            model=settings.model,
            store=DEFAULT,
            chunks=chunks,
            language=settings.language,
            progress=library.progress,
        )
        copy.__dict__["embedder"] = library.embedder
        try:
            files.mark_new(copy.folder, LIBRARY)
            for root in library.catalogue.roots():
                copy.catalogue.put_root(root)  # so that documents keep their names
                if not root.path:
                    copy.add_stdlib()
                elif root.whole:
                    copy.add(root.path, access=root.access, tags=root.tags)
                else:
                    for name in library.catalogue.documents(root.label):
                        copy.add(Path(root.path) / name.partition("/")[2])
            yield copy
        finally:
            copy.close()
            files.remove(place)


def _is_plain(one: Retrieval) -> bool:
    """Mixed as libraries are unless told otherwise."""
    return (one.dense_weight, one.fusion) == (_PLAIN.dense_weight, _PLAIN.fusion)


def _ends(found: Interval) -> str:
    """The interval in brackets; nothing where it has no width."""
    return f" ({_shown(found.low)}–{_shown(found.high)})" if found.has_width else ""


def _shown(value: float) -> str:
    return "–" if np.isnan(value) else f"{value:.3f}"
