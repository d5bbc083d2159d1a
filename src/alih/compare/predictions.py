"""Predictions: what an adapted model says of each input, printed or written to a file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.data.examples import Examples, Input
from alih.errors import OptionError
from alih.evaluate.metrics import probabilities
from alih.task import Kind, Task

#: Labels of a multi-label task are those at least this probable.
THRESHOLD = 0.5


@dataclass(frozen=True)
class Prediction:
    """What the model says of one input.

    Args:
        label: the class; the classes, for multi-label; the number, for regression.
        probability: of that class; None for multi-label and regression.
        probabilities: of every class; empty for regression.
    """

    label: str | tuple[str, ...] | float
    probability: float | None
    probabilities: dict[str, float]


def predictions(task: Task, logits: NDArray[np.float32]) -> list[Prediction]:
    """Turn logits of shape (n, outputs) into predictions."""
    if task.kind is Kind.REGRESSION:
        return [Prediction(float(value), None, {}) for value in logits[:, 0]]
    found = []
    for row in probabilities(task, logits):
        by_class = {name: float(value) for name, value in zip(task.classes, row, strict=True)}
        if task.kind is Kind.MULTI:
            chosen = tuple(name for name, value in by_class.items() if value >= THRESHOLD)
            found.append(Prediction(chosen, None, by_class))
        else:
            best = max(by_class, key=by_class.__getitem__)
            found.append(Prediction(best, by_class[best], by_class))
    return found


def render(examples: Examples, found: Sequence[Prediction], task: Task, *, as_json: bool) -> str:
    """Return one line an input: label, probability, input; or JSON lines with every probability."""
    if as_json:
        records = (_record(*pair) for pair in zip(examples.inputs, examples.origins, found, strict=True))
        return "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
    lines = []
    for value, origin, prediction in zip(examples.inputs, examples.origins, found, strict=True):
        sure = "" if prediction.probability is None else f"{prediction.probability:.3f}"
        lines.append(f"{_label(prediction)}\t{sure}\t{_shown(value, origin)}")
    return "\n".join(lines)


def write(path: Path, examples: Examples, found: Sequence[Prediction], task: Task) -> None:
    """Write predictions as CSV, or as JSONL where the file's name ends so.

    Raises:
        OptionError: the ending is neither, or the folder does not exist.
    """
    if path.suffix not in {".csv", ".jsonl"}:
        raise OptionError(f"--output {path}: write to a file that ends in .csv or .jsonl.")
    if not path.parent.is_dir():
        raise OptionError(f"--output {path}: there is no folder {path.parent}. Make it first.")
    if path.suffix == ".jsonl":
        path.write_text(render(examples, found, task, as_json=True) + "\n", encoding="utf-8")
        return
    text = io.StringIO()
    writer = csv.writer(text)
    pair = task.pair
    writer.writerow([*(["text_a", "text_b"] if pair else ["input"]), "prediction", "probability", *task.classes])
    for value, origin, prediction in zip(examples.inputs, examples.origins, found, strict=True):
        shown = list(value) if isinstance(value, tuple) else [_whole(value, origin)]
        sure = "" if prediction.probability is None else f"{prediction.probability:.6f}"
        spread = [f"{value:.6f}" for value in prediction.probabilities.values()]
        writer.writerow([*shown, _label(prediction), sure, *spread])
    path.write_text(text.getvalue(), encoding="utf-8", newline="")


def _record(value: Input, origin: str, prediction: Prediction) -> dict[str, Any]:
    label = list(prediction.label) if isinstance(prediction.label, tuple) else prediction.label
    record: dict[str, Any] = {"input": list(value) if isinstance(value, tuple) else _whole(value, origin)}
    record |= {"prediction": label, "probability": prediction.probability}
    return record | ({"probabilities": prediction.probabilities} if prediction.probabilities else {})


def _label(prediction: Prediction) -> str:
    if isinstance(prediction.label, tuple):
        return ";".join(prediction.label)
    return f"{prediction.label:.6g}" if isinstance(prediction.label, float) else prediction.label


def _whole(value: Input, origin: str) -> str:
    if isinstance(value, tuple):
        return " | ".join(value)
    return origin if isinstance(value, np.ndarray) else str(value)


def _shown(value: Input, origin: str, width: int = 80) -> str:
    text = " ".join(_whole(value, origin).split())
    return text if len(text) <= width else text[: width - 1] + "…"
