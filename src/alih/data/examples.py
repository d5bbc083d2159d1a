"""Examples and datasets: what reading produces and everything above consumes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from alih.data.content import fingerprint
from alih.errors import DataError
from alih.task import Task

#: A text, a pair of texts, a picture file, or a picture in memory (uint8, (height, width) or (height, width, 3)).
Input = str | tuple[str, str] | Path | NDArray[np.uint8]


@dataclass(frozen=True)
class Examples:
    """Inputs, their labels, and where each one came from.

    Args:
        inputs: one `Input` an example, or a frozen dataclass of the task's own; all of one type.
        labels: int64 of shape (n,) for single-label; float32 (n, classes) of 0/1 for multi-label; float32 (n,) for
            regression; None where labels are unknown.
        origins: where each example came from, for messages: "reviews.csv, row 812".
        groups: examples of one group never sit on two sides of a split; None if there are no groups.
    """

    inputs: Sequence[Any]
    labels: NDArray[np.generic] | None
    origins: Sequence[str]
    groups: Sequence[str] | None = None

    def __len__(self) -> int:
        return len(self.inputs)

    def __repr__(self) -> str:
        kind = type(self.inputs[0]).__name__ if len(self.inputs) else "nothing"
        return f"Examples({len(self):,} of {kind}, {'no labels' if self.labels is None else 'labelled'})"

    def select(self, indices: Sequence[int] | NDArray[np.int64]) -> Self:
        """Return the examples at `indices`, in that order."""
        chosen = [int(index) for index in indices]
        return replace(
            self,
            inputs=[self.inputs[index] for index in chosen],
            labels=None if self.labels is None else self.labels[np.asarray(chosen, dtype=np.int64)],
            origins=[self.origins[index] for index in chosen],
            groups=None if self.groups is None else [self.groups[index] for index in chosen],
        )

    @property
    def known_labels(self) -> NDArray[np.generic]:
        """The labels, where the caller knows that there are some.

        Raises:
            ValueError: there are none.
        """
        if self.labels is None:
            raise ValueError("these examples have no labels")
        return self.labels


def fingerprints(examples: Examples) -> list[str]:
    """A hash of each input: equal texts, or pictures of equal bytes, have equal ones (32 hexadecimal digits).

    Raises:
        DataError: a picture file can no longer be read; the message names its origin.
    """
    found = []
    for value, origin in zip(examples.inputs, examples.origins, strict=True):
        try:
            found.append(fingerprint(value))
        except OSError as error:
            raise DataError(
                f"{origin}: cannot be read any more ({error.strerror or error}). Put the picture back, or start again."
            ) from error
    return found


#: Why an empty line has no prediction; it is no sign of a damaged file.
EMPTY_LINE = "the line is empty"


@dataclass(frozen=True)
class Damage:
    """One row or file that could not be used, and why."""

    origin: str
    reason: str


@dataclass(frozen=True)
class Columns:
    """Which columns were taken as what, and how their cells are read; new files are read in the same way.

    Args:
        inputs: the columns of the input; none for a folder of pictures.
        label, group: columns, or None.
        decimal: the mark before decimals in labels that are numbers written with marks; None for plain ones.
        levels: values that are black and white in pictures of more than 8 bits; None where there are none.
    """

    inputs: tuple[str, ...] = ()
    label: str | None = None
    group: str | None = None
    decimal: str | None = None
    levels: tuple[float, float] | None = None


@dataclass(frozen=True)
class Dataset:
    """A task with its three splits, and everything that reading found worth saying.

    Args:
        name: short name for run folders and reports ("reviews").
        source: the path, built-in name or Hub id it was read from.
        task: what a classification predicts; None for other tasks.
        train, validation, test: the splits.
        columns: which columns were taken as what.
        notes: lines for the user: which columns, which task, how the splits were made, what was odd.
        damaged: rows and files that were left out, each with its reason.
    """

    name: str
    source: str
    task: Task | None
    train: Examples
    validation: Examples
    test: Examples
    columns: Columns = field(default_factory=Columns)
    notes: tuple[str, ...] = ()
    damaged: tuple[Damage, ...] = ()

    @property
    def problem(self) -> Task:
        """What is predicted, where the caller knows that the data are for classification.

        Raises:
            ValueError: they are for another task.
        """
        if self.task is None:
            raise ValueError("these data are not for classification")
        return self.task

    def digest(self) -> str:
        """Hash of the content: equal inputs, labels, groups and splits, in any process, give equal digests."""
        state = hashlib.blake2b(repr(self.task).encode(), digest_size=16)
        for examples in (self.train, self.validation, self.test):
            state.update(f"{len(examples)} {examples.groups}".encode(errors="surrogatepass"))
            state.update("".join(fingerprints(examples)).encode())
            if examples.labels is not None:
                state.update(np.ascontiguousarray(examples.labels).tobytes())
        return state.hexdigest()
