"""What a run folder says of itself: the data, the model, the options, the versions."""

from __future__ import annotations

import importlib.metadata
import platform
from dataclasses import asdict
from typing import Any

from alih.compare.options import Options
from alih.data.examples import Dataset
from alih.routes.bench import ModelChoice

_PACKAGES = ("alih", "torch", "transformers", "accelerate", "safetensors", "numpy")


def spec(dataset: Dataset, choice: ModelChoice, options: Options, routes: tuple[str, ...]) -> dict[str, Any]:
    """Everything needed to run the same comparison again."""
    splits = {"train": dataset.train, "validation": dataset.validation, "test": dataset.test}
    return {
        "data": {
            "source": dataset.source,
            "name": dataset.name,
            "examples": {name: len(examples) for name, examples in splits.items()},
            "columns": asdict(dataset.columns),
            "damaged": [asdict(damage) for damage in dataset.damaged],
            "notes": list(dataset.notes),
        },
        "task": asdict(dataset.task),
        "model": asdict(choice),
        "routes": list(routes),
        "options": asdict(options),
        "versions": {package: importlib.metadata.version(package) for package in _PACKAGES},
        "python": platform.python_version(),
        "machine": platform.machine(),
    }
