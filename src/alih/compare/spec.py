"""What a run folder says of itself: the data, the model, the options, the versions; and whether that still holds."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from alih.compare.options import Options
from alih.data.examples import Dataset
from alih.errors import RunError
from alih.routes.bench import ModelChoice

#: Packages that the numbers depend on.
_PACKAGES = ("alih", "torch", "transformers", "accelerate", "safetensors", "numpy")


def spec(
    dataset: Dataset, choice: ModelChoice, options: Options, routes: tuple[str, ...], command: str
) -> dict[str, Any]:
    """Everything needed to run the same comparison again, and to go on with it."""
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
        "task": asdict(dataset.task),
        "model": asdict(choice),
        "routes": list(routes),
        "options": asdict(options),
        "versions": _versions(),
        "python": platform.python_version(),
        "machine": platform.machine(),
    }


def check_versions(path: Path, told: Mapping[str, Any]) -> None:
    """Refuse to mix trials of two versions in one run.

    Raises:
        RunError: another version wrote the run.
    """
    before, now = told["versions"], _versions()
    changed = [f"{name} {before.get(name)}, now {now[name]}" for name in _PACKAGES if before.get(name) != now[name]]
    if changed:
        raise RunError(
            f"{path}: was written with {'; '.join(changed)}. Trials of two versions cannot be compared: install the "
            "versions of then to go on, or start anew with alih compare. Nothing in the run was changed."
        )


def check_data(path: Path, told: Mapping[str, Any], dataset: Dataset) -> None:
    """Refuse to go on with other data than the trials saw.

    Raises:
        RunError: the data have changed.
    """
    if dataset.digest() == told["data"]["digest"]:
        return
    before, now = told["data"]["examples"], _sizes(dataset)
    sizes = [f"{name} {before[name]:,} then, {now[name]:,} now" for name in before if before[name] != now[name]]
    raise RunError(
        f"{path}: {dataset.source} has changed since ({'; '.join(sizes) or 'as many examples, but others'}). "
        "Put the data of then back to go on, or start anew with alih compare. Nothing in the run was changed."
    )


def _sizes(dataset: Dataset) -> dict[str, int]:
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {name: len(examples) for name, examples in splits.items()}


def _versions() -> dict[str, str]:
    return {package: importlib.metadata.version(package) for package in _PACKAGES}


def _whole(source: str) -> str:
    """A path by its full name, so that it is found from any folder; any other name as it is."""
    path = Path(source)
    return str(path.resolve()) if path.exists() else source
