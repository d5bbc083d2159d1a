"""An adapted model, opened from disk: what predicts, is evaluated, and is handed over.

The folder is a plain Hugging Face one. `alih.json` beside the weights adds what such a folder cannot say: the task,
and what it needs to read new files as the training data was read.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from alih.data.examples import Damage, Examples
from alih.data.messages import worst
from alih.data.overlap import FINGERPRINTS, overlap, read_fingerprints
from alih.errors import OptionError, RunError
from alih.metrics.bootstrap import Interval, interval
from alih.pretrained.open import Pretrained
from alih.progress import Progress
from alih.tasks.base import Predictions, Task
from alih.training.precision import Precision

#: How predictions are written.
PrintedForm = Literal["lines", "jsonl", "csv"]

SIDECAR = "alih.json"
_SCHEMA = 2


@dataclass(frozen=True)
class Scores:
    """Metrics on a set of examples with known answers.

    Args:
        metrics: every metric of the task.
        primary: the one that decides.
        interval: its 95 % bootstrap interval.
        examples: how many examples were scored.
        left_out: rows that could not be used, and why.
        trained_on: how many of the examples the model was trained on; None where that is not known.
        signatures: what exactly was computed, of metrics whose reference implementation has a name for it.
    """

    metrics: dict[str, float]
    primary: str
    interval: Interval
    examples: int
    left_out: tuple[Damage, ...] = ()
    trained_on: int | None = None
    signatures: Mapping[str, str] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The scores as JSON-able data."""
        low, high = self.interval.low, self.interval.high
        found = {"examples": self.examples, "metrics": self.metrics, "primary": self.primary, "interval": [low, high]}
        found |= {} if self.trained_on is None else {"trained_on": self.trained_on}
        found |= {"signatures": dict(self.signatures)} if self.signatures else {}
        return found | ({"left_out": [asdict(damage) for damage in self.left_out]} if self.left_out else {})

    def __str__(self) -> str:
        lines = [f"{self.examples:,} examples"]
        if self.left_out:
            lines[0] += f"; {len(self.left_out):,} more could not be used: {worst(self.left_out)}"
        if self.trained_on:
            lines.append(
                f"{self.trained_on:,} of them stand in the training data, too: these scores flatter the model."
            )
        for name, value in self.metrics.items():
            spread = f"   95 % interval {self.interval.words('.4f')}"
            lines.append(f"{name:<20} {value:.4f}{spread if name == self.primary else ''}")
        lines += [f"{name}: {signature}" for name, signature in (self.signatures or {}).items()]
        return "\n".join(lines)


class Adapted(ABC):
    """A model that was adapted for a task.

    Args:
        task: what it predicts; without a dataset.
        pretrained: model and processor.
        folder: where it was opened from.
        progress: where long predictions report to; standard error if not given.
    """

    def __init__(self, task: Task, pretrained: Pretrained, folder: Path, progress: Progress | None = None) -> None:
        self.task, self.pretrained, self.folder = task, pretrained, folder
        self.progress = progress or Progress()
        #: Compute type of predictions; None = the device's best.
        self.precision: Precision | None = None

    @abstractmethod
    def predictions(self, examples: Examples) -> Predictions:
        """What the model says of examples that were read before, as arrays; see `Task.predict`."""

    @abstractmethod
    def evaluate(self, data: str | Path | Examples, *, metric: str | None = None) -> Scores:
        """Score a file with known answers, read as the training data was; rows that cannot be used are left out.

        Raises:
            DataError: it cannot be read.
        """

    def trained_on(self, examples: Examples) -> int | None:
        """How many of the examples the model was trained on; None where its run does not tell."""
        path = self.folder.parent / FINGERPRINTS
        try:
            return overlap(read_fingerprints(path), examples) if path.is_file() else None
        except RunError as error:
            self.progress.say(str(error))
            return None

    def read_inputs(
        self, inputs: Sequence[str], *, text: str | None = None, damaged: list[Damage] | None = None
    ) -> Examples:
        """Read what was typed after `alih predict`: inputs, or one file or folder of them.

        Args:
            inputs: as typed.
            text: column of the text, where a file was named.
            damaged: where rows that cannot be used are put; without it, one such row is an error.

        Raises:
            OptionError: the task predicts nothing for single inputs.
        """
        raise OptionError(f"{self.folder}: is for {self.task.name}; it predicts no labels.")

    def predict_examples(self, examples: Examples, *, batch_size: int = 64) -> list[Any]:
        """What `predict` says of examples that `read_inputs` read."""
        raise OptionError(f"{self.folder}: is for {self.task.name}; it predicts no labels.")

    def render(
        self, examples: Examples, found: Sequence[Any], damaged: Sequence[Damage] = (), *, form: PrintedForm
    ) -> str:
        """Predictions of examples as text, with a line for what was left out.

        Args:
            examples: what was predicted.
            found: the prediction of each.
            damaged: rows that could not be used.
            form: a line an input for a terminal, or the whole of a JSONL or CSV file.
        """
        raise OptionError(f"{self.folder}: is for {self.task.name}; it predicts no labels.")

    def score(
        self,
        examples: Examples,
        predictions: Predictions,
        *,
        metric: str | None = None,
        left_out: Sequence[Damage] = (),
    ) -> Scores:
        """Score predictions of examples with known answers."""
        deciding, statistics = self.task.metric(metric), self.task.statistics(predictions, examples)
        spread = interval(deciding, statistics[deciding.name], examples.groups)
        signatures = {one.name: one.signature for one in self.task.metrics if one.signature is not None}
        scores = self.task.scores(statistics)
        return Scores(scores, deciding.name, spread, len(examples), tuple(left_out), None, signatures or None)


def write_sidecar(folder: Path, task: Task, more: Mapping[str, Any]) -> None:
    """Write `alih.json`: the task, and what it needs besides.

    Raises:
        OSError: it cannot be written.
    """
    written = {"schema": _SCHEMA, "task": {"name": task.name, **task.facts()}, **more}
    (folder / SIDECAR).write_text(json.dumps(written, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def read_sidecar(folder: Path) -> dict[str, Any] | None:
    """What `alih.json` says; None where there is none.

    Raises:
        RunError: it is damaged, or another version wrote it.
    """
    path = folder / SIDECAR
    if not path.is_file():
        return None
    try:
        written = json.loads(path.read_text(encoding="utf-8"))
        schema, name = written["schema"], written["task"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunError(f"{path}: damaged ({error!r}). Delete the file to go by config.json alone.") from error
    if schema != _SCHEMA:
        raise RunError(
            f"{path}: was written by another version of Alih (schema {schema}; this one reads {_SCHEMA}). Adapt the "
            "model again with this version, or install the version that it was made with."
        )
    if not isinstance(name, dict) or not isinstance(name.get("name"), str):
        raise RunError(f"{path}: damaged (no task in it). Delete the file to go by config.json alone.")
    return dict(written)
