"""Whether a model was trained on what it is evaluated on: hashes of the training inputs, kept in a small file."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from alih.data.examples import Examples, fingerprints
from alih.errors import RunError

#: File of the hashes of the training inputs, in the run folder.
FINGERPRINTS = "fingerprints.json"
_SCHEMA = 1


def overlap(train: Examples | Iterable[str], other: Examples) -> int:
    """Count the examples of `other` that also stand in the training data, to the letter or to the byte.

    Args:
        train: the training examples, or their fingerprints (`read_fingerprints`).
        other: what a model is to be evaluated on.

    Raises:
        DataError: a picture can no longer be read.
    """
    known = set(fingerprints(train) if isinstance(train, Examples) else train)
    return sum(mark in known for mark in fingerprints(other))


def write_fingerprints(path: Path, examples: Examples) -> None:
    """Keep the hashes of a run's training inputs, 35 bytes each; texts and pictures cannot be had back from them.

    Raises:
        DataError: a picture can no longer be read.
        OSError: the file cannot be written.
    """
    told = {"schema": _SCHEMA, "fingerprints": sorted(set(fingerprints(examples)))}
    path.write_text(json.dumps(told), encoding="utf-8")


def read_fingerprints(path: Path) -> frozenset[str]:
    """Return the hashes that `write_fingerprints` kept.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        marks = told["fingerprints"]
        if told["schema"] != _SCHEMA or not all(isinstance(mark, str) for mark in marks):
            raise ValueError("written by another version of alih")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{path}: the fingerprints of the training data cannot be read ({error}), so it is not known whether the "
            "model saw these examples. Adapt it again to have them."
        ) from error
    return frozenset(marks)
