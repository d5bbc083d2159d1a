"""Questions with the passages that answer them: read, checked, and split so that held-out ones are new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np

from alih.data.messages import counted, quoted, worst
from alih.data.sources import read_table
from alih.data.table import is_missing
from alih.errors import DataError

_QUESTIONS = ("question", "query", "anchor")
_PASSAGES = ("passage", "positive", "document", "context")
_NEGATIVES = ("negative", "negatives", "hard_negative")
_FORM = '{"question": …, "passage": …} (or query, anchor; positive, document, context; and negative, if you have any)'
#: Shares of the groups kept for validation and test, and most of each.
_SHARE, _MOST = 0.15, 500
_FEWEST = 10


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

    def digest(self) -> str:
        """A number that changes with the data."""
        told = sha256()
        for pair in self.pairs:
            told.update(repr((pair.question, pair.passage, pair.negatives)).encode())
        return told.hexdigest()


@dataclass(frozen=True)
class Split:
    """Pairs by what they are for; `fresh` tells whether held-out passages were never trained on."""

    train: list[Pair]
    validation: list[Pair]
    test: list[Pair]
    fresh: bool

    @property
    def sizes(self) -> dict[str, int]:
        """Pairs by split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}


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
