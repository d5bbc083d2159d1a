"""Predictions: what an adapted model says of each input, printed or written to a file."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.data.delimited import guarded
from alih.data.examples import Damage, Examples, Input
from alih.data.spill import is_spilled
from alih.metrics.classification import THRESHOLD, check_finite, probabilities
from alih.task import Kind, Task
from alih.tasks.adapted import PrintedForm


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
    """Turn logits of shape (n, outputs) into predictions.

    Raises:
        ModelError: a logit is not finite.
    """
    check_finite(logits)
    if task.kind is Kind.REGRESSION:
        return [Prediction(float(value), None, {}) for value in logits[:, 0]]
    found = []
    for row in probabilities(task.kind, logits):
        by_class = {name: float(value) for name, value in zip(task.classes, row, strict=True)}
        if task.kind is Kind.MULTI:
            chosen = tuple(name for name, value in by_class.items() if value >= THRESHOLD)
            found.append(Prediction(chosen, None, by_class))
        else:
            best = max(by_class, key=by_class.__getitem__)
            found.append(Prediction(best, by_class[best], by_class))
    return found


#: An input, where it came from, and what the model says of it, or why it could not be used.
Row = tuple[Input | None, str, Prediction | str]


def rows(examples: Examples, found: Sequence[Prediction], damaged: Sequence[Damage] = ()) -> list[Row]:
    """Line predictions up with the file they are for: a row that could not be used keeps its place.

    Damaged files of a folder come last: every row names its file.
    """
    usable: list[Row] = list(zip(examples.inputs, examples.origins, found, strict=True))
    lost: list[Row] = [(None, damage.origin, damage.reason) for damage in damaged]
    numbers = [_ROW.search(origin) for _, origin, _ in (*usable, *lost)]
    if not lost or any(number is None for number in numbers):
        return usable + lost
    by_number = zip((int(number[1]) for number in numbers if number), (*usable, *lost), strict=True)
    return [row for _, row in sorted(by_number, key=lambda pair: pair[0])]


_ROW = re.compile(r", row (\d+)$")


def render(found: Sequence[Row], task: Task, form: PrintedForm) -> str:
    """Return one line an input (label, probability, input), or JSON lines or CSV with every probability.

    In CSV, a text that a spreadsheet would take for a formula (it begins with "=", "+", "-" or "@") has an apostrophe
    before it, which Alih takes away when it reads the file; JSONL holds every text as it is. The probability of each
    class is in a column "probability of …", which no other column can be called.
    """
    if form == "csv":
        return _csv(found, task)
    return "".join((_json(row) if form == "jsonl" else _line(row)) + "\n" for row in found)


def _csv(found: Sequence[Row], task: Task) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    pair = task.pair
    writer.writerow(
        [
            *(["text_a", "text_b"] if pair else ["input"]),
            "prediction",
            "probability",
            *(f"probability of {name}" for name in task.classes),
        ]
    )
    for value, origin, prediction in found:
        if value is None or isinstance(prediction, str):
            writer.writerow([""] * ((4 if pair else 3) + len(task.classes)))
            continue
        shown = [guarded(text) for text in (value if isinstance(value, tuple) else [_whole(value, origin)])]
        sure = "" if prediction.probability is None else f"{prediction.probability:.6f}"
        spread = [f"{value:.6f}" for value in prediction.probabilities.values()]
        label = _label(prediction)
        is_number = isinstance(prediction.label, float)  # "-1.5" is one, and no formula
        writer.writerow([*shown, label if is_number else guarded(label), sure, *spread])
    return text.getvalue()


def _line(row: Row) -> str:
    value, origin, prediction = row
    if value is None or isinstance(prediction, str):
        return f"–\t\t{origin}: {prediction}"
    sure = "" if prediction.probability is None else f"{prediction.probability:.3f}"
    return f"{_label(prediction)}\t{sure}\t{_shown(value, origin)}"


def _json(row: Row) -> str:
    value, origin, prediction = row
    record: dict[str, Any]
    if value is None or isinstance(prediction, str):
        record = {"input": None, "prediction": None, "probability": None, "left_out": f"{origin}: {prediction}"}
    else:
        label = list(prediction.label) if isinstance(prediction.label, tuple) else prediction.label
        record = {"input": list(value) if isinstance(value, tuple) else _whole(value, origin)}
        record |= {"prediction": label, "probability": prediction.probability}
        record |= {"probabilities": prediction.probabilities} if prediction.probabilities else {}
    return json.dumps(record, ensure_ascii=False)


def _label(prediction: Prediction) -> str:
    if isinstance(prediction.label, tuple):
        return ";".join(prediction.label)
    # Nine digits tell any two float32 numbers apart.
    return f"{prediction.label:.9g}" if isinstance(prediction.label, float) else prediction.label


def _whole(value: Input, origin: str) -> str:
    if isinstance(value, tuple):
        return " | ".join(value)
    in_memory = isinstance(value, np.ndarray) or (isinstance(value, Path) and is_spilled(value))
    return origin if in_memory else str(value)


def _shown(value: Input, origin: str, width: int = 80) -> str:
    text = " ".join(_whole(value, origin).split())
    return text if len(text) <= width else text[: width - 1] + "…"
