"""Folders: one sub-folder of pictures a class, or a file of rows a split (train.csv, validation.csv, test.csv)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from alih.data.examples import Damage
from alih.data.images import is_image_name
from alih.data.messages import counted, listed, quoted
from alih.data.table import Cell, Table
from alih.data.vocabulary import Split, split_in, split_of
from alih.errors import DataError

ROW_SUFFIXES = frozenset((".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".parquet"))
#: Files that systems and tools leave in folders; they are nobody's data.
_LITTER = frozenset(("thumbs.db", "desktop.ini", "__macosx", "__pycache__"))


def entries(folder: Path) -> list[Path]:
    """Return what a folder holds, by name, without hidden files and system litter.

    Raises:
        DataError: the folder cannot be listed.
    """
    try:
        found = sorted(folder.iterdir(), key=lambda path: path.name)
    except OSError as error:
        raise DataError(f"{folder.name}: cannot be listed ({error.strerror}). Check its permissions.") from error
    return [path for path in found if not path.name.startswith(".") and path.name.casefold() not in _LITTER]


def pictures_below(folder: Path) -> tuple[list[Path], list[Path]]:
    """Return the picture files below a folder and the other files, each in order of path; loops are not followed."""
    pictures: list[Path] = []
    others: list[Path] = []
    for path in _walk(folder, set()):
        (pictures if is_image_name(path.name) else others).append(path)
    return pictures, others


def _walk(folder: Path, seen: set[str]) -> Iterator[Path]:
    real = os.path.realpath(folder)
    if real in seen:  # a link that leads back up
        return
    seen.add(real)
    for path in entries(folder):
        if path.is_dir():
            yield from _walk(path, seen)
        else:
            yield path


def class_folders(folder: Path) -> list[Path]:
    """Return the sub-folders that hold pictures."""
    return [
        path
        for path in entries(folder)
        if path.is_dir() and any(is_image_name(found.name) for found in _walk(path, set()))
    ]


def split_folders(folder: Path) -> dict[Split, Path]:
    """Return the sub-folders named as splits (train/, validation/, test/), if one of them is for training.

    Raises:
        DataError: two sub-folders name one split.
    """
    found: dict[Split, Path] = {}
    for path in entries(folder):
        split = split_of(path.name) if path.is_dir() else None
        if split is None:
            continue
        if split in found:
            raise DataError(
                f"{folder.name}: {found[split].name}/ and {path.name}/ both name the {split} split. Join or rename one."
            )
        found[split] = path
    return found if "train" in found else {}


def read_picture_folder(folder: Path) -> tuple[dict[Split | None, Table], tuple[str, ...]]:
    """Read folders of pictures: root/class/… or root/train/class/…, root/validation/class/…, root/test/class/….

    Raises:
        DataError: pictures lie outside class folders, or there is no class folder.
    """
    splits = split_folders(folder)
    if not splits:
        return {None: _classes(folder, folder.name)}, _beside(folder, class_folders(folder))
    tables: dict[Split | None, Table] = {}
    notes = list(_beside(folder, splits.values()))
    for split, path in splits.items():
        if not class_folders(path) and split != "train":
            notes.append(f"{folder.name}/{path.name} holds no class folders: left aside")
            continue
        tables[split] = _classes(path, f"{folder.name}/{path.name}")
    return tables, tuple(notes)


def _beside(folder: Path, used: Iterable[Path]) -> tuple[str, ...]:
    taken = set(used)
    left = [path.name for path in entries(folder) if path not in taken]
    return (f"{folder.name}: left aside: {listed(left)}",) if left else ()


def _classes(folder: Path, shown: str) -> Table:
    classes = class_folders(folder)
    if not classes:
        loose = [path.name for path in entries(folder) if is_image_name(path.name)]
        what = f"{counted(len(loose), 'picture')} but no sub-folders" if loose else "no pictures"
        raise DataError(
            f"{shown}: {what}. Put the pictures of each class into a sub-folder named after it ({shown}/cat/1.png)."
        )
    images: list[Cell] = []
    labels: list[Cell] = []
    origins: list[str] = []
    damaged: list[Damage] = []
    empty = [path.name for path in entries(folder) if path.is_dir() and path not in classes]
    for name in empty:
        _, others = pictures_below(folder / name)
        if others:
            endings = Counter(other.suffix.lower() or "no ending" for other in others).most_common(3)
            told = ", ".join(f"{ending} ({count:,})" for ending, count in endings)
            raise DataError(
                f"{shown}/{name}: {counted(len(others), 'file')}, none of them a picture that is known: {told}. "
                "Save them as PNG or JPEG, or move the folder away if it is no class."
            )
    for path in classes:
        pictures, others = pictures_below(path)
        for picture in pictures:
            images.append(picture)
            labels.append(path.name)
            origins.append(f"{shown}/{picture.relative_to(folder).as_posix()}")
        damaged += [Damage(f"{shown}/{other.relative_to(folder).as_posix()}", "not a picture file") for other in others]
    notes = (f"{shown}: no pictures in {quoted(empty)}: left aside",) if empty else ()
    return Table(
        name=shown,
        columns={"image": images, "label": labels},
        origins=origins,
        folder=folder,
        damaged=tuple(damaged),
        pictures=True,
        notes=notes,
    )


def row_files(folder: Path) -> list[Path]:
    """Return the files of rows in a folder; a .txt file counts where its name is a split's."""
    return [
        path
        for path in entries(folder)
        if path.is_file()
        and (path.suffix.lower() in ROW_SUFFIXES or (path.suffix.lower() == ".txt" and split_of(path.stem) is not None))
    ]


def by_split(folder: str, files: Sequence[Path]) -> tuple[dict[Split | None, list[Path]], tuple[str, ...]]:
    """Sort files of rows into splits by their names: train.csv, dev.tsv, test-00000-of-00002.parquet.

    Raises:
        DataError: several datasets, or several files without a split in their names.
    """
    named = {path: split_in(path.stem) for path in files}
    if not any(found and found[0] == "train" for found in named.values()):
        if len(files) == 1:
            return {None: list(files)}, ()
        raise DataError(
            f"{folder}: holds {listed(path.name for path in files)}, and none is named train. "
            "Name one of the files, or rename them train.csv, validation.csv and test.csv."
        )
    datasets = sorted({found[1] for found in named.values() if found})
    if len(datasets) > 1:
        shown = next(path for path, found in named.items() if found and found[1])
        raise DataError(
            f"{folder}: holds several datasets ({quoted(datasets)}). Name the files of one, with a star: "
            f"{folder}/{named[shown][1] if named[shown] else ''}*{shown.suffix}"  # type: ignore[index]
        )
    splits: dict[Split | None, list[Path]] = {}
    left = []
    for path, found in named.items():
        if found:
            splits.setdefault(found[0], []).append(path)
        else:
            left.append(path.name)
    return splits, (f"{folder}: left aside: {listed(left)}",) if left else ()
