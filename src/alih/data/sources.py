"""From what the user named to tables: a file, a folder, a pattern with a star, a built-in name or a Hub id."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from alih.data.delimited import read_delimited
from alih.data.folders import (
    ROW_SUFFIXES,
    by_split,
    class_folders,
    entries,
    read_picture_folder,
    row_files,
    split_folders,
)
from alih.data.images import is_image_name
from alih.data.json_files import read_json, read_json_splits
from alih.data.messages import did_you_mean, listed
from alih.data.table import Table, joined
from alih.data.vocabulary import Split
from alih.errors import DataError, OptionError
from alih.progress import Progress

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_READABLE = "CSV, TSV, JSON, JSON Lines (.jsonl) and Parquet files, folders with one sub-folder of pictures a class"


@dataclass(frozen=True)
class Source:
    """What was found under a name.

    Args:
        name: short name, for run folders.
        shown: the name in messages.
        tables: by split; key None where the source is not split.
        notes: lines for the user.
    """

    name: str
    shown: str
    tables: dict[Split | None, Table]
    notes: tuple[str, ...] = ()


def open_source(
    source: str | Path,
    expected: Collection[str] = (),
    revision: str | None = None,
    progress: Progress | None = None,
) -> Source:
    """Find and read what the user named.

    Args:
        source: a path, a pattern ("nusax/english-*.csv"), a built-in name ("alih/digits") or a Hub dataset id.
        expected: column names the caller looks for, which help to tell a header line from an example.
        revision: of a Hub dataset.
        progress: where long reading reports to; silent by default.

    Raises:
        DataError: nothing is there, or it cannot be read.
        OptionError: an unknown built-in name, or a package that is not installed.
    """
    text = str(source)
    if isinstance(source, str) and text.startswith("alih/"):
        return _built_in(text)
    path = Path(source).expanduser()
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except (OSError, ValueError) as error:
        raise DataError(f'"{text[:80]}": not a path that can be opened. Name a file or folder.') from error
    if is_file:
        return Source(path.stem, path.name, _tables_of(path, expected, progress))
    if is_folder:
        return _folder(path, expected, progress)
    if "*" in path.name:
        return _pattern(path, expected, progress)
    if isinstance(source, str) and _may_be_hub_id(text, path):
        from alih.data.hub import read_hub

        tables, notes = read_hub(text, revision, progress)
        return Source(text.rsplit("/", 1)[-1], text, tables, notes)
    raise _missing(path)


def _tables_of(path: Path, expected: Collection[str], progress: Progress | None) -> dict[Split | None, Table]:
    if path.suffix.lower() in (".json", ".jsonl", ".ndjson"):
        return read_json_splits(path, progress)
    return {None: read_table(path, expected, progress)}


def read_table(path: Path, expected: Collection[str] = (), progress: Progress | None = None) -> Table:
    """Read one file of rows, by its suffix; the splits of a JSON file are joined.

    Raises:
        DataError: an unknown kind of file, or one that cannot be read.
    """
    suffix = path.suffix.lower()
    if suffix in (".csv", ".tsv", ".txt", ".tab"):
        return read_delimited(path, expected, progress)
    if suffix in (".json", ".jsonl", ".ndjson"):
        return read_json(path, progress)
    if suffix == ".parquet":
        from alih.data.columnar import read_parquet  # pyarrow takes a third of a second to import

        return read_parquet(path, progress)
    if suffix in (".xlsx", ".xls", ".ods"):
        raise DataError(f"{path.name}: spreadsheets are not read. Save the sheet as CSV UTF-8.")
    if suffix in (".gz", ".bz2", ".xz", ".zst", ".zip", ".tar", ".tgz", ".7z"):
        raise DataError(f"{path.name}: a packed file. Unpack it first.")
    if is_image_name(path.name):
        raise DataError(
            f"{path.name}: one picture is no dataset. Give a folder with one sub-folder of pictures a class."
        )
    raise DataError(f'{path.name}: files ending in "{suffix}" are not read. Give one of these: {_READABLE}.')


def _built_in(name: str) -> Source:
    from alih.data.samples import BUILT_IN

    if name not in BUILT_IN:
        raise OptionError(
            f'"{name}": no such built-in dataset.{did_you_mean(name, BUILT_IN)} There are: {listed(BUILT_IN)}.'
        )
    return Source(name.split("/", 1)[1], name, {None: BUILT_IN[name]()})


def _folder(folder: Path, expected: Collection[str], progress: Progress | None) -> Source:
    shown = folder.resolve().name or str(folder)
    if (folder / "dataset_dict.json").is_file() or (folder / "dataset_info.json").is_file():
        from alih.data.hub import read_saved

        tables, notes = read_saved(folder, progress)
        return Source(shown, shown, tables, notes)
    files = row_files(folder)
    if not files and (folder / "data").is_dir():  # the layout of a downloaded Hub dataset
        files = row_files(folder / "data")
    splits = split_folders(folder)
    if splits and any(class_folders(path) for path in splits.values()):
        return Source(shown, shown, *read_picture_folder(folder))
    if len(class_folders(folder)) > 1 or (not files and class_folders(folder)):
        return Source(shown, shown, *read_picture_folder(folder))
    if files:
        return _files(shown, shown, files, expected, progress)
    return _nothing(folder, shown)


def _nothing(folder: Path, shown: str) -> Source:
    found = entries(folder)
    if not found:
        raise DataError(f"{shown}: the folder is empty. Give one of these: {_READABLE}.")
    if any(is_image_name(path.name) for path in found) or split_folders(folder):
        return Source(shown, shown, *read_picture_folder(folder))  # raises the message about class folders
    raise DataError(
        f"{shown}: nothing here can be read ({listed((path.name for path in found), 5)}). "
        f"Give one of these: {_READABLE}."
    )


def _pattern(path: Path, expected: Collection[str], progress: Progress | None) -> Source:
    files = sorted(found for found in path.parent.glob(path.name) if found.suffix.lower() in {*ROW_SUFFIXES, ".txt"})
    if not files:
        raise DataError(f"{path}: no file matches. Put the pattern in quotes, and check folder and suffix.")
    name = re.sub(r"[*\W_]+$", "", path.name.split("*", 1)[0]) or path.parent.resolve().name
    return _files(name, path.name, files, expected, progress)


def _files(name: str, shown: str, files: list[Path], expected: Collection[str], progress: Progress | None) -> Source:
    by_name, notes = by_split(shown, files)
    tables = {
        split: joined([read_table(path, expected, progress) for path in paths]) for split, paths in by_name.items()
    }
    return Source(name, shown, tables, notes)


def _may_be_hub_id(text: str, path: Path) -> bool:
    if not _HUB_ID.fullmatch(text) or path.suffix.lower() in {*ROW_SUFFIXES, ".txt", ".xlsx", ".zip", ".gz"}:
        return False
    # "data/photos" beside an existing folder data/ is a mistyped path, not somebody's dataset.
    return "/" not in text or not path.parent.is_dir()


def _missing(path: Path) -> DataError:
    parent = path.parent
    if not parent.is_dir():
        return DataError(f"{path}: no such file or folder ({parent} does not exist). Check the path.")
    names = [found.name for found in parent.iterdir() if not found.name.startswith(".")]
    near = did_you_mean(path.name, names)
    return DataError(f"{path}: no such file or folder.{near or ' Check the path.'}")
