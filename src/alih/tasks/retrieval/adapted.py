"""An embedding model, adapted or not, that is asked for vectors and scored by what it finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from alih.data.examples import Examples
from alih.pretrained.open import find
from alih.progress import Progress
from alih.rag.embed import Embedder, Vectors
from alih.tasks.adapted import Adapted, Scores
from alih.tasks.base import Predictions
from alih.tasks.retrieval.pairs import Questions, all_questions, read_pairs
from alih.tasks.retrieval.ranking import ranked
from alih.tasks.retrieval.task import Retrieval


class AdaptedEmbedder(Adapted):
    """A model whose vectors of questions are near those of the passages that answer them.

    Args:
        embedder: the model as a library uses it.
        folder: where it was opened from.
        progress: where long passes report to; standard error if not given.
    """

    def __init__(self, embedder: Embedder, folder: Path, progress: Progress | None = None) -> None:
        super().__init__(Retrieval(None), embedder.pretrained, folder, progress)
        self.embedder = embedder

    @classmethod
    def open(cls, model: str | Path, progress: Progress | None = None) -> AdaptedEmbedder:
        """Open a run, a folder, a built-in model or one of the Hub.

        Raises:
            ModelError: it is no embedding model, or cannot be opened.
        """
        embedder = Embedder(find(model).name)
        return cls(embedder, embedder.pretrained.folder, progress)

    def query(self, text: str) -> Vectors:
        """Embed one question: (width,)."""
        return self.embedder.query(text)

    def passages(self, texts: list[str]) -> Vectors:
        """Embed passages: (texts, width)."""
        return self.embedder.passages(texts, progress=self.progress).vectors

    def predictions(self, examples: Examples) -> Predictions:
        """Rank their passages, and the others, for each question; see `alih.tasks.retrieval.ranking.ranked`."""
        if not isinstance(examples, Questions):
            raise TypeError(f"questions are needed, not {type(examples).__name__}")
        candidates = examples.candidates
        place = {text: number for number, text in enumerate(candidates)}
        return ranked(
            self.embedder.queries([one.text for one in examples.questions]),
            self.passages(candidates),
            [[place[text] for text in one.passages] for one in examples.questions],
        )

    def evaluate(self, data: str | Path | Examples, *, metric: str | None = None) -> Scores:
        """Score a file of questions and passages: each question among all passages of the file.

        Raises:
            DataError: it cannot be read.
            OptionError: there is no such metric.
        """
        self.task.metric(metric)  # refused before anything is read
        if isinstance(data, Examples):
            return self.score(data, self.predictions(data), metric=metric)
        pairs = read_pairs(data)
        for note in pairs.notes:
            self.progress.say(note)
        examples = all_questions(pairs)
        scores = self.score(examples, self.predictions(examples), metric=metric)
        return replace(scores, trained_on=self.trained_on(examples))
