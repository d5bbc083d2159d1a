"""An adapted classifier, opened from disk; `predict` and `evaluate` read new files as the training data was read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.data.batch import encode
from alih.data.columns import names_of
from alih.data.examples import Columns, Damage, Examples, Input
from alih.data.inputs import at_levels
from alih.data.predict_on import read_inputs, read_labelled
from alih.errors import DataError, OptionError, RunError
from alih.pretrained.open import Pretrained, load
from alih.progress import Progress
from alih.task import Kind, Modality
from alih.task import Task as Problem
from alih.tasks.adapted import SIDECAR, Adapted, PrintedForm, Scores, read_sidecar, write_sidecar
from alih.tasks.base import Predictions
from alih.tasks.classification.predictions import Prediction, predictions, render, rows
from alih.tasks.classification.task import Classification
from alih.training.boundary import FullModel
from alih.training.feed import InputFeed
from alih.training.loop import logits
from alih.training.memory import out_of_memory_in_words
from alih.training.precision import device

#: Endings by which a single word is a file that is missing, and not a text.
_TABLES = {".csv", ".tsv", ".json", ".jsonl", ".parquet", ".xls", ".xlsx"}
_DOCUMENTS = {".txt", ".md", ".html", ".pdf", ".docx", ".gz", ".zip"}
_PICTURES = {".jpg", ".jpeg", ".png", ".gif", ".bmp", ".webp"}
_FILES = _TABLES | _DOCUMENTS | _PICTURES


class AdaptedClassifier(Adapted):
    """A model that classifies texts, pairs of texts or pictures, or predicts a number for them.

    Args:
        pretrained: model and processor.
        problem: what it predicts.
        columns: the columns of its training data.
        max_length: most tokens a text.
        folder: where it was opened from.
        progress: where long predictions report to; standard error if not given.
    """

    def __init__(
        self,
        pretrained: Pretrained,
        problem: Problem,
        columns: Columns,
        max_length: int | None,
        folder: Path,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(Classification(None, problem), pretrained, folder, progress)
        self.problem = problem
        self.columns = columns
        self.max_length = max_length
        self._module = FullModel(pretrained.model)

    @classmethod
    def open(cls, folder: Path, *, progress: Progress | None = None) -> AdaptedClassifier:
        """Open the folder of an adapted model.

        Raises:
            RunError: there is no adapted model in it.
        """
        facts = read_sidecar(folder)
        pretrained = load(str(folder), None)
        if facts is None:
            if pretrained.task is None:
                raise RunError(
                    f"{folder}: config.json names no classes. Was this model adapted? Try: alih adapt DATA --model "
                    f"{folder}"
                )
            return cls(pretrained, pretrained.task, Columns(), pretrained.max_length, folder, progress)
        problem, columns, max_length = _facts(facts, folder)
        if pretrained.model.config.num_labels != problem.outputs:
            raise RunError(f"{folder}: config.json and {SIDECAR} name different classes. Delete {SIDECAR} to go on.")
        return cls(pretrained, problem, columns, max_length, folder, progress)

    def predict(self, inputs: Sequence[Input], *, batch_size: int = 64) -> list[Prediction]:
        """Predict texts, pairs of texts, or pictures (paths or uint8 arrays).

        Raises:
            DataError: one of them is not what the model takes; the message says which.
        """
        if isinstance(inputs, str | Path):
            raise DataError(
                f'predict takes a list: write predict(["{inputs}"]). For a file, use the command alih predict.'
            )
        given = [
            Path(value) if self.problem.modality is Modality.IMAGE and isinstance(value, str) else value
            for value in inputs
        ]
        origins = [f"input {number}" for number in range(1, len(given) + 1)]
        for value, origin in zip(given, origins, strict=True):
            _check_input(value, origin, self.problem)
        return self.predict_examples(Examples(given, None, origins), batch_size=batch_size)

    def predict_examples(self, examples: Examples, *, batch_size: int = 64) -> list[Prediction]:
        """Predict examples that were read before."""
        return predictions(self.problem, self.logits(examples, batch_size=batch_size))

    def render(
        self, examples: Examples, found: Sequence[Any], damaged: Sequence[Damage] = (), *, form: PrintedForm
    ) -> str:
        """See `alih.tasks.classification.predictions`."""
        return render(rows(examples, found, damaged), self.problem, form)

    def predictions(self, examples: Examples) -> Predictions:
        """`logits`: (n, outputs)."""
        return {"logits": self.logits(examples)}

    def logits(self, examples: Examples, *, batch_size: int = 64) -> NDArray[np.float32]:
        """Score examples: float32 of shape (n, outputs)."""
        if batch_size < 1:
            raise OptionError(f"--batch-size: must be at least 1, not {batch_size}.")
        if len(examples) == 0:
            return np.zeros((0, self.problem.outputs), dtype=np.float32)
        if self.columns.levels:
            scaled = at_levels(examples.inputs, examples.origins, self.columns.levels, Progress(quiet=True))
            examples = replace(examples, inputs=scaled)
        longest = self.max_length or self.pretrained.max_length
        encoded = encode(self.pretrained.processor, examples, longest, progress=self.progress)
        self._module.to(device())
        with (
            out_of_memory_in_words("predicting"),
            self.progress.step("predicting", len(encoded), "examples") as advance,
        ):
            feed = InputFeed(encoded, None, batch_size=batch_size)
            return logits(self._module, feed, self.precision, advance=advance)

    def evaluate(
        self,
        data: str | Path | Examples,
        *,
        text: str | None = None,
        label: str | None = None,
        metric: str | None = None,
    ) -> Scores:
        """Score a labelled file or folder, read as the training data was; rows that cannot be used are left out.

        Raises:
            DataError: it cannot be read, or holds a label that the model does not know.
        """
        self.task.metric(metric)  # refused before anything is read
        left_out: list[Damage] = []
        if isinstance(data, Examples):
            examples = data
        else:
            typed = (*names_of(text), *names_of(label))
            notes: list[str] = []
            columns = self._columns(text, label)
            examples = read_labelled(
                data, self.problem, columns, typed=typed, damaged=left_out, notes=notes, progress=self.progress
            )
            for note in notes:
                self.progress.say(note)
        scores = self.score(examples, self.predictions(examples), metric=metric, left_out=left_out)
        return scores if isinstance(data, Examples) else replace(scores, trained_on=self.trained_on(examples))

    def read_inputs(
        self, inputs: Sequence[str], *, text: str | None = None, damaged: list[Damage] | None = None
    ) -> Examples:
        """Read what was typed after `alih predict`: texts, picture files, or one file or folder of them.

        Args:
            inputs: as typed.
            text: column of the text, where a file was named.
            damaged: where rows that cannot be used are put; without it, one such row is an error.

        Raises:
            DataError: a file cannot be read, or a text is empty.
            OptionError: several files, or an odd number of texts where pairs are needed.
        """
        alone = inputs[0] if len(inputs) == 1 else None
        if alone is not None and _is_path(inputs[0], self.problem):
            notes: list[str] = []
            columns = self._columns(text, None)
            found = read_inputs(
                alone if alone == "-" else Path(alone),
                self.problem,
                columns,
                typed=names_of(text),
                damaged=damaged,
                notes=notes,
                progress=self.progress,
            )
            for note in notes:
                self.progress.say(note)
            return found
        if text is not None:
            raise OptionError("--text: names a column of a file, but no file was named; leave it out.")
        for value in inputs:
            if self.problem.modality is Modality.TEXT and _is_path(value, self.problem):
                raise OptionError(f"{value}: is a file. Name one file at a time, without texts beside it.")
        origins = [f"input {number}" for number in range(1, len(inputs) + 1)]
        if self.problem.modality is Modality.IMAGE:
            for value in inputs:
                if not Path(value).is_file():
                    raise OptionError(
                        f"{value}: no such file. This model takes pictures: name picture files or a folder."
                    )
            return Examples([Path(value) for value in inputs], None, origins)
        for value, origin in zip(inputs, origins, strict=True):
            _check_text(value, origin)
        if not self.problem.pair:
            return Examples(list(inputs), None, origins)
        if len(inputs) % 2:
            raise OptionError("this model takes pairs of texts: type two texts an input, or name a file.")
        return Examples(list(zip(inputs[::2], inputs[1::2], strict=True)), None, origins[: len(inputs) // 2])

    def _columns(self, text: str | None, label: str | None) -> Columns:
        inputs = names_of(text) if text else self.columns.inputs
        return replace(self.columns, inputs=inputs, label=label or self.columns.label)


def save(pretrained: Pretrained, task: Classification, columns: Columns, max_length: int | None, folder: Path) -> None:
    """Write an adapted model: a plain Hugging Face folder, and `alih.json` beside the weights.

    Raises:
        ModelError: the folder cannot be written.
        OSError: `alih.json` cannot.
    """
    if max_length is not None:
        pretrained.processor.model_max_length = max_length  # for those who open the folder without Alih
    pretrained.save(folder)
    write_sidecar(folder, task, {"columns": asdict(columns), "max_length": max_length})


def _facts(facts: Mapping[str, Any], folder: Path) -> tuple[Problem, Columns, int | None]:
    """What `alih.json` says."""
    try:
        task, columns = facts["task"], facts["columns"]
        return (
            Problem(Modality(task["modality"]), Kind(task["kind"]), tuple(task["classes"]), bool(task["pair"])),
            Columns(**{**columns, "inputs": tuple(columns["inputs"]), "levels": _pair(columns.get("levels"))}),
            facts["max_length"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            f"{folder / SIDECAR}: damaged ({error!r}). Delete the file to go by config.json alone."
        ) from error


def _pair(levels: list[float] | None) -> tuple[float, float] | None:
    return (float(levels[0]), float(levels[1])) if levels else None


def _check_input(value: Input, origin: str, task: Problem) -> None:
    """Refuse an input of another kind than the model takes."""
    if task.modality is Modality.IMAGE:
        if isinstance(value, Path) and not value.is_file():
            raise DataError(f"{origin}: {value}: no such picture file.")
        if not isinstance(value, Path | np.ndarray):
            raise DataError(f"{origin}: this model takes pictures: give paths or uint8 arrays.")
        if isinstance(value, np.ndarray) and (value.dtype != np.uint8 or value.ndim not in {2, 3}):
            raise DataError(
                f"{origin}: {value.dtype} of shape {value.shape} is no picture: give uint8 of shape (height, width) or "
                "(height, width, 3), 0 = black, 255 = white."
            )
        return
    texts = value if isinstance(value, tuple) else (value,)
    if isinstance(value, tuple) is not task.pair or (task.pair and len(texts) != 2):
        wanted = "pairs of texts: give tuples of two" if task.pair else "one text an input"
        raise DataError(f"{origin}: this model takes {wanted}.")
    for text in texts:
        if not isinstance(text, str):
            raise DataError(f"{origin}: this model takes texts, not {type(text).__name__}.")
        _check_text(text, origin)


def _check_text(text: str, origin: str) -> None:
    if not text.strip():
        raise DataError(f"{origin}: the text is empty. Give a text, or leave it out.")


def _is_path(value: str, task: Problem) -> bool:
    if value == "-":  # standard input
        return True
    if not value.strip() or len(value) > 4096 or "\n" in value or "\0" in value:
        return False
    path = Path(value)
    one_word = not any(character.isspace() for character in value.strip())
    looks_like_one = one_word and (path.suffix.lower() in _FILES or value.startswith(("./", "../", "~/")))
    try:
        exists = path.exists()
    except OSError:  # a name too long for the file system is no file
        exists = False
    return exists or looks_like_one or task.modality is Modality.IMAGE
