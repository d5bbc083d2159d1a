"""Questions with the passages that answer them: read, checked, and split so that held-out ones are new."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alih.data.examples import Dataset, Examples
from alih.data.messages import counted, quoted, worst
from alih.data.sources import read_table
from alih.data.table import is_missing
from alih.errors import DataError

_QUESTIONS = ("question", "query", "anchor")
_PASSAGES = ("passage", "positive", "document", "context")
_NEGATIVES = ("negative", "negatives", "hard_negative")
_KINDS = (_QUESTIONS, _PASSAGES, _NEGATIVES)
_FORM = '{"question": …, "passage": …} (or query, anchor; positive, document, context; and negative, if you have any)'
#: Shares of the groups kept for validation and test, and most of each.
_SHARE, _MOST = 0.15, 500
_FEWEST = 10
#: Passages that validation and training questions are ranked among, beside their own.
_MOST_PASSAGES = 1500


@dataclass(frozen=True)
class Question:
    """One example of the task: a question, every passage that answers it, and such that only seem to.

    Args:
        text: in words.
        passages: that answer it; at least one.
        negatives: that the user says do not.
    """

    text: str
    passages: tuple[str, ...]
    negatives: tuple[str, ...] = ()


@dataclass(frozen=True, repr=False)
class Questions(Examples):
    """Questions as examples, and the passages that theirs are looked for among.

    Args:
        others: passages that every one of them is looked for among, beside those of all of them.
    """

    others: tuple[str, ...] = ()

    @property
    def questions(self) -> list[Question]:
        """The inputs."""
        return [question for question in self.inputs if isinstance(question, Question)]

    @property
    def candidates(self) -> list[str]:
        """The passages that are ranked for each question, each once: their own first."""
        own = (text for question in self.questions for text in question.passages)
        return list(dict.fromkeys([*own, *self.others]))


@dataclass(frozen=True)
class Pair:
    """One question with a passage that answers it.

    Args:
        question: in words.
        passage: that answers it.
        negatives: passages that do not, though they may seem to.
        origin: "pairs.jsonl, row 3".
    """

    question: str
    passage: str
    negatives: tuple[str, ...]
    origin: str


@dataclass(frozen=True)
class Pairs:
    """The pairs of one file.

    Args:
        name: of the file.
        pairs: in its order.
        notes: what was odd.
    """

    name: str
    pairs: tuple[Pair, ...]
    notes: tuple[str, ...] = ()

    @property
    def passages(self) -> list[str]:
        """Every passage once, negatives among them, in the file's order."""
        return list(dict.fromkeys(text for pair in self.pairs for text in (pair.passage, *pair.negatives)))

    def questions(self, pairs: Sequence[Pair], others: Sequence[str], *, grouped: bool = False) -> Questions:
        """Some of the pairs as examples, one a question.

        Args:
            pairs: some of them, every one of a question.
            others: passages that are ranked beside those of the questions.
            grouped: questions that share a passage, directly or through others, are one group.
        """
        by_question: dict[str, list[Pair]] = {}
        for pair in pairs:
            by_question.setdefault(pair.question, []).append(pair)
        inputs = [
            Question(
                text,
                tuple(pair.passage for pair in same),
                tuple(dict.fromkeys(negative for pair in same for negative in pair.negatives)),
            )
            for text, same in by_question.items()
        ]
        numbers = dict(zip((p.question for p in pairs), _groups([(p.question, p.passage) for p in pairs]), strict=True))
        return Questions(
            inputs,
            None,
            [same[0].origin for same in by_question.values()],
            [str(numbers[text]) for text in by_question] if grouped else None,
            tuple(others),
        )


@dataclass(frozen=True)
class Split:
    """Pairs by what they are for; `fresh` tells whether held-out passages were never trained on."""

    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]
    fresh: bool


def all_questions(pairs: Pairs) -> Questions:
    """Every question of a file, to be looked for among all of its passages."""
    return pairs.questions(pairs.pairs, pairs.passages, grouped=True)


def looks_like_pairs(data: Any) -> bool:
    """Whether a file's first line names a question, a passage, perhaps negatives, and nothing else."""
    try:
        path = Path(data).expanduser()
        with path.open(encoding="utf-8-sig") as file:
            line = file.readline(1 << 20)
        if path.suffix == ".jsonl":
            names = list(json.loads(line))
        elif path.suffix in {".csv", ".tsv"}:
            names = next(csv.reader([line], delimiter="\t" if path.suffix == ".tsv" else ","))
        else:
            return False
    except (OSError, ValueError, TypeError, StopIteration, csv.Error):
        return False
    known = [next((kind for kind in _KINDS if str(name).lower() in kind), None) for name in names]
    return None not in known and len(set(known)) == len(known) and {_QUESTIONS, _PASSAGES} <= set(known)


def read_pairs(data: str | Path) -> Pairs:
    """Read a .jsonl, .json, .csv, .tsv or .parquet file with a question and a passage a row.

    Raises:
        DataError: no such file, a column is missing, or a cell is empty or no text; the message names the first rows.
    """
    path = Path(data).expanduser()
    if path.is_dir():
        raise DataError(f"{path}: is a folder. For --task retrieval give one file with rows {_FORM}.")
    if not path.is_file():
        raise DataError(f"{path}: no such file. Give a .jsonl, .csv, .tsv, .json or .parquet file.")
    table = read_table(path)
    if table.damaged:
        raise DataError(f"{counted(len(table.damaged), 'row')} cannot be read: {worst(table.damaged)}. Mend them.")
    names = list(table.columns)
    question, passage = (_column(names, known) for known in (_QUESTIONS, _PASSAGES))
    if question is None or passage is None:
        what = "question" if question is None else "passage"
        raise DataError(f"{path.name}: no column with the {what}; its columns are {quoted(names)}. Write {_FORM}.")
    negative = _column(names, _NEGATIVES)
    wrong: list[str] = []
    found: list[Pair] = []
    for row, origin in enumerate(table.origins):
        try:
            found.append(
                Pair(
                    _text(table.columns[question][row], question),
                    _text(table.columns[passage][row], passage),
                    () if negative is None else _several(table.columns[negative][row], negative),
                    origin,
                )
            )
        except ValueError as error:
            wrong.append(f"{origin}: {error}")
    if wrong:
        more = f" (and {len(wrong) - 3:,} more)" if len(wrong) > 3 else ""
        raise DataError(f"{'; '.join(wrong[:3])}{more}. Mend these rows, or take them out.")
    unique = list({(one.question, one.passage): one for one in reversed(found)}.values())[::-1]
    twice = len(found) - len(unique)
    notes = (f"{counted(twice, 'pair')} stood there twice and counted once",) if twice else ()
    return Pairs(path.name, tuple(unique), (*table.notes, *notes))


def read_dataset(
    data: str | Path, seed: int, validation: float | None, test: float | None, max_examples: int | None
) -> Dataset:
    """Read and split a file; see `read_pairs` and `split`.

    Validation and training questions are ranked among their own passages and the same `_MOST_PASSAGES` others at most,
    so that their scores compare and each trial costs what it has to; test questions among all there are.

    Args:
        data: the file.
        seed: of the split.
        validation, test: shares of the questions; None for the usual ones.
        max_examples: training questions, at most; None for all.

    Raises:
        DataError: it cannot be read, or there are too few different questions.
    """
    pairs = read_pairs(data)
    parts = split(pairs, seed, validation, test)
    passages = pairs.passages
    few = [passages[number] for number in np.random.default_rng(0).permutation(len(passages))[:_MOST_PASSAGES]]
    train = pairs.questions(parts.train, few, grouped=parts.fresh)
    if max_examples is not None and max_examples < len(train):
        train = train.select(np.sort(np.random.default_rng(seed).permutation(len(train))[:max_examples]))
    chosen = pairs.questions(parts.validation, few, grouped=parts.fresh)
    tested = pairs.questions(parts.test, passages, grouped=parts.fresh)
    sizes = f"{len(train):,} to train on, {len(chosen):,} to choose by, {len(tested):,} to test on"
    known = "new" if parts.fresh else "known from training, and the questions are new"
    return Dataset(
        Path(data).stem,
        str(data),
        None,
        train,
        chosen,
        tested,
        notes=(
            f"{pairs.name}: {counted(len(pairs.pairs), 'pair')}, {counted(len(passages), 'passage')}; questions: "
            f"{sizes}. The passages of held-out questions are {known}.",
            *pairs.notes,
        ),
    )


def split(pairs: Pairs, seed: int, validation: float | None = None, test: float | None = None) -> Split:
    """Split by the seed, so that questions, and passages where there are enough of them, are on one side.

    Pairs that share a question or a passage, directly or through others, make a group. Where that leaves too few
    groups, pairs are kept together by question alone: passages are then known from training, as they are in a library.

    Raises:
        DataError: too few different questions.
    """
    groups = _groups([(pair.question, pair.passage) for pair in pairs.pairs])
    fresh = len(set(groups)) >= _FEWEST
    if not fresh:
        numbers: dict[str, int] = {}
        groups = [numbers.setdefault(pair.question, len(numbers)) for pair in pairs.pairs]
    known = list(dict.fromkeys(groups))
    if len(known) < _FEWEST:
        raise DataError(
            f"{pairs.name}: {counted(len(known), 'different question')}; at least {_FEWEST} are needed to train, to "
            "choose and to test. Give more pairs."
        )
    order = np.random.default_rng(seed).permutation(known).tolist()
    held = [_count(len(order), share) for share in (test, validation)]
    tested, chosen = set(order[: held[0]]), set(order[held[0] : sum(held)])
    parts: tuple[list[Pair], list[Pair], list[Pair]] = ([], [], [])
    for pair, group in zip(pairs.pairs, groups, strict=True):
        parts[2 if group in tested else 1 if group in chosen else 0].append(pair)
    return Split(*parts, fresh)


def _groups(edges: Sequence[tuple[str, str]]) -> list[int]:
    """Number of the connected group of each (question, passage)."""
    parent: dict[tuple[str, str], tuple[str, str]] = {}

    def root(node: tuple[str, str]) -> tuple[str, str]:
        parent.setdefault(node, node)
        while parent[node] != node:
            parent[node] = parent[parent[node]]
            node = parent[node]
        return node

    for question, passage in edges:
        parent[root(("question", question))] = root(("passage", passage))
    numbers: dict[tuple[str, str], int] = {}
    return [numbers.setdefault(root(("question", question)), len(numbers)) for question, _ in edges]


def _count(total: int, share: float | None) -> int:
    wanted = round(total * (_SHARE if share is None else share))
    return max(1, min(wanted, (total - 1) // 2, _MOST if share is None else total))


def _column(names: Sequence[str], known: Sequence[str]) -> str | None:
    lower = {name.lower(): name for name in names}
    return next((lower[name] for name in known if name in lower), None)


def _text(cell: Any, column: str) -> str:
    if not isinstance(cell, str) or not cell.strip():
        raise ValueError(f"{column} is {'empty' if is_missing(cell) or isinstance(cell, str) else 'no text'}")
    return cell.strip()


def _several(cell: Any, column: str) -> tuple[str, ...]:
    if is_missing(cell):
        return ()
    return tuple(_text(one, column) for one in (cell if isinstance(cell, list | tuple) else [cell]))
