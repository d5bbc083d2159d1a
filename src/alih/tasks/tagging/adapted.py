"""An adapted tagger, opened from disk."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.data.delimited import guarded
from alih.data.examples import Damage, Examples
from alih.data.messages import counted
from alih.errors import DataError, OptionError, RunError
from alih.metrics.tagging import spans
from alih.pretrained.open import Pretrained, load
from alih.progress import Progress
from alih.tasks.adapted import SIDECAR, Adapted, PrintedForm, Scores, read_sidecar
from alih.tasks.base import Predictions
from alih.tasks.tagging.encoded import UNSEEN, encode, of_words
from alih.tasks.tagging.encoded import labels as labels_of
from alih.tasks.tagging.sentences import Sentence, read_plain
from alih.tasks.tagging.task import Tagging
from alih.training.feed import InputFeed
from alih.training.memory import out_of_memory_in_words
from alih.training.modules import FullModel
from alih.training.precision import device

_FILES = {".txt", ".conll", ".conllu", ".bio", ".iob", ".iob2", ".tsv", ".jsonl", ".ndjson"}


@dataclass(frozen=True)
class Span:
    """What was found in a text.

    Args:
        text: its characters.
        label: type of the entity, or the tag of the word.
        start, end: first character, and the one after the last.
        probability: of the least certain of its words' tags.
    """

    text: str
    label: str
    start: int
    end: int
    probability: float


class AdaptedTagger(Adapted):
    """A model that finds entities in texts, or tags their words.

    Args:
        task: with its tags.
        pretrained: model and processor.
        max_length: most tokens a text.
        folder: where it was opened from.
        progress: where to report.
    """

    task: Tagging

    def __init__(
        self,
        task: Tagging,
        pretrained: Pretrained,
        max_length: int | None,
        folder: Path,
        progress: Progress | None = None,
    ) -> None:
        super().__init__(task, pretrained, folder, progress)
        self.max_length = max_length or pretrained.max_length
        self._module = FullModel(pretrained.model)

    @classmethod
    def open(cls, folder: Path, progress: Progress | None = None) -> AdaptedTagger:
        """Open the folder of an adapted tagger.

        Raises:
            RunError: `alih.json` is damaged.
        """
        facts = read_sidecar(folder) or {}
        pretrained = load(str(folder), None, form="tagger")
        try:
            tags, longest = tuple(facts["task"]["tags"]), facts["max_length"]
        except (KeyError, TypeError) as error:
            raise RunError(f"{folder / SIDECAR}: damaged ({error!r}). Copy the model again.") from error
        if len(tags) != pretrained.model.config.num_labels:
            raise RunError(f"{folder}: config.json and {SIDECAR} name different tags. Copy the model again.")
        return cls(Tagging(None, tags), pretrained, longest, folder, progress)

    def predict(self, texts: Sequence[str], *, batch_size: int = 64) -> list[list[Span]]:
        """The entities of each text, or the tag of each word, in order.

        Raises:
            DataError: one of them is empty, or no text.
        """
        if isinstance(texts, str | Path):
            raise DataError(f'predict takes a list: write predict(["{texts}"]). For a file, use alih predict.')
        return self.predict_examples(_texts(texts), batch_size=batch_size)

    def predict_examples(self, examples: Examples, *, batch_size: int = 64) -> list[list[Span]]:
        """Of sentences that were read before."""
        found = self.predictions(examples, batch_size=batch_size)
        unseen = sum(
            bool((row[: len(one.words)] == UNSEEN).any())
            for one, row in zip(examples.inputs, found["tags"], strict=True)
        )
        if unseen:
            self.progress.say(
                f"{counted(unseen, 'text')} of more than {self.max_length} tokens, or with characters that the model "
                "does not read: what it does not see has no tag."
            )
        rows = zip(examples.inputs, found["tags"], found["confidence"], strict=True)
        return [self._spans(*row) for row in rows]

    def predictions(self, examples: Examples, *, batch_size: int = 64) -> Predictions:
        """See `Tagging`."""
        if batch_size < 1:
            raise OptionError(f"--batch-size: must be at least 1, not {batch_size}.")
        if len(examples) == 0:
            return of_words(np.zeros((0, 2), dtype=np.float32), [])
        encoded = encode(self.pretrained.tokenizer, examples.inputs, self.max_length)
        labels = labels_of(examples.inputs, encoded, self.task.tags)
        self._module.to(device())
        with out_of_memory_in_words("predicting"):
            feed = InputFeed(encoded, labels, batch_size=batch_size)
            return of_words(self.task.outputs(self._module, feed, self.precision), encoded.firsts)

    def evaluate(self, data: str | Path | Examples, *, metric: str | None = None) -> Scores:
        """Score a file of tagged sentences; those that cannot be used are left out.

        Raises:
            DataError: it cannot be read.
        """
        self.task.metric(metric)  # refused before anything is read
        if isinstance(data, Examples):
            return self.score(data, self.predictions(data), metric=metric)
        left_out, notes = list[Damage](), list[str]()
        examples = self.task.read_more(Path(data).expanduser(), left_out, notes, self.progress)
        for note in notes:
            self.progress.say(note)
        scores = self.score(examples, self.predictions(examples), metric=metric, left_out=left_out)
        return replace(scores, trained_on=self.trained_on(examples))

    def read_inputs(
        self, inputs: Sequence[str], *, text: str | None = None, damaged: list[Damage] | None = None
    ) -> Examples:
        """Texts as typed, or one file: tagged as the training data were (tags are not looked at), or a text a line."""
        if text is not None:
            raise OptionError("--text: names a column, and files of tagged words have none; leave it out.")
        files = [value for value in inputs if value == "-" or Path(value).suffix.lower() in _FILES]
        if not files:
            return _texts(inputs)
        if len(inputs) > 1:
            raise OptionError(f"{files[0]}: is a file. Name one file at a time, without texts beside it.")
        left_out, notes = list[Damage](), list[str]()
        found = read_plain(None if files[0] == "-" else Path(files[0]).expanduser(), self.task.tags, left_out, notes)
        for note in notes:
            self.progress.say(note)
        if left_out and damaged is None:
            raise DataError(f"{left_out[0].origin}: {left_out[0].reason}.")
        if damaged is not None:
            damaged.extend(left_out)
        return found

    def render(
        self, examples: Examples, found: Sequence[Any], damaged: Sequence[Damage] = (), *, form: PrintedForm
    ) -> str:
        """Lines: the spans as "label: text" and the input. JSONL: an object an input. CSV: a row a span."""
        pairs: list[tuple[Sentence, list[Span]]] = list(zip(examples.inputs, found, strict=True))
        if form == "csv":
            text = io.StringIO()
            writer = csv.writer(text)
            writer.writerow(["input", "text", "label", "start", "end", "probability"])
            for one, spans_found in pairs:
                for span in spans_found:
                    cells = (guarded(one.text), guarded(span.text), guarded(span.label))
                    writer.writerow([*cells, span.start, span.end, f"{span.probability:.6f}"])
            return text.getvalue()
        if form == "jsonl":
            records: list[dict[str, Any]] = [
                {"input": one.text, "spans": [asdict(span) for span in spans_found]} for one, spans_found in pairs
            ]
            records += [{"input": None, "spans": None, "left_out": f"{one.origin}: {one.reason}"} for one in damaged]
            return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        lines = []
        for one, spans_found in pairs:
            named = [f"{span.label}: {span.text} ({span.probability:.3f})" for span in spans_found]
            lines.append(f"{'; '.join(named) or '–'}\t{' '.join(one.text.split())}")
        return "".join(f"{line}\n" for line in (*lines, *(f"–\t{one.origin}: {one.reason}" for one in damaged)))

    def _spans(self, sentence: Sentence, tags: NDArray[np.int64], confidence: NDArray[np.float32]) -> list[Span]:
        names = self.task.named(tags[: len(sentence.words)])
        if self.task.finds_entities:
            places = sorted((first, last, label) for label, first, last in spans(names))
        else:
            places = [(place, place, name) for place, name in enumerate(names) if tags[place] != UNSEEN]
        found = []
        for first, last, label in places:
            start, end = sentence.words[first][0], sentence.words[last][1]
            sure = float(confidence[first : last + 1].min())
            found.append(Span(sentence.text[start:end], label, start, end, sure))
        return found


def _texts(texts: Sequence[str]) -> Examples:
    """Texts as they are given.

    Raises:
        DataError: one of them is empty, or no text.
    """
    for number, text in enumerate(texts, 1):
        if not isinstance(text, str) or not text.strip():
            raise DataError(f"input {number}: is empty or no text. Give a text, or leave it out.")
    origins = [f"input {number}" for number in range(1, len(texts) + 1)]
    return Examples([Sentence.of_text(text) for text in texts], None, origins)
