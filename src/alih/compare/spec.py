"""What a run folder says of itself: the data, the model, the options, the versions; and whether that still holds."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from alih.compare.options import Options
from alih.compare.runfolder import COPY_BACK
from alih.data.examples import Dataset, fingerprints
from alih.errors import RunError
from alih.generate.general import general_passages
from alih.progress import Progress
from alih.tasks.base import ModelChoice, Task

#: Packages that the numbers depend on.
_PACKAGES = ("alih", "torch", "transformers", "accelerate", "safetensors", "numpy")
#: Options that name files beside the data which every variant is measured on, too, and what these hold. A template is
#: not among them: the options hold its text.
_BESIDE = {"shifted": "examples", "general": "passages"}


def spec(task: Task, choice: ModelChoice, options: Options, routes: tuple[str, ...], command: str) -> dict[str, Any]:
    """Everything needed to run the same comparison again, and to go on with it."""
    dataset = task.dataset
    told = asdict(options)
    told |= {name: _whole(told[name]) for name in _BESIDE if told[name] is not None}
    return {
        "command": command,
        "data": {
            "source": _whole(dataset.source),
            "name": dataset.name,
            "digest": dataset.digest(),
            "examples": _sizes(dataset),
            "columns": asdict(dataset.columns),
            "damaged": [asdict(damage) for damage in dataset.damaged],
            "notes": list(dataset.notes),
        },
        "task": {"name": task.name, **task.facts()},
        "model": asdict(choice),
        "routes": list(routes),
        "options": told,
        "beside": _beside(task, told),
        "versions": _versions(),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def check_whole(path: Path, told: Mapping[str, Any]) -> None:
    """Refuse to go on where the specification does not say what is needed for it.

    Raises:
        RunError: a part of it is missing.
    """
    missing = [f"data.{name}" for name in ("source", "digest", "examples") if name not in told["data"]]
    missing += [name for name in ("routes", "command") if name not in told]
    if missing:
        raise RunError(f"{path / 'spec.json'}: damaged (no {missing[0]} in it). {COPY_BACK}")


def check_versions(path: Path, told: Mapping[str, Any]) -> None:
    """Refuse to mix trials of two versions in one run.

    Raises:
        RunError: another version wrote the run, or it does not say which.
    """
    before, now = told["versions"], _versions()
    unsaid = [name for name in _PACKAGES if name not in before]
    if unsaid:
        raise RunError(f"{path / 'spec.json'}: damaged (no version of {', '.join(unsaid)} in it). {COPY_BACK}")
    changed = [f"{name} {before.get(name)}, now {now[name]}" for name in _PACKAGES if before.get(name) != now[name]]
    if changed:
        raise RunError(
            f"{path}: was written with {'; '.join(changed)}. Trials of two versions cannot be compared: install the "
            "versions of then to go on, or start anew with alih compare. Nothing in the run was changed."
        )


def check_data(path: Path, told: Mapping[str, Any], task: Task) -> None:
    """Refuse to go on with other data than the trials saw: the splits, and the files that they are measured on, too.

    Raises:
        RunError: the data have changed.
        AlihError: such a file cannot be read any more.
    """
    dataset = task.dataset
    if dataset.digest() != told["data"]["digest"]:
        _refuse(path, dataset.source, "examples", told["data"]["examples"], _sizes(dataset))
    then = told.get("beside") or {}  # an older version wrote none
    now = _beside(task, {name: told["options"].get(name) for name in then})
    for name in then.keys() & now.keys():
        if then[name]["digest"] != now[name]["digest"]:
            sizes = [{f"its {_BESIDE[name]}": one["size"]} for one in (then[name], now[name])]
            _refuse(path, f"--{name} {told['options'][name]}", _BESIDE[name], *sizes)


def _refuse(path: Path, what: str, items: str, before: Mapping[str, int], now: Mapping[str, int]) -> NoReturn:
    sizes = [f"{name} {before[name]:,} then, {now[name]:,} now" for name in before if before[name] != now[name]]
    raise RunError(
        f"{path}: {what} has changed since ({'; '.join(sizes) or f'as many {items}, but others'}). "
        "Put the data of then back to go on, or start anew with alih compare. Nothing in the run was changed."
    )


def _beside(task: Task, options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Digest and size of what is read from each file beside the data, by its option."""
    found: dict[str, list[bytes]] = {}
    if (shifted := options.get("shifted")) is not None:
        examples = task.read_more(Path(shifted).expanduser(), [], [], Progress(quiet=True))
        marks = (mark.encode() for mark in fingerprints(examples))
        labels = [b""] * len(examples)
        if examples.labels is not None:
            labels = [np.ascontiguousarray(label).tobytes() for label in examples.labels]
        found["shifted"] = [mark + label for mark, label in zip(marks, labels, strict=True)]
    if (general := options.get("general")) is not None:
        found["general"] = [passage.encode(errors="surrogatepass") for passage in general_passages(general)]
    return {name: {"digest": _digest(items), "size": len(items)} for name, items in found.items()}


def _digest(items: Sequence[bytes]) -> str:
    state = hashlib.blake2b(digest_size=16)
    for item in items:
        state.update(len(item).to_bytes(8, "little") + item)
    return state.hexdigest()


def _sizes(dataset: Dataset) -> dict[str, int]:
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {name: len(examples) for name, examples in splits.items()}


def _versions() -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in _PACKAGES}


def _whole(source: str) -> str:
    """A path by its full name, so that it is found from any folder; any other name as it is."""
    path = Path(source).expanduser()
    return str(path.resolve()) if path.exists() else source
