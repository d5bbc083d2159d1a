"""From what the user named to training, validation and test pairs: a table, two files, or a folder of aligned files."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from alih.data.messages import counted, did_you_mean, listed
from alih.errors import DataError
from alih.tasks.translation.pairs import Pairs, read_aligned, read_pairs, split_pairs, without_overlap

#: What a file's name begins with, by split.
_SPLITS = {
    "train": ("train", "training"),
    "validation": ("valid", "validation", "val", "dev"),
    "test": ("test",),
}
_TABLES = frozenset({".tsv", ".csv", ".jsonl", ".json", ".ndjson", ".parquet"})
#: Files of a folder that hold no sentences.
_NO_SENTENCES = frozenset({".md", ".html", ".pdf", ".gz", ".zip", ".xz", ".bz2"})
#: Most pairs of a split that is cut off the training pairs.
_MOST_HELD = 2000


@dataclass(frozen=True)
class Corpus:
    """Pairs in three splits.

    Args:
        name: short name, for run folders.
        train: to learn from.
        validation: to choose the weights by.
        test: looked at once, at the end.
        source: column or ending of the source sentences, where it was named; often a language.
        target: the same of their translations.
        notes: what was left out and decided, for the user.
    """

    name: str
    train: Pairs
    validation: Pairs
    test: Pairs
    source: str | None = None
    target: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def sizes(self) -> dict[str, int]:
        """Pairs by split."""
        return {"train": len(self.train), "validation": len(self.validation), "test": len(self.test)}


def read_corpus(
    path: str | Path,
    source: str | None = None,
    target: str | None = None,
    *,
    seed: int = 0,
    validation: float | None = None,
    test: float | None = None,
    max_examples: int | None = None,
) -> Corpus:
    """Read and split pairs.

    A table (.tsv, .csv, .jsonl, .json, .parquet) has a column for each side. A folder has files train.X and train.Y,
    valid.X …, test.X … aligned line by line, or one pair of files, or tables train.tsv, valid.tsv, test.tsv; what is
    missing is cut off the training pairs by seed.

    Args:
        path: the file or folder.
        source: column, or ending (language) of the files, of the sentences to translate.
        target: the same of their translations.
        seed: of the split.
        validation: share for validation, where none is given; 0.1, and at most 2,000 pairs, by default.
        test: the same for the test.
        max_examples: use at most so many training pairs.

    Raises:
        DataError: nothing is there, it cannot be read, or the sides do not belong together.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        parts, source, target = _folder(place, source, target)
    elif place.is_file():
        parts, source, target = {"train": _table(place, source, target)}, source, target
    else:
        raise _missing(place)
    corpus = _split(place.resolve().stem, parts, seed, validation, test)
    train = without_overlap(without_overlap(corpus.train, corpus.validation), corpus.test)
    if not len(train):
        raise DataError(f"{place.name}: every training pair is also a validation or test pair. Give other pairs.")
    if max_examples is not None and max_examples < len(train):
        rows = sorted(random.Random(seed).sample(range(len(train)), max_examples))
        train = train.take(rows, (*train.notes, f"{max_examples:,} of {len(train):,} training pairs are used"))
    notes = dict.fromkeys([*_notes(parts.values()), *train.notes])
    return replace(corpus, train=train, source=source, target=target, notes=tuple(notes))


def read_test(path: str | Path, source: str | None = None, target: str | None = None) -> Pairs:
    """Read pairs to score a translator on: a table, or a folder with test.X and test.Y or one pair of files.

    Raises:
        DataError: as for `read_corpus`.
    """
    place = Path(path).expanduser()
    if place.is_file():
        return _table(place, source, target)
    if not place.is_dir():
        raise _missing(place)
    parts, _, _ = _folder(place, source, target)
    return parts.get("test") or next(iter(parts.values()))


def aligned_files(place: Path) -> tuple[str, str] | None:
    """Two files of a folder that seem to be aligned line by line: train.en and train.id; None where there are none."""
    try:
        names = sorted(found.name for found in place.expanduser().iterdir()) if place.expanduser().is_dir() else []
    except OSError:
        return None
    train = [Path(name) for name in names if Path(name).stem in _SPLITS["train"]]
    plain = [
        one for one in train if one.suffix.lower() not in _TABLES | _NO_SENTENCES and 2 <= len(one.suffix[1:]) <= 8
    ]
    return (plain[0].name, plain[1].name) if len(plain) == len(train) == 2 else None


def _table(place: Path, source: str | None, target: str | None) -> Pairs:
    """A table; of one whose columns have other names than the training data's, the two there are."""
    return read_pairs(place, source, target)


def _missing(place: Path) -> DataError:
    if not place.parent.is_dir():
        return DataError(f"{place}: no such file or folder ({place.parent} does not exist). Check the path.")
    names = [found.name for found in place.parent.iterdir() if not found.name.startswith(".")]
    near = did_you_mean(place.name, names)
    return DataError(f"{place}: no such file or folder.{near or ' Check the path.'}")


def _folder(place: Path, source: str | None, target: str | None) -> tuple[dict[str, Pairs], str | None, str | None]:
    files = sorted(found for found in place.iterdir() if found.is_file() and not found.name.startswith("."))
    tables = [found for found in files if found.suffix.lower() in _TABLES]
    if tables:
        return {split: read_pairs(found, source, target) for split, found in _by_split(tables).items()}, source, target
    texts = [found for found in files if found.suffix and found.suffix.lower() not in _NO_SENTENCES]
    by_stem: dict[str, dict[str, Path]] = {}
    for found in texts:
        by_stem.setdefault(found.stem, {})[found.suffix[1:]] = found
    pairs = {stem: sides for stem, sides in by_stem.items() if len(sides) > 1}
    if not pairs:
        there = listed((found.name for found in files), 5) or "it is empty"
        packed = any(found.suffix.lower() in {".gz", ".zip", ".xz", ".bz2"} for found in files)
        raise DataError(
            f"{place.name}: no aligned files here ({there}). {'Unpack them first. ' if packed else ''}"
            "Give train.en and train.id, line n of one translating line n of the other, or a table with two columns."
        )
    source, target = _languages(place, pairs, source, target)
    stems = {stem: sides[source] for stem, sides in pairs.items() if {source, target} <= set(sides)}
    chosen = _by_split(list(stems.values()))
    return (
        {split: read_aligned(first, first.with_suffix(f".{target}")) for split, first in chosen.items()},
        source,
        target,
    )


def _languages(
    place: Path, pairs: dict[str, dict[str, Path]], source: str | None, target: str | None
) -> tuple[str, str]:
    """The endings of the files of both sides."""
    endings = sorted({ending for sides in pairs.values() for ending in sides})
    for flag, name in (("--source", source), ("--target", target)):
        if name is not None and name not in endings:
            raise DataError(
                f"{place.name}: no aligned files end in .{name} ({flag}); the endings are {', '.join(endings)}."
                f"{did_you_mean(name, endings)}"
            )
    if source is not None and source == target:
        raise DataError(f"{place.name}: --source and --target both name {source!r}. Name two endings.")
    free = [ending for ending in endings if ending not in (source, target)]
    if source is None and target is None:
        raise DataError(
            f"{place.name}: files end in {', '.join(endings)}, and it is not clear which side is to be translated. "
            f"Say so: --source {endings[0]} --target {endings[1]}"
        )
    if (source is None or target is None) and len(free) != 1:
        raise DataError(f"{place.name}: files end in {', '.join(endings)}. Name both sides with --source and --target.")
    return source or free[0], target or free[0]


def _by_split(files: list[Path]) -> dict[str, Path]:
    """One file a split, by what its name begins with; a single file of any name is the training data."""
    found: dict[str, list[Path]] = {}
    for file in files:
        stem = file.stem.lower()
        split = next((key for key, names in _SPLITS.items() if any(_begins(stem, name) for name in names)), None)
        if split is not None:
            found.setdefault(split, []).append(file)
    if not found and len(files) == 1:
        return {"train": files[0]}
    folder = files[0].parent.name if files else ""
    if "train" not in found and "test" not in found:
        raise DataError(
            f"{folder}: none of {listed(file.name for file in files)} is called train. Call the files train.…, "
            "valid.… and test.…, or name one table."
        )
    for split, several in found.items():
        if len(several) > 1:
            raise DataError(
                f"{folder}: {listed(file.name for file in several)} could each be the {split} split. Keep one in the "
                "folder, or name a table."
            )
    return {split: several[0] for split, several in found.items()}


def _begins(stem: str, name: str) -> bool:
    return stem == name or (stem.startswith(name) and not stem[len(name)].isalpha())


def _split(name: str, parts: dict[str, Pairs], seed: int, validation: float | None, test: float | None) -> Corpus:
    if "train" not in parts:
        raise DataError(f"{name}: there are test pairs, but none to train on. Add train.….")
    train = parts["train"]
    for split, share in (("validation", validation), ("test", test)):
        if split in parts and share is not None:
            raise DataError(f"{name}: has {split} pairs of its own, so --{split} means nothing here; leave it out.")
    if "validation" not in parts and "test" not in parts and validation is None and test is None:
        rest, held, last = split_pairs(train, seed)
        return Corpus(name, rest, held, last)
    rest = train
    held_out: dict[str, Pairs] = {key: parts[key] for key in ("validation", "test") if key in parts}
    for number, (split, share) in enumerate((("validation", validation), ("test", test))):
        if split not in held_out:
            held_out[split], rest = _cut(rest, len(train), share or 0.1, seed + number)
    return Corpus(name, rest, held_out["validation"], held_out["test"])


def _cut(pairs: Pairs, whole: int, share: float, seed: int) -> tuple[Pairs, Pairs]:
    """So many pairs, and the others; equal sources stay on one side."""
    order = list(dict.fromkeys(pairs.sources))
    if len(order) < 2:
        raise DataError(f"{pairs.name}: too few different source sentences to hold some out. Give more pairs.")
    random.Random(seed).shuffle(order)
    chosen = set(order[: max(1, min(_MOST_HELD, int(whole * share), len(order) - 1))])
    held = [row for row, sentence in enumerate(pairs.sources) if sentence in chosen]
    rest = [row for row, sentence in enumerate(pairs.sources) if sentence not in chosen]
    return pairs.take(held), pairs.take(rest, pairs.notes)


def _notes(parts: Iterable[Pairs]) -> list[str]:
    """What reading left out, by file."""
    return [f"{pairs.name}: {note}" for pairs in parts for note in pairs.notes]


def in_words(corpus: Corpus) -> str:
    """The sizes in one line."""
    sizes = corpus.sizes
    return f"{counted(sizes['train'], 'training pair')}, {sizes['validation']:,} validation, {sizes['test']:,} test"
