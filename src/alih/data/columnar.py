"""Parquet files, saved `datasets` folders and datasets of the Hugging Face Hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from alih.data.decoding import read_bytes
from alih.data.messages import counted, did_you_mean, listed
from alih.data.table import Cell, Table
from alih.data.vocabulary import Split, split_of
from alih.errors import DataError, OptionError

_INSTALL = "needs the package datasets: pip install 'alih[datasets]'"


def read_parquet(path: Path) -> Table:
    """Read a Parquet file; rows are counted from 1.

    Raises:
        DataError: not Parquet, damaged, or without rows.
    """
    if not read_bytes(path).startswith(b"PAR1"):
        raise DataError(f"{path.name}: not a Parquet file, whatever its name says. Export it again.")
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path.name}: a damaged Parquet file ({reason}). Export or copy it again.") from error
    return from_arrow(path.name, table, path.parent)


def from_arrow(name: str, table: Any, folder: Path | None = None) -> Table:
    """Return a pyarrow Table as ours; integer labels take the names that `datasets` stores in the schema.

    Raises:
        DataError: the table has no rows, or two columns of one name.
    """
    if table.num_rows == 0 or not table.column_names:
        raise DataError(f"{name}: the table has no rows. Export it again.")
    if len(set(table.column_names)) < len(table.column_names):
        raise DataError(f"{name}: two columns have the same name ({listed(table.column_names)}). Rename one.")
    columns: dict[str, list[Cell]] = {column: table.column(column).to_pylist() for column in table.column_names}
    class_names = _class_names(table.schema.metadata or {})
    for column, names in class_names.items():
        if column in columns:
            columns[column] = [_named(cell, names) for cell in columns[column]]
    return Table(
        name=name,
        columns=columns,
        origins=[f"{name}, row {row}" for row in range(1, table.num_rows + 1)],
        folder=folder,
        class_names=class_names,
    )


def _class_names(metadata: dict[bytes, bytes]) -> dict[str, tuple[str, ...]]:
    """Read the names of `ClassLabel` columns, which `datasets` keeps as JSON in the Arrow schema."""
    try:
        features = json.loads(metadata[b"huggingface"])["info"]["features"]
    except (KeyError, ValueError, TypeError):
        return {}
    found = {}
    for column, feature in features.items():
        for inner in (feature, feature.get("feature")) if isinstance(feature, dict) else ():
            if isinstance(inner, dict) and inner.get("_type") == "ClassLabel" and inner.get("names"):
                found[column] = tuple(str(name) for name in inner["names"])
    return found


def _named(cell: Cell, names: tuple[str, ...]) -> Cell:
    if isinstance(cell, list):
        return [_named(item, names) for item in cell]
    if isinstance(cell, int):
        # -1 is how `datasets` marks a row without a label.
        return names[cell] if 0 <= cell < len(names) else None
    return cell


def read_saved(folder: Path) -> tuple[dict[Split | None, Table], tuple[str, ...]]:
    """Read a folder that `datasets`' `save_to_disk` wrote; key None where it holds one unsplit dataset.

    Raises:
        OptionError: the package `datasets` is not installed.
        DataError: the folder is incomplete or damaged.
    """
    try:
        import datasets
    except ImportError as error:
        raise OptionError(f"{folder.name}: a saved datasets folder {_INSTALL}.") from error
    try:
        loaded = datasets.load_from_disk(str(folder))
    except Exception as error:  # the package raises many kinds; each means that the folder cannot be read
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f"{folder.name}: a saved datasets folder that cannot be read ({reason}). Save it again."
        ) from error
    return _splits(folder.name, loaded)


def read_hub(name: str, revision: str | None) -> tuple[dict[Split | None, Table], tuple[str, ...]]:
    """Download (or take from the local cache) a dataset of the Hugging Face Hub; its code is never run.

    Raises:
        OptionError: the package `datasets` is not installed.
        DataError: there is no such dataset, or the Hub cannot be reached.
    """
    try:
        import datasets
    except ImportError as error:
        raise OptionError(
            f'"{name}": no such file or folder here; taken as a dataset of the Hugging Face Hub it {_INSTALL}.'
        ) from error
    try:
        loaded = datasets.load_dataset(name, revision=revision)
    except Exception as error:  # network, cache, name and format errors come as a dozen unrelated classes
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f'"{name}": no such file or folder here, and it could not be had from the Hugging Face Hub ({reason}). '
            f"Check the name{_near(name)}; without a network, give a file or folder."
        ) from error
    return _splits(name, loaded)


def _near(name: str) -> str:
    found = did_you_mean(name, (path.name for path in Path().iterdir() if not path.name.startswith(".")))
    return found.removesuffix("?").replace(" Did you mean", " (nearest here:") + ")" if found else ""


def _splits(name: str, loaded: Any) -> tuple[dict[Split | None, Table], tuple[str, ...]]:
    if not isinstance(loaded, dict):
        return {None: _from_datasets(name, loaded)}, ()
    splits: dict[Split | None, Table] = {}
    left: list[str] = []
    for key, part in loaded.items():
        split = split_of(str(key))
        if split is None or split in splits:
            left.append(f"{key} ({counted(len(part), 'row')})")
        else:
            splits[split] = _from_datasets(f"{name}/{key}", part)
    if not splits and len(loaded) == 1:
        key, part = next(iter(loaded.items()))
        return {None: _from_datasets(f"{name}/{key}", part)}, ()
    notes = (f"{name}: left aside: {listed(left)}",) if left else ()
    return splits, notes


def _from_datasets(name: str, part: Any) -> Table:
    import datasets

    for column, feature in part.features.items():
        if isinstance(feature, datasets.Image):
            part = part.cast_column(column, datasets.Image(decode=False))
    return from_arrow(name, part.with_format("arrow")[:])
