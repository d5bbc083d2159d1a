"""From a file or a folder to a dataset of tagged sentences."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from alih.data.examples import Damage, Dataset, Examples
from alih.data.split import SplitError, split
from alih.data.split_options import SplitOptions
from alih.errors import DataError, OptionError
from alih.task import Kind, Modality
from alih.task import Task as Problem
from alih.tasks.tagging.sentences import OUTSIDE, Sentence, are_entities, parts_of, read_sentences

_PARTS = ("train", "validation", "test")


def read_dataset(data: str | Path, options: Any) -> Dataset:
    """Read a file, or a folder with files train.*, validation.* (or valid, val, dev) and test.*.

    A split that has no file is drawn from the training sentences, equal ones together.

    Raises:
        DataError: it cannot be read, or there is nothing to learn in it.
        OptionError: a share of a split that has a file.
    """
    path, damaged, notes = Path(data).expanduser(), list[Damage](), list[str]()
    files = parts_of(path) if path.is_dir() else {"train": path}
    if "train" not in files:
        raise DataError(f"{path}: no file train.* in it. Name the training file train.txt, train.conll or train.jsonl.")
    for part in ("validation", "test"):
        if part in files and getattr(options, part) is not None:
            raise OptionError(f"--{part}: {files[part].name} is that split; leave the option or the file out.")
    parts = {part: read_sentences(file, damaged, notes) for part, file in files.items()}
    parts |= _drawn(path.name, parts["train"], [part for part in _PARTS if part not in files], options)
    train = parts["train"]
    if options.max_examples is not None and options.max_examples < len(train):
        rows = np.random.default_rng(options.seed).permutation(len(train))[: options.max_examples]
        train = train.select(np.sort(rows).astype(np.int64))
    tags = sorted(set(tags_in(train)), key=lambda tag: (tag != OUTSIDE, tag[2:] or tag, tag))
    if len(tags) < 2:
        raise DataError(f"{files['train'].name}: every word has the tag {tags[0]}, so there is nothing to learn.")
    for part in ("validation", "test"):
        unknown = sorted(set(tags_in(parts[part])) - set(tags))
        if unknown:
            notes.append(f"  {part}: {', '.join(unknown)} never stand in the training sentences, so none is found.")
    kinds = sorted({tag[2:] for tag in tags} - {""})
    what = f"entities {', '.join(kinds)}" if are_entities(tags) else f"{len(tags)} tags, one a word"
    sizes = " / ".join(f"{len(one):,}" for one in (train, parts["validation"], parts["test"]))
    notes.insert(0, f"{path.name}: {what}; {sizes} sentences to train, validate and test")
    seen = {sentence.text for sentence in train.inputs}
    twice = sum(sentence.text in seen for sentence in parts["test"].inputs)
    if twice:
        notes.append(f"  {twice:,} of the test sentences stand in the training sentences, too.")
    problem = Problem(Modality.TEXT, Kind.SINGLE, tuple(tags))
    return Dataset(
        path.stem,
        str(data),
        problem,
        train,
        parts["validation"],
        parts["test"],
        notes=tuple(notes),
        damaged=tuple(damaged),
    )


def tags_in(examples: Examples) -> list[str]:
    """Every tag of every word."""
    return [tag for sentence in examples.inputs for tag in sentence.tags or ()]


def _drawn(name: str, train: Examples, missing: list[str], options: Any) -> dict[str, Examples]:
    """Training sentences, and the splits that have no file."""
    if not missing:
        return {"train": train}
    given = (getattr(options, part) for part in missing)
    fractions = [
        getattr(SplitOptions, part) if share is None else share for part, share in zip(missing, given, strict=True)
    ]
    texts = [one.text for one in train.inputs if isinstance(one, Sentence)]
    try:
        sides = split(np.zeros(len(train), dtype=np.int64), fractions, options.seed, texts)
    except SplitError as error:
        raise DataError(
            f"{name}: {len(set(texts))} different sentences are too few to hold some out. Add more."
        ) from error
    return {part: train.select(rows) for part, rows in zip(("train", *missing), sides, strict=True)}
