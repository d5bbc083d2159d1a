"""Tagging as a task of the engine: named entities, parts of speech."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from alih.data.batch import Encoded
from alih.data.examples import Damage, Dataset, Examples
from alih.errors import OptionError
from alih.metrics import tagging as measures
from alih.metrics.base import Metric
from alih.metrics.classification import LOG_LOSS, check_finite
from alih.pretrained.open import Pretrained, load
from alih.progress import Progress
from alih.task import TAGGING, Kind, Modality
from alih.task import Task as Problem
from alih.tasks.adapted import Adapted, write_sidecar
from alih.tasks.base import ModelChoice, Predictions, Statistics, Task
from alih.tasks.bench import SCORING_BATCH, Part, Stage
from alih.tasks.tagging.encoded import IGNORED, UNSEEN, EncodedSentences, encode, labels, of_words, summary
from alih.tasks.tagging.sentences import OUTSIDE, are_entities, looks_tagged, read_sentences
from alih.tasks.tagging.splits import read_dataset, tags_in
from alih.training.choice import Look, Outputs
from alih.training.feed import Batch, ExampleFeed, Feed, InputFeed
from alih.training.precision import Precision
from alih.training.result import FitResult, FitSettings
from alih.training.scoring import logits


class Tagging(Task):
    """One tag for each word of a sentence; one example is a sentence.

    Predictions are `tags`, `confidence` and `loss`; see `alih.tasks.tagging.encoded.of_words`. Robustness to typing
    mistakes is not measured: a copy of a sentence would need tags for words that a mistake joins or cuts.

    Args:
        dataset: of `Sentence`; None for a model opened from disk.
        tags: what the outputs of the head stand for; those of the dataset, where there is one.
    """

    name: ClassVar[str] = TAGGING
    trains_head: ClassVar[bool] = True
    probes: ClassVar[bool] = False

    def __init__(self, dataset: Dataset | None, tags: tuple[str, ...] = ()) -> None:
        super().__init__(dataset)
        self.tags = tags if dataset is None or dataset.task is None else dataset.task.classes
        self.finds_entities = are_entities(self.tags)

    @classmethod
    def recognises(cls, data: Any) -> str | None:
        """Columns of words and tags, or JSON lines of tokens with tags or of texts with spans."""
        return looks_tagged(data)

    @classmethod
    def read(cls, data: Any, options: Any, progress: Progress | None = None) -> Self:
        """A file, or a folder with a file for each split; see `alih.tasks.tagging.sentences`."""
        if not isinstance(data, str | Path):
            raise OptionError(f"task='{TAGGING}': give the data as a path, not as {type(data).__name__}.")
        return cls(read_dataset(data, options))

    def facts(self) -> dict[str, Any]:
        """The tags in the order of the outputs."""
        return {"modality": "text", "kind": "a tag for each word", "tags": list(self.tags)}

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """F1 of entities first; of tags that mark none, the accuracy of tokens."""
        return (*(measures.METRICS if self.finds_entities else (measures.TOKEN_ACCURACY,)), LOG_LOSS)

    @property
    def smooth_metric(self) -> str:
        """Cross-entropy a word."""
        return LOG_LOSS.name

    def statistics(self, predictions: Predictions, examples: Examples) -> Statistics:
        """Equal to seqeval's; words that the model did not see count as outside any entity."""
        check_finite(predictions["loss"])
        right = [sentence.tags or () for sentence in examples.inputs]
        said = [self.named(row)[: len(tags)] for row, tags in zip(predictions["tags"], right, strict=True)]
        types = sorted({tag[2:] for tag in (*self.tags, *tags_in(examples)) if tag != OUTSIDE})
        tables = measures.statistics(right, said, types if self.finds_entities else ())
        tables[LOG_LOSS.name] = predictions["loss"].astype(np.float64)
        return {metric.name: tables[metric.name] for metric in self.metrics}

    def named(self, tags: NDArray[np.generic]) -> list[str]:
        """The tags of words by their numbers."""
        return [OUTSIDE if tag == UNSEEN else self.tags[tag] for tag in tags.tolist()]

    def read_more(self, path: Path, damaged: list[Damage], notes: list[str], progress: Progress) -> Examples:
        """Another file of tagged sentences."""
        found = read_sentences(path, damaged, notes)
        if unknown := sorted(set(tags_in(found)) - set(self.tags)):
            notes.append(f"  {path.name}: the model never learnt {', '.join(unknown)}; they count as not found.")
        return found

    @property
    def default_model(self) -> str:
        """A sentence encoder."""
        return "alih/minilm"

    def open(self, choice: ModelChoice, *, seed: int, random_weights: bool = False) -> Pretrained:
        """With a head that reads every token."""
        return load(
            choice.name,
            Problem(Modality.TEXT, Kind.SINGLE, self.tags),
            form="tagger",
            random_weights=random_weights,
            seed=seed,
            allow_pickle=choice.allow_pickle,
            revision=choice.revision,
        )

    def encode(self, pretrained: Pretrained, examples: Examples, max_length: int | None, progress: Progress) -> Encoded:
        """Sub-words; the first one of a word carries its tag."""
        return encode(pretrained.tokenizer, examples.inputs, max_length)

    def labels(self, examples: Examples, encoded: Encoded) -> NDArray[np.generic] | None:
        """Tags by number; see `alih.tasks.tagging.encoded.labels`."""
        assert isinstance(encoded, EncodedSentences)
        return labels(examples.inputs, encoded, self.tags)

    def feed(self, part: Part, rows: NDArray[np.int64] | None, batch_size: int) -> Feed:
        """Sentences of like length."""
        return InputFeed(part.encoded, part.labels, batch_size=batch_size, rows=rows)

    def loss(self, module: nn.Module, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """Cross-entropy of the first sub-word of each word."""
        inputs = batch.copy()
        wanted = inputs.pop("labels")
        scores = module(inputs).float()
        wanted = wanted[:, : scores.shape[1]]
        found = functional.cross_entropy(scores.transpose(1, 2), wanted, ignore_index=IGNORED, reduction="sum")
        return found, (wanted != IGNORED).sum()

    def outputs(self, module: nn.Module, feed: Feed, precision: Precision | None) -> Outputs:
        """See `alih.tasks.tagging.encoded.summary`."""
        assert isinstance(feed, ExampleFeed)
        wanted = feed.labels
        assert wanted is not None
        return logits(module, feed, precision, keep=lambda scores, rows: summary(scores, wanted[rows]))

    def look(self, stage: Stage, metric: Metric) -> Look:
        """A head alone is judged by its loss, otherwise the metric that decides judges, as for classification."""
        part = stage.bench.parts["validation"]
        feed = stage.feed("validation", batch_size=SCORING_BATCH * stage.bench.batch_size)

        def criterion(found: Outputs, rows: NDArray[np.int64]) -> float:
            table = self.statistics(self._words(found, part, rows), part.examples.select(rows))[metric.name]
            return -metric.sign * metric.score(table)

        return TaggingLook(self, feed, None if stage.trains_head_alone else criterion)

    def settings(self, settings: FitSettings, stage: Stage, rows: int) -> FitSettings:
        """With looks at validation no more often than is worth it."""
        return stage.looking(settings, rows)

    def predict(self, stage: Stage, name: str, rows: NDArray[np.int64] | None = None) -> Predictions:
        """The tag of each word."""
        return self._words(stage.outputs(name, rows), stage.bench.parts[name], rows)

    def judge(self, stage: Stage, result: FitResult) -> Predictions:
        """Each half of the sentences as the epoch tagged it that the other half chose."""
        assert result.held_out is not None
        return self._words(result.held_out, stage.bench.parts["judged"], None)

    def _words(self, found: Outputs, part: Part, rows: NDArray[np.int64] | None) -> Predictions:
        assert isinstance(part.encoded, EncodedSentences)
        firsts = part.encoded.firsts
        return of_words(found, firsts if rows is None else [firsts[row] for row in rows])

    def tokens(self, stage: Stage) -> float | None:
        """Sub-words of a sentence."""
        return float(stage.bench.parts["judged"].encoded.lengths.mean())

    def save(self, pretrained: Pretrained, folder: Path, max_length: int | None) -> None:
        """A plain Hugging Face folder."""
        if max_length is not None:
            pretrained.processor.model_max_length = max_length
        pretrained.save(folder)
        write_sidecar(folder, self, {"max_length": max_length})

    @classmethod
    def adapted(cls, folder: Path, progress: Progress | None = None) -> Adapted:
        """See `AdaptedTagger`."""
        from alih.tasks.tagging.adapted import AdaptedTagger

        return AdaptedTagger.open(folder, progress)


class TaggingLook(Look):
    """Looks at tagged sentences.

    Args:
        task: whose outputs are looked at.
        feed: of the sentences.
        criterion: maps outputs of some rows, and these rows, to what the best epoch minimises; None = the loss.
    """

    def __init__(
        self, task: Tagging, feed: Feed, criterion: Callable[[Outputs, NDArray[np.int64]], float] | None
    ) -> None:
        self._task, self._feed, self._criterion = task, feed, criterion

    def __len__(self) -> int:
        return len(self._feed)

    def outputs(self, module: nn.Module, precision: Precision) -> Outputs:
        """See `Tagging.outputs`."""
        return self._task.outputs(module, self._feed, precision)

    def judge(self, outputs: Outputs, rows: NDArray[np.int64]) -> tuple[float, float]:
        """The criterion, and the loss a word."""
        loss = float(outputs[:, 0].sum(dtype=np.float64) / max(outputs[:, 1].sum(), 1))
        return (loss if self._criterion is None or not np.isfinite(loss) else self._criterion(outputs, rows)), loss

    def digest(self) -> str:
        """Tells these sentences from others."""
        return self._feed.digest()
