"""Retrieval as a task of the engine: an embedding model that finds the passages which answer a question."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.data.batch import Encoded
from alih.data.examples import Damage, Dataset, Examples
from alih.errors import OptionError
from alih.generate.prompt import PromptForm
from alih.metrics.base import Metric
from alih.pretrained.open import Pretrained, find
from alih.progress import Progress
from alih.rag.embed import DEFAULT_MODEL, Embedder
from alih.rag.library import Library
from alih.rag.pooling import Recipe, recipe_of
from alih.task import RETRIEVAL
from alih.tasks.adapted import Adapted, write_sidecar
from alih.tasks.base import ModelChoice, Predictions, Statistics, Task
from alih.tasks.bench import Adaptation, Bench, Part, Phase, Stage, look_every
from alih.tasks.retrieval import ranking
from alih.tasks.retrieval.folder import write
from alih.tasks.retrieval.mine import from_library, mine
from alih.tasks.retrieval.pairs import Questions, all_questions, looks_like_pairs, read_dataset, read_pairs
from alih.tasks.retrieval.training import (
    EncodedQuestions,
    RankingFeed,
    RankingLook,
    RankingModel,
    objective,
    unpacked,
)
from alih.training.choice import Look, Outputs
from alih.training.feed import Batch, Feed
from alih.training.precision import Precision
from alih.training.result import FitResult, FitSettings, untrained

#: Passages of a library that are found for each training question, to mine negatives from.
_FOUND = 10


class Retrieval(Task):
    """Questions, and the passages that answer them; one example is one question.

    Predictions are `hits`, `relevant` and `loss`; see `alih.tasks.retrieval.ranking.ranked`.

    Args:
        dataset: of `Questions`; None for a model opened from disk.
        hard_negatives: passages that are mined for each training question.
        library: whose passages they are mined from, too.
    """

    name: ClassVar[str] = RETRIEVAL
    freezes: ClassVar[bool] = False
    scored_rows: ClassVar[int] = 200

    def __init__(self, dataset: Dataset | None, hard_negatives: int = 0, library: Library | None = None) -> None:
        super().__init__(dataset)
        self._hard_negatives, self._library = hard_negatives, library
        self._mined: dict[str, tuple[str, ...]] = {}
        self._recipe = Recipe()

    @classmethod
    def recognises(cls, data: Any) -> str | None:
        """Columns of questions and passages, and no others."""
        return "questions with the passages that answer them" if looks_like_pairs(data) else None

    @classmethod
    def read(cls, data: Any, options: Any, progress: Progress | None = None) -> Self:
        """A file of questions and passages; see `alih.tasks.retrieval.pairs`."""
        if not isinstance(data, str | Path):
            raise OptionError(f"task='{RETRIEVAL}': give the data as a path, not as {type(data).__name__}.")
        library = None if options.library is None else Library(options.library, root=options.libraries)
        dataset = read_dataset(data, options.seed, options.validation, options.test, options.max_examples)
        return cls(dataset, options.hard_negatives, library)

    def facts(self) -> dict[str, Any]:
        """How many hard negatives were mined for each training question."""
        return {"modality": "text", "kind": "questions and passages", "hard_negatives": self._hard_negatives}

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """MRR@10 decides where the user names no other."""
        return ranking.METRICS

    @property
    def smooth_metric(self) -> str:
        """The ranking loss."""
        return ranking.LOSS.name

    def statistics(self, predictions: Predictions, examples: Examples) -> Statistics:
        """See `alih.tasks.retrieval.ranking`."""
        return ranking.statistics(predictions)

    def read_more(self, path: Path, damaged: list[Damage], notes: list[str], progress: Progress) -> Examples:
        """Questions that are looked for among the passages of their own file."""
        pairs = read_pairs(path)
        notes.extend(pairs.notes)
        return all_questions(pairs)

    @property
    def default_model(self) -> str:
        """The one that libraries come with."""
        return DEFAULT_MODEL

    def open(self, choice: ModelChoice, *, seed: int, random_weights: bool = False) -> Pretrained:
        """An encoder, and how it pools."""
        checkpoint = find(choice.name, choice.revision, allow_pickle=choice.allow_pickle, to_adapt=True)
        self._recipe = recipe_of(checkpoint.root, choice.name)
        return checkpoint.load("encoder", random_weights=random_weights, seed=seed)

    def begin(self, pretrained: Pretrained) -> None:
        """Mine hard negatives for the training questions.

        Passages that answer held-out questions are not among them, where these are not trained on.
        """
        train, tested = _questions(self.dataset.train), _questions(self.dataset.test)
        if self._hard_negatives == 0:
            return
        asked = [one.text for one in train.questions]
        held: set[str] = set()
        if train.groups is not None:
            unseen = (*_questions(self.dataset.validation).questions, *tested.questions)
            held = {text for one in unseen for text in one.passages}
        texts = [text for text in tested.others if text not in held]
        if self._library is not None:
            texts = list(dict.fromkeys([*texts, *from_library(self._library, asked, _FOUND)]))
        right = [set(one.passages) for one in train.questions]
        found = mine(Embedder.of(pretrained, self._recipe), asked, right, texts, self._hard_negatives)
        self._mined = dict(zip(asked, found, strict=True))

    def encode(self, pretrained: Pretrained, examples: Examples, max_length: int | None, progress: Progress) -> Encoded:
        """Questions and passages behind their prompts; see `EncodedQuestions`."""
        questions = _questions(examples)
        mined = [self._mined.get(one.text, ()) for one in questions.questions]
        return EncodedQuestions.of(pretrained, self._recipe, questions, mined, progress)

    def module(self, pretrained: Pretrained) -> nn.Module:
        """See `RankingModel`."""
        return RankingModel(Embedder.of(pretrained, self._recipe))

    def feed(self, part: Part, rows: NDArray[np.int64] | None, batch_size: int) -> Feed:
        """Pairs without repeated questions."""
        return RankingFeed(_encoded(part), rows, batch_size)

    def cannot_train(self, pretrained: Pretrained, *, random_weights: bool) -> str | None:
        """Parts of a model train where it has an ordered list of blocks."""
        if pretrained.anatomy.blocks:
            return None
        return f"{pretrained.name} has no ordered list of blocks, so nobody can say what trains; take another model"

    def loss(self, module: nn.Module, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """The ranking loss; see `alih.tasks.retrieval.loss`."""
        return objective(module, batch)

    def outputs(self, module: nn.Module, feed: Feed, precision: Precision | None) -> Outputs:
        """Vectors of the questions."""
        assert isinstance(module, RankingModel)
        assert isinstance(feed, RankingFeed)
        return module.vectors(feed.encoded.texts, feed.encoded.asked, queries=True)

    def look(self, stage: Stage, metric: Metric) -> Look:
        """The ranking loss of the validation questions."""
        part = stage.bench.parts["validation"]
        return RankingLook(_encoded(part), part.examples.groups)

    def settings(self, settings: FitSettings, stage: Stage, rows: int) -> FitSettings:
        """With a look before the first step, so that the model as it was may win, and looks no dearer than training."""
        encoded = _encoded(stage.bench.parts["validation"])
        looked_at = len(encoded) + len(encoded.passages)
        every = look_every(looked_at, 2 * rows, settings.epochs, least=1)
        return replace(settings, look_first=True, validate_every=max(settings.validate_every, every))

    def predict(self, stage: Stage, name: str, rows: NDArray[np.int64] | None = None) -> Predictions:
        """Rank the passages of these questions, and others, for each of them."""
        assert isinstance(stage.module, RankingModel)
        return stage.module.ranked(_encoded(stage.bench.parts[name]), rows)

    def judge(self, stage: Stage, result: FitResult) -> Predictions:
        """Each half of the questions as the epoch ranked it that the other half chose."""
        assert result.held_out is not None
        return unpacked(result.held_out)

    def tried(self, stage: Stage, result: FitResult) -> Predictions:
        """The loss alone: MRR of some hundred questions jumps."""
        return {"loss": self.judge(stage, result)["loss"]}

    def predict_one(self, stage: Stage, row: int) -> None:
        """Embed one question: the passages were embedded before."""
        assert isinstance(stage.module, RankingModel)
        encoded = _encoded(stage.bench.parts["judged"])
        stage.module.vectors(encoded.texts, encoded.asked[row : row + 1], queries=True)

    def tokens(self, stage: Stage) -> float | None:
        """Of a question."""
        encoded = _encoded(stage.bench.parts["judged"])
        return float(encoded.texts.lengths[encoded.asked].mean())

    def cannot_prompt(self, pretrained: Pretrained, form: PromptForm) -> str | None:
        """Nothing is asked in words: zero-shot is the model as it is, and there is nothing to show examples to."""
        return "an embedding model is shown no examples" if form.shots else None

    def prompted(
        self, bench: Bench, form: PromptForm, settings: FitSettings, rows: NDArray[np.int64], deadline: float | None
    ) -> Adaptation:
        """The model as it is."""
        start = time.monotonic()
        pretrained = self.prompt_again(bench, {})
        stage = bench.whole(pretrained)
        nn.Module.to(pretrained.model, next(stage.module.parameters()).device)
        look = self.look(stage, bench.deciding)
        held_out = look.outputs(stage.module, "fp32")
        result = untrained(settings.epochs, time.monotonic() - start, held_out)
        return Adaptation(pretrained, (Phase(stage, result),), {})

    def prompt_again(self, bench: Bench, prompt: dict[str, Any]) -> Pretrained:
        """The pre-trained model, of which nothing trains."""
        pretrained = bench.fresh(bench.seed)
        pretrained.model.requires_grad_(False)
        return pretrained

    def save(self, pretrained: Pretrained, folder: Path, max_length: int | None) -> None:
        """A sentence-transformers folder, which libraries open by its path."""
        write(pretrained, self._recipe, folder)
        write_sidecar(folder, self, {"base": pretrained.name})

    @classmethod
    def adapted(cls, folder: Path, progress: Progress | None = None) -> Adapted:
        """See `AdaptedEmbedder`."""
        from alih.tasks.retrieval.adapted import AdaptedEmbedder

        return AdaptedEmbedder.open(folder, progress)


def _questions(examples: Examples) -> Questions:
    assert isinstance(examples, Questions)
    return examples


def _encoded(part: Part) -> EncodedQuestions:
    assert isinstance(part.encoded, EncodedQuestions)
    return part.encoded
