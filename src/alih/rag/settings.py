"""What a library is made with, kept beside it as JSON: model, store, how documents are cut and passages found."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal, get_args

from alih import files
from alih.data.messages import did_you_mean, listed
from alih.errors import OptionError, RunError
from alih.rag.analyse import Language
from alih.rag.chunk import ChunkOptions
from alih.rag.confidence import DEFAULT_WEIGHTS

Mode = Literal["hybrid", "dense", "lexical"]
Fusion = Literal["rrf", "weighted"]
MODES: tuple[Mode, ...] = get_args(Mode)
#: What to do about a library that is damaged; a copy of it may be whole.
NEW_LIBRARY = "Put a copy of it back, or index the documents into a new library: alih rag index DOCS --library NEW_NAME"
_FILE = "library.json"


@dataclass(frozen=True)
class Retrieval:
    """How passages are found.

    Args:
        mode: "dense" (vectors), "lexical" (BM25) or "hybrid" (both).
        k: passages to give.
        dense_weight: what the vectors count for in a hybrid, 0 to 1.
        fusion: "rrf" adds reciprocal ranks, "weighted" adds scores scaled to 0…1.
        rerank: "" for none, "late" for late interaction by the embedding model's token vectors, or a cross-encoder
            (folder or Hub id).
        diversity: 0 takes the best k; up to 1, passages unlike those already taken are preferred (maximal marginal
            relevance).
        neighbours: chunks before and after each that are given along with it.
        pool: candidates that each search brings, before fusion and reranking.

    Raises:
        OptionError: a value out of range.
    """

    mode: Mode = "hybrid"
    k: int = 5
    dense_weight: float = 0.4
    fusion: Fusion = "weighted"
    rerank: str = ""
    diversity: float = 0.0
    neighbours: int = 0
    pool: int = 50

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            raise OptionError(f'--mode "{self.mode}": no such mode. Write one of: {listed(MODES)}.')
        if self.fusion not in get_args(Fusion):
            raise OptionError(f'--fusion "{self.fusion}": no such fusion. Write one of: {listed(get_args(Fusion))}.')
        for name, low, high in (("k", 1, 1000), ("pool", 1, 10_000), ("neighbours", 0, 20)):
            if not low <= getattr(self, name) <= high:
                raise OptionError(f"--{name} {getattr(self, name)}: a number from {low} to {high:,}.")
        for name in ("dense_weight", "diversity"):
            if not 0 <= getattr(self, name) <= 1:
                raise OptionError(f"--{name.replace('_', '-')} {getattr(self, name)}: a number from 0 to 1.")

    def but(self, **changes: Any) -> Retrieval:
        """The same with some fields changed; None leaves a field as it is."""
        given = {name: value for name, value in changes.items() if value is not None}
        known = {one.name for one in fields(self)}
        strange = [name for name in given if name not in known]
        if strange:
            raise OptionError(
                f'"{strange[0]}": retrieval has no such option.{did_you_mean(strange[0], known)} '
                f"There are: {listed(sorted(known))}."
            )
        return replace(self, **given)


@dataclass(frozen=True)
class Settings:
    """Everything that a library remembers about itself.

    Args:
        name: of the library.
        model: embedding model, as the user named it.
        fingerprint: tells whether it still is the model that the vectors were made with.
        dimension: width of the vectors.
        store: address, without password.
        table: name of the table or collection on a server.
        chunks: how documents are cut.
        language: of the lexical analyser; None until documents have been seen.
        retrieval: how passages are found, unless told otherwise.
        threshold: confidence below which the answer is "not in the documents"; None for the default.
        weights: of the signals that the confidence comes from.
    """

    name: str
    model: str
    fingerprint: str
    dimension: int
    store: str
    table: str
    chunks: ChunkOptions = field(default_factory=ChunkOptions)
    language: Language | None = None
    retrieval: Retrieval = field(default_factory=Retrieval)
    threshold: float | None = None
    weights: tuple[float, ...] = DEFAULT_WEIGHTS

    def write(self, folder: Path) -> None:
        """Write library.json."""
        files.write_text(folder / _FILE, json.dumps({"schema": 1, **asdict(self)}, indent=1, ensure_ascii=False) + "\n")


def read_settings(folder: Path, name: str) -> Settings:
    """Read library.json.

    Raises:
        RunError: there is no library, or its settings are damaged or of a later version.
    """
    try:
        told = json.loads((folder / _FILE).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RunError(f"{name}: no library.{_others(folder)}") from error
    except OSError as error:
        raise RunError(f"{folder / _FILE}: cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise RunError(f"{folder / _FILE}: is not JSON ({error}). {NEW_LIBRARY}") from error
    if not isinstance(told, dict) or told.pop("schema", None) != 1:
        raise RunError(f"{folder / _FILE}: not of the form that this version writes. Update alih. {NEW_LIBRARY}")
    try:
        return _from_mapping(told)
    except (TypeError, KeyError) as error:
        raise RunError(f"{folder / _FILE}: is damaged ({error}). {NEW_LIBRARY}") from error


def _from_mapping(told: Mapping[str, Any]) -> Settings:
    parts = {
        "chunks": ChunkOptions(**told["chunks"]),
        "retrieval": Retrieval(**told["retrieval"]),
        "weights": tuple(told["weights"]),
    }
    return Settings(**{**told, **parts})


def folder_of(name: str, root: str | Path | None = None) -> Path:
    """Folder of a library: `root`/name, by default $ALIH_HOME/libraries/name or ./libraries/name.

    Raises:
        OptionError: the name cannot be one.
    """
    if not re.fullmatch(r"[\w][\w.-]{0,63}", name):
        raise OptionError(f'--library "{name}": a name is letters, digits, "-", "_" and "."; at most 64.')
    return libraries_folder(root) / name


def libraries_folder(root: str | Path | None = None) -> Path:
    """Where libraries live: what was given, else $ALIH_HOME/libraries, else ./libraries."""
    if root is not None:
        return Path(root)
    home = os.environ.get("ALIH_HOME")
    return Path(home) / "libraries" if home else Path("libraries")


def library_names(root: str | Path | None = None) -> list[str]:
    """Names of the libraries there are."""
    return sorted(path.parent.name for path in libraries_folder(root).glob(f"*/{_FILE}"))


def new_table(name: str) -> str:
    """A name for a table on a server that no other library has."""
    return f"alih_{re.sub(r'[^a-z0-9]+', '_', name.lower()).strip('_')[:30]}_{uuid.uuid4().hex[:8]}"


def exists(folder: Path) -> bool:
    """Whether a library is there."""
    return (folder / _FILE).is_file()


def _others(folder: Path) -> str:
    names = library_names(folder.parent)
    if not names:
        return f" There is none in {folder.parent}. Make one with: alih rag index DOCS --library {folder.name}"
    return f"{did_you_mean(folder.name, names)} Libraries in {folder.parent}: {listed(names)}."
