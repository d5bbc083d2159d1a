"""Saved `datasets` folders and datasets of the Hugging Face Hub, through the package `datasets`."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies

from alih.data.columnar import batch_rows, from_batches
from alih.data.messages import counted, did_you_mean, listed
from alih.data.table import Table
from alih.data.vocabulary import Split, split_of
from alih.errors import DataError, OptionError
from alih.progress import Progress

_INSTALL = "needs the package datasets: pip install 'alih[datasets]'"


def read_saved(folder: Path, progress: Progress | None = None) -> tuple[dict[Split | None, Table], tuple[str, ...]]:
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
    return _splits(folder.name, loaded, progress)


def read_hub(
    name: str, revision: str | None, progress: Progress | None = None
) -> tuple[dict[Split | None, Table], tuple[str, ...]]:
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
        with _offline_if_unreachable():
            loaded = datasets.load_dataset(name, revision=revision)
    except Exception as error:  # network, cache, name and format errors come as a dozen unrelated classes
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(
            f'"{name}": no such file or folder here, and it could not be had from the Hugging Face Hub ({reason}). '
            f"Check the name{_near(name)}; without a network, give a file or a folder."
        ) from error
    return _splits(name, loaded, progress)


@contextmanager
def _offline_if_unreachable() -> Iterator[None]:
    """Look only into the local cache if the Hub's name does not resolve; else half a minute goes by in retries."""
    import datasets
    from huggingface_hub import constants

    host = urlsplit(constants.ENDPOINT).hostname or ""
    before = constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE
    if not getproxies() and not _resolves(host):
        constants.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE = True
    try:
        yield
    finally:
        constants.HF_HUB_OFFLINE, datasets.config.HF_HUB_OFFLINE = before


def _resolves(host: str) -> bool:
    try:
        socket.getaddrinfo(host, 443)
    except OSError:
        return False
    return True


def _near(name: str) -> str:
    found = did_you_mean(name, (path.name for path in Path().iterdir() if not path.name.startswith(".")))
    return found.removesuffix("?").replace(" Did you mean", " (nearest here:") + ")" if found else ""


def _splits(name: str, loaded: Any, progress: Progress | None) -> tuple[dict[Split | None, Table], tuple[str, ...]]:
    if not isinstance(loaded, dict):
        return {None: _from_datasets(name, loaded, progress)}, ()
    splits: dict[Split | None, Table] = {}
    left: list[str] = []
    for key, part in loaded.items():
        split = split_of(str(key))
        if split is None or split in splits:
            left.append(f"{key} ({counted(len(part), 'row')})")
        else:
            splits[split] = _from_datasets(f"{name}/{key}", part, progress)
    if not splits and len(loaded) == 1:
        key, part = next(iter(loaded.items()))
        return {None: _from_datasets(f"{name}/{key}", part, progress)}, ()
    notes = (f"{name}: left aside: {listed(left)}",) if left else ()
    return splits, notes


def _from_datasets(name: str, part: Any, progress: Progress | None) -> Table:
    import datasets

    for column, feature in part.features.items():
        if isinstance(feature, datasets.Image):
            part = part.cast_column(column, datasets.Image(decode=False))
    schema = part.features.arrow_schema
    batches = part.with_format("arrow").iter(batch_size=batch_rows(schema))
    return from_batches(name, schema, batches, len(part), None, progress)
