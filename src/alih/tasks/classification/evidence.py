"""What a report shows of single predictions: confusions, calibration, and the errors the model was surest of."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from alih.data.examples import Examples, Input
from alih.data.images import decode
from alih.metrics.classification import THRESHOLD, check_finite, probabilities
from alih.task import Kind, Task
from alih.tasks.evidence import Bin, Calibration, Confusion, Mistake

_BINS = 15
_MISTAKES = 12
#: Longest text of an error, in characters, and longest side of its picture, in pixels.
_TEXT, _SIDE = 400, 128
#: Pictures smaller than this are enlarged, without smoothing, so that their pixels can be seen.
_SMALL = 48


def evidence(task: Task, logits: NDArray[np.floating], examples: Examples) -> dict[str, Any]:
    """The parts of `evidence` in report.json that come from predictions, as JSON-able data.

    Args:
        task: what was predicted; nothing is said of regression, and only the errors of multi-label tasks.
        logits: (n, outputs), of the recommended model on `examples`.
        examples: the validation split.

    Raises:
        ModelError: a logit is not finite.
    """
    if task.kind is Kind.REGRESSION or len(examples) == 0:
        return {}
    check_finite(logits)
    chances, labels = probabilities(task.kind, logits), examples.known_labels
    mistakes = (multi_label_errors if task.kind is Kind.MULTI else confident_errors)(chances, labels, task, examples)
    found: dict[str, Any] = {"mistakes": [asdict(one) for one in mistakes]}
    if task.kind is Kind.SINGLE:
        found["confusion"] = asdict(confusion(labels, chances.argmax(axis=1), task.classes))
        found["calibration"] = asdict(calibration(chances, labels))
    return found


def confusion(actual: NDArray[np.generic], predicted: NDArray[np.generic], classes: Sequence[str]) -> Confusion:
    """Count which class was taken for which.

    Args:
        actual: class indices, (n,).
        predicted: class indices, (n,).
        classes: names by index.
    """
    width = len(classes)
    cells = actual.astype(np.int64) * width + predicted.astype(np.int64)
    counts = np.bincount(cells, minlength=width * width).reshape(width, width)
    return Confusion(tuple(classes), tuple(tuple(int(count) for count in row) for row in counts))


def calibration(chances: NDArray[np.floating], actual: NDArray[np.generic], bins: int = _BINS) -> Calibration:
    """How often predictions of a given confidence are right (arXiv 1706.04599, section 2).

    Args:
        chances: probabilities, (n, classes).
        actual: class indices, (n,).
        bins: how many bins of equal width between 0 and 1; 15, as in the metric `calibration_error`.
    """
    confidence = chances.max(axis=1)
    right = chances.argmax(axis=1) == actual
    index = np.minimum((confidence * bins).astype(np.int64), bins - 1)
    count = np.bincount(index, minlength=bins)
    sure = np.bincount(index, weights=confidence, minlength=bins)
    hits = np.bincount(index, weights=right, minlength=bins)
    full = np.flatnonzero(count)
    found = [Bin(float(sure[b] / count[b]), float(hits[b] / count[b]), int(count[b])) for b in full]
    return Calibration(tuple(found), float(np.abs(sure - hits).sum() / len(chances)))


def confident_errors(
    chances: NDArray[np.floating], actual: NDArray[np.generic], task: Task, examples: Examples, limit: int = _MISTAKES
) -> tuple[Mistake, ...]:
    """Wrong predictions of a single-label task, by falling probability.

    Args:
        chances: probabilities, (n, classes).
        actual: class indices, (n,).
        task: names the classes.
        examples: the inputs, in the same order.
        limit: most errors returned.
    """
    predicted, confidence = chances.argmax(axis=1), chances.max(axis=1)
    wrong = np.flatnonzero(predicted != actual)
    order = wrong[np.argsort(-confidence[wrong], kind="stable")][:limit]
    return tuple(
        _mistake(examples, i, task.classes[int(actual[i])], task.classes[int(predicted[i])], float(confidence[i]))
        for i in order
    )


def multi_label_errors(
    chances: NDArray[np.floating], actual: NDArray[np.generic], task: Task, examples: Examples, limit: int = _MISTAKES
) -> tuple[Mistake, ...]:
    """Wrong single decisions of a multi-label task (this label, or not), by falling probability; one an example.

    Args:
        chances: probabilities of the labels, (n, classes).
        actual: 0/1, (n, classes).
        task: names the classes.
        examples: the inputs, in the same order.
        limit: most errors returned.
    """
    said = chances >= THRESHOLD
    confidence = np.where(said == (actual == 1), -1.0, np.where(said, chances, 1.0 - chances))
    worst, column = confidence.max(axis=1), confidence.argmax(axis=1)
    order = [int(i) for i in np.argsort(-worst, kind="stable") if worst[i] >= 0][:limit]

    def named(chosen: NDArray[np.bool_]) -> str:
        return ", ".join(name for name, there in zip(task.classes, chosen, strict=True) if there) or "–"

    return tuple(
        _mistake(examples, i, named(actual[i] == 1), named(said[i]), float(confidence[i, column[i]])) for i in order
    )


def picture_uri(picture: NDArray[np.uint8] | Path) -> str:
    """A picture as the data URI of a small PNG: at most 128 pixels a side; tiny ones enlarged pixel by pixel.

    Args:
        picture: a file, or pixels, (height, width) or (height, width, 3).

    Raises:
        PictureError: the file is no picture.
        OSError: the file cannot be read.
    """
    opened = Image.fromarray(decode(picture.read_bytes()) if isinstance(picture, Path) else picture)
    if max(opened.size) < _SMALL:
        times = _SIDE // max(opened.size)
        opened = opened.resize((opened.width * times, opened.height * times), Image.Resampling.NEAREST)
    opened.thumbnail((_SIDE, _SIDE))
    out = io.BytesIO()
    opened.save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()


def _mistake(examples: Examples, index: int, actual: str, predicted: str, probability: float) -> Mistake:
    text, picture = _shown(examples.inputs[index])
    return Mistake(actual, predicted, probability, text, picture, examples.origins[index])


def _shown(one: Input) -> tuple[str | None, str | None]:
    """An input as text or as picture; a file that went missing since is left out."""
    if isinstance(one, str | tuple):
        text = one if isinstance(one, str) else " ⟂ ".join(one)
        return (text if len(text) <= _TEXT else text[: _TEXT - 1].rstrip() + "…"), None
    try:
        return None, picture_uri(one)
    except (OSError, ValueError):
        return None, None
