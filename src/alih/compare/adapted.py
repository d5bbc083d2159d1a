"""An adapted model, opened from disk: what predicts, is evaluated, and is handed over.

The folder is a plain Hugging Face one. `alih.json` beside the weights adds what such a folder cannot say: the task and
the columns of the training data, so that `predict` and `evaluate` read new files as the training data was read.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.compare.predictions import Prediction, predictions
from alih.compare.runfolder import RunFolder
from alih.data.batch import encode
from alih.data.examples import Columns, Examples, Input
from alih.data.read import read_inputs, read_labelled
from alih.errors import OptionError, RunError
from alih.evaluate.bootstrap import Interval, interval
from alih.evaluate.metrics import metrics, primary
from alih.pretrained.source import Pretrained, load
from alih.task import Kind, Modality, Task
from alih.training.boundary import FullModel
from alih.training.feed import InputFeed
from alih.training.loop import logits
from alih.training.precision import device

_SIDECAR = "alih.json"
_SCHEMA = 1


@dataclass(frozen=True)
class Scores:
    """Metrics on a labelled set.

    Args:
        metrics: every metric of the task.
        primary: the one that decides, with its 95 % bootstrap interval.
        interval: that interval.
        examples: how many examples were scored.
    """

    metrics: dict[str, float]
    primary: str
    interval: Interval
    examples: int

    def as_dict(self) -> dict[str, Any]:
        """The scores as JSON-able data."""
        low, high = self.interval.low, self.interval.high
        return {"examples": self.examples, "metrics": self.metrics, "primary": self.primary, "interval": [low, high]}

    def __str__(self) -> str:
        lines = [f"{self.examples:,} examples"]
        for name, value in self.metrics.items():
            sure = f"   95 % interval {self.interval.low:.4f} to {self.interval.high:.4f}"
            lines.append(f"{name:<20} {value:.4f}{sure if name == self.primary else ''}")
        return "\n".join(lines)


class Adapted:
    """An adapted model.

    Args:
        pretrained: model and processor.
        task: what it predicts.
        columns: the columns of its training data.
        max_length: most tokens a text.
        folder: where it was opened from.
    """

    def __init__(
        self, pretrained: Pretrained, task: Task, columns: Columns, max_length: int | None, folder: Path
    ) -> None:
        self.pretrained = pretrained
        self.task = task
        self.columns = columns
        self.max_length = max_length
        self.folder = folder
        self._module = FullModel(pretrained.model)

    @classmethod
    def open(cls, path: str | Path) -> Adapted:
        """Open a run folder ("runs/last") or the folder of an adapted model.

        Raises:
            RunError: there is no adapted model in it.
        """
        folder = model_folder(path)
        told = _read_sidecar(folder)
        task = _task(told["task"]) if told else None
        pretrained = load(str(folder), None)
        task = task or _task_of(pretrained, folder)
        columns = Columns(**{**told["columns"], "inputs": tuple(told["columns"]["inputs"])}) if told else Columns()
        return cls(pretrained, task, columns, told["max_length"] if told else pretrained.max_length, folder)

    def predict(self, inputs: Sequence[Input], *, batch_size: int = 64) -> list[Prediction]:
        """Predict texts, pairs of texts, or pictures (paths or uint8 arrays)."""
        given = [
            Path(value) if self.task.modality is Modality.IMAGE and isinstance(value, str) else value
            for value in inputs
        ]
        origins = [f"input {number}" for number in range(1, len(given) + 1)]
        return self.predict_examples(Examples(given, None, origins), batch_size=batch_size)

    def predict_examples(self, examples: Examples, *, batch_size: int = 64) -> list[Prediction]:
        """Predict examples that were read before."""
        return predictions(self.task, self.logits(examples, batch_size=batch_size))

    def logits(self, examples: Examples, *, batch_size: int = 64) -> NDArray[np.float32]:
        """Score examples: float32 of shape (n, outputs)."""
        if batch_size < 1:
            raise OptionError(f"--batch-size: must be at least 1, not {batch_size}.")
        if len(examples) == 0:
            return np.zeros((0, self.task.outputs), dtype=np.float32)
        encoded = encode(self.pretrained.processor, examples, self.max_length or self.pretrained.max_length)
        self._module.to(device())
        return logits(self._module, InputFeed(encoded, None, batch_size=batch_size))

    def evaluate(
        self,
        data: str | Path | Examples,
        *,
        text: str | None = None,
        label: str | None = None,
        metric: str | None = None,
    ) -> Scores:
        """Score a labelled file or folder, read as the training data was.

        Raises:
            DataError: it cannot be read, or holds a label that the model does not know.
        """
        examples = data if isinstance(data, Examples) else read_labelled(data, self.task, self._columns(text, label))
        found = self.logits(examples)
        chosen = primary(self.task, metric)
        labels = examples.known_labels
        scores = metrics(self.task, found, labels)
        return Scores(scores, chosen, interval(self.task, chosen, found, labels), len(examples))

    def read_inputs(self, inputs: Sequence[str], *, text: str | None = None) -> Examples:
        """Read what was typed after `alih predict`: texts, picture files, or one file or folder of them.

        Raises:
            OptionError: pairs are needed and an odd number of texts was typed.
        """
        alone = Path(inputs[0]) if len(inputs) == 1 else None
        if alone is not None and _is_path(inputs[0], self.task):
            return read_inputs(alone, self.task, self._columns(text, None))
        origins = [f"input {number}" for number in range(1, len(inputs) + 1)]
        if self.task.modality is Modality.IMAGE:
            for value in inputs:
                if not Path(value).is_file():
                    raise OptionError(
                        f"{value}: no such file. This model takes pictures: name picture files or a folder."
                    )
            return Examples([Path(value) for value in inputs], None, origins)
        if not self.task.pair:
            return Examples(list(inputs), None, origins)
        if len(inputs) % 2:
            raise OptionError("this model takes pairs of texts: type two texts an input, or name a file.")
        return Examples(list(zip(inputs[::2], inputs[1::2], strict=True)), None, origins[: len(inputs) // 2])

    def _columns(self, text: str | None, label: str | None) -> Columns:
        inputs = tuple(text.split(",")) if text else self.columns.inputs
        return Columns(inputs, label or self.columns.label, self.columns.group)


def save(pretrained: Pretrained, task: Task, columns: Columns, max_length: int | None, folder: Path) -> None:
    """Write an adapted model: a plain Hugging Face folder, and `alih.json` beside the weights."""
    pretrained.save(folder)
    told = {"schema": _SCHEMA, "task": asdict(task), "columns": asdict(columns), "max_length": max_length}
    (folder / _SIDECAR).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def model_folder(path: str | Path) -> Path:
    """The folder of the adapted model in a run folder, or the folder itself where it holds a model.

    Raises:
        RunError: there is none.
    """
    folder = Path(path)
    if (folder / "config.json").is_file():
        return folder
    run = RunFolder.open(folder)
    if not (run.model / "config.json").is_file():
        raise RunError(f"{path}: this run holds no adapted model (it was stopped early). Run its command again.")
    return run.model


def _read_sidecar(folder: Path) -> dict[str, Any] | None:
    path = folder / _SIDECAR
    if not path.is_file():
        return None
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        schema = told["schema"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: damaged ({error}). Delete the file to go by config.json alone.") from error
    if schema != _SCHEMA:
        raise RunError(f"{path}: schema {schema}, but this version of Alih reads {_SCHEMA}. Update Alih.")
    return dict(told)


def _task(told: dict[str, Any]) -> Task:
    return Task(Modality(told["modality"]), Kind(told["kind"]), tuple(told["classes"]), bool(told["pair"]))


def _task_of(pretrained: Pretrained, folder: Path) -> Task:
    if pretrained.task is None:
        raise RunError(
            f"{folder}: config.json names no classes. Was this model adapted? Try: alih adapt DATA --model {folder}"
        )
    return pretrained.task


def _is_path(value: str, task: Task) -> bool:
    if len(value) > 4096 or "\n" in value or "\0" in value:
        return False
    path = Path(value)
    looks_like_one = path.suffix.lower() in {".csv", ".tsv", ".json", ".jsonl", ".parquet"} and " " not in value.strip()
    return path.exists() or looks_like_one or task.modality is Modality.IMAGE
