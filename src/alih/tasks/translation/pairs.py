"""Pairs of sentences from one table or from two files aligned line by line: read, cleaned, and split by seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from alih.data.decoding import read_text
from alih.data.messages import counted, did_you_mean, quoted
from alih.data.sources import read_table
from alih.errors import DataError

#: Most words of a sentence that is learnt from or scored; longer ones are left out and counted.
MOST_WORDS = 250


@dataclass(frozen=True)
class Pairs:
    """Source and target sentences, and where each pair came from.

    Args:
        name: file or files, for messages.
        sources: sentences to translate.
        targets: their translations, as many.
        origins: "train.tsv, row 812" for each pair.
        notes: what was left out, for the user.
    """

    name: str
    sources: tuple[str, ...]
    targets: tuple[str, ...]
    origins: tuple[str, ...]
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.sources)

    def take(self, rows: Sequence[int], notes: tuple[str, ...] = ()) -> Pairs:
        """Return the pairs at `rows`, in that order."""
        return Pairs(
            self.name,
            tuple(self.sources[row] for row in rows),
            tuple(self.targets[row] for row in rows),
            tuple(self.origins[row] for row in rows),
            notes,
        )


def read_pairs(path: Path, source: str | None = None, target: str | None = None) -> Pairs:
    """Read a .tsv, .csv, .jsonl, .json or .parquet file; without names, its two columns are source and target.

    Raises:
        DataError: the file cannot be read, a column is missing or ambiguous, a cell is no text, or no pair is left.
    """
    table = read_table(path, expected=[name for name in (source, target) if name is not None])
    names = list(table.columns)
    for flag, name in (("--source", source), ("--target", target)):
        if name is not None and name not in names:
            raise DataError(
                f"{table.name}: no column {name!r} ({flag}); its columns are {quoted(names)}."
                f"{did_you_mean(name, names)}"
            )
    if source is not None and source == target:
        raise DataError(f"{table.name}: --source and --target both name {source!r}. Name two columns.")
    free = [name for name in names if name not in (source, target)]
    if len(free) != (source is None) + (target is None) and (source is None or target is None):
        raise DataError(
            f"{table.name}: {counted(len(names), 'column')} ({quoted(names)}), so it is not clear which two hold the "
            "sentences. Name them with --source and --target."
        )
    source = free.pop(0) if source is None else source
    target = free.pop(0) if target is None else target
    damaged = (f"{counted(len(table.damaged), 'damaged row')} left out",) if table.damaged else ()
    sides = [
        [_text(cell, name, origin) for cell, origin in zip(table.columns[name], table.origins, strict=True)]
        for name in (source, target)
    ]
    return _clean(table.name, sides[0], sides[1], table.origins, damaged + table.notes)


def read_aligned(source: Path, target: Path) -> Pairs:
    """Read two files in which line n of one translates line n of the other.

    Raises:
        DataError: a file cannot be read, the files differ in their number of lines, or no pair is left.
    """
    sources, targets = _lines(source), _lines(target)
    if len(sources) != len(targets):
        raise DataError(
            f"{source.name} has {counted(len(sources), 'line')} and {target.name} has {counted(len(targets), 'line')}: "
            "they are not aligned. Line n of one must translate line n of the other; look for a line break within a "
            "sentence or a line that is missing."
        )
    origins = [f"{source.name} and {target.name}, line {row}" for row in range(1, len(sources) + 1)]
    return _clean(f"{source.name} and {target.name}", sources, targets, origins, ())


def split_pairs(pairs: Pairs, seed: int = 0, share: float = 0.1) -> tuple[Pairs, Pairs, Pairs]:
    """Split into training, validation and test pairs by seed; equal sources stay on one side.

    Args:
        pairs: what to split.
        seed: of the shuffle.
        share: of the different source sentences for validation, and again for the test; at most 2,000 each.

    Raises:
        DataError: fewer than three different source sentences.
    """
    groups: dict[str, list[int]] = {}
    for row, sentence in enumerate(pairs.sources):
        groups.setdefault(sentence, []).append(row)
    if len(groups) < 3:
        raise DataError(
            f"{pairs.name}: {counted(len(groups), 'different source sentence')}; training, validation and test need "
            "at least one each. Give more pairs."
        )
    order = list(groups)
    random.Random(seed).shuffle(order)
    held = max(1, min(2000, int(len(order) * share)))
    sides = order[2 * held :], order[:held], order[held : 2 * held]
    train, validation, test = (pairs.take(sorted(row for key in side for row in groups[key])) for side in sides)
    return train, validation, test


def without_overlap(train: Pairs, held_out: Pairs) -> Pairs:
    """Return the training pairs without those that a held-out split repeats, counted in its notes."""
    seen = set(zip(held_out.sources, held_out.targets, strict=True))
    same = [row for row in range(len(train)) if (train.sources[row], train.targets[row]) in seen]
    if not same:
        return train
    drop = set(same)
    note = (
        f"{train.name}: {counted(len(same), 'pair')} also in {held_out.name}, left out of training "
        f"(first: {train.origins[same[0]]})"
    )
    return train.take([row for row in range(len(train)) if row not in drop], (*train.notes, note))


def _lines(path: Path) -> list[str]:
    # Not splitlines(): a sentence may hold U+2028 or a form feed, which end no line of an aligned file.
    lines = [line.removesuffix("\r") for line in read_text(path).split("\n")]
    return lines[:-1] if lines[-1] == "" else lines


def _text(cell: object, column: str, origin: str) -> str:
    if cell is None:
        return ""
    if not isinstance(cell, str):
        raise DataError(f"{origin}: column {column!r} holds {type(cell).__name__}, no text. Name another column.")
    return cell


def _clean(
    name: str, sources: Sequence[str], targets: Sequence[str], origins: Sequence[str], notes: tuple[str, ...]
) -> Pairs:
    """Strip sentences and leave out empty and overlong pairs, with a note for each kind."""
    everything = Pairs(
        name, tuple(text.strip() for text in sources), tuple(text.strip() for text in targets), tuple(origins)
    )
    kept: list[int] = []
    empty: list[str] = []
    long: list[str] = []
    for row, (source, target) in enumerate(zip(everything.sources, everything.targets, strict=True)):
        if not source or not target:
            empty.append(origins[row])
        elif max(len(source.split()), len(target.split())) > MOST_WORDS:
            long.append(origins[row])
        else:
            kept.append(row)
    if empty:
        notes += (f"{counted(len(empty), 'pair')} with an empty side left out (first: {empty[0]})",)
    if long:
        notes += (f"{counted(len(long), 'pair')} of more than {MOST_WORDS} words left out (first: {long[0]})",)
    if not kept:
        raise DataError(f"{name}: no pair is left. {'; '.join(notes) or 'There are no rows'}. Give other data.")
    return everything.take(kept, notes)
