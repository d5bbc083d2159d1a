"""What must hold of labels before anything is trained on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from alih.data.labels import Label, LabelScheme
from alih.data.messages import counted, did_you_mean, listed, nearest, quoted
from alih.data.numbers import find_format
from alih.data.parts import Part
from alih.data.vocabulary import Split
from alih.errors import DataError
from alih.task import Kind

#: Fewer examples than this cannot be divided into three sides that each say something.
FEWEST = 10


def check_labels(
    shown: str, parts: Mapping[Split | None, Part], scheme: LabelScheme, column: str, carved: bool
) -> list[str]:
    """Check the labels of a dataset; return notes on what is odd but usable.

    Args:
        shown: the source's name in messages.
        parts: usable rows by split.
        scheme: how labels were read.
        column: the label column, for messages; empty where folders are the classes.
        carved: a split has to be made from the training rows.

    Raises:
        DataError: too few examples, one class, a class seen once, or a class that training never sees.
    """
    train = parts["train"] if "train" in parts else parts[None]
    if carved and len(train) < FEWEST:
        raise DataError(
            f"{shown}: {counted(len(train), 'usable example')}; at least {FEWEST} are needed to split. Add examples, "
            "or give training, validation and test files of your own."
        )
    if scheme.kind is Kind.REGRESSION:
        if len(set(train.labels)) == 1:
            raise DataError(
                f'{train.origins[0]}: every example has the number {train.labels[0]} in column "{column}". '
                "Name another column with --label."
            )
        return []
    counts = Counter(name for label in train.labels for name in names_in(label))
    if scheme.kind is Kind.SINGLE:
        _check_single(shown, train, counts, column, carved)
    elif len(counts) < 1:
        raise DataError(f'{shown}: column "{column}" names no class in any row. Name another column with --label.')
    for split, part in parts.items():
        if split not in ("train", None):
            _refuse_unseen(part, counts)
    return _odd(shown, train, counts, scheme)


def names_in(label: Label) -> tuple[str, ...]:
    """Return the classes of a label."""
    return (label,) if isinstance(label, str) else label if isinstance(label, tuple) else ()


def _check_single(shown: str, train: Part, counts: Counter[str], column: str, carved: bool) -> None:
    if len(counts) == 1:
        raise DataError(
            f'{shown}: every example has the label "{next(iter(counts))}"; at least 2 classes are needed. '
            + (
                f'Add examples of another class, or name another column than "{column}" with --label.'
                if column
                else "Add a sub-folder with pictures of another class."
            )
        )
    if len(counts) > len(train) / 2 and len(train) >= FEWEST:
        measured = find_format(counts)
        are_numbers = sum(measured.number(name) is not None for name in counts) >= 0.8 * len(counts)
        numbers = ", or say --kind regression, since they are numbers" if are_numbers else ""
        raise DataError(
            f'{shown}: column "{column}" has {len(counts):,} different values in {counted(len(train), "row")}: '
            f"these are no classes. Name another column with --label{numbers}."
        )
    if not carved:
        return
    once = [name for name, count in counts.items() if count == 1]
    if once:
        first = next(row for row, label in enumerate(train.labels) if label == once[0])
        others = f" So are {quoted(once[1:], 5)}." if len(once) > 1 else ""
        near = nearest(once[0], (name for name, count in counts.items() if count > 1))
        merge = f'merge it with "{near}"' if near else "merge it with another"
        raise DataError(
            f'{train.origins[first]}: label "{once[0]}" is seen once; at least 2 examples a class are needed to split. '
            f"Drop it, or {merge}.{others}"
        )


def _refuse_unseen(part: Part, counts: Counter[str]) -> None:
    for label, origin in zip(part.labels, part.origins, strict=True):
        for name in names_in(label):
            if name not in counts:
                raise DataError(
                    f'{origin}: label "{name}" never occurs in the training data.{did_you_mean(name, counts)} '
                    "Correct it, or add training examples of it."
                )


def _odd(shown: str, train: Part, counts: Counter[str], scheme: LabelScheme) -> list[str]:
    notes = []
    folded: dict[str, list[str]] = {}
    for name in counts:
        folded.setdefault(name.casefold(), []).append(name)
    alike = [names for names in folded.values() if len(names) > 1]
    if alike:
        notes.append(f"{shown}: labels that differ only in letter case are taken as different: {quoted(alike[0])}")
    few = [name for name, count in counts.items() if count < 3]
    if few:
        notes.append(f"{shown}: seen fewer than 3 times, so absent from some splits: {quoted(few, 5)}")
    none = sum(label == () for label in train.labels)
    if scheme.kind is Kind.MULTI and none:
        notes.append(f"{shown}: {counted(none, 'example')} with no label: taken as none of the classes")
    empty = [name for name in scheme.order if name not in counts]
    if empty:
        notes.append(f"{shown}: 0 in every row, so left out: {listed(empty)}")
    return notes
