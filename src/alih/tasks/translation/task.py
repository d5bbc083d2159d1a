"""Translation of sentences, as a task of the engine: pairs in, a model with an encoder and a decoder out."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from transformers import PreTrainedTokenizerFast

from alih.data.batch import Encoded
from alih.data.examples import Columns, Damage, Dataset, Examples
from alih.errors import DataError, ModelError, OptionError
from alih.generate.prompt import PromptForm
from alih.metrics import translation as measures
from alih.metrics.base import Metric
from alih.metrics.text import PERPLEXITY
from alih.pretrained.families import anatomy_of
from alih.pretrained.open import Pretrained, find
from alih.pretrained.resolve import Source
from alih.progress import Progress
from alih.task import NEW_TRANSLATORS, Kind, Modality
from alih.task import Task as Problem
from alih.tasks.adapted import Adapted
from alih.tasks.base import ModelChoice, Predictions, Statistics, Task
from alih.tasks.bench import Adaptation, Bench, Part, Phase, Stage, look_every
from alih.tasks.translation.corpus import aligned_files, in_words, read_corpus
from alih.tasks.translation.encode import encode_pairs
from alih.tasks.translation.languages import Direction, direction_of
from alih.tasks.translation.loss import losses_of_pairs
from alih.tasks.translation.predictions import examples_of, pairs_of, predictions, read_like, texts_of, translated
from alih.tasks.translation.recipe import BETAS, Recipe, configuration, paper_settings
from alih.tasks.translation.setup import Setup
from alih.tasks.translation.sizes import RECIPES, size_for, steps_for
from alih.tasks.translation.training import EncodedPairs, LossModel, PairFeed, PairLook, objective
from alih.training.choice import Look, Outputs
from alih.training.feed import Batch, Feed
from alih.training.loop import untrained
from alih.training.precision import Precision, choose, device
from alih.training.result import FitResult, FitSettings
from alih.transformer.model import AlihTransformerForConditionalGeneration
from alih.transformer.schedule import learning_rate
from alih.transformer.vocabulary import train_vocabulary

#: Validation pairs that choose the weights by their loss, and others that are translated to judge candidates, at most.
MOST_CHOOSING, MOST_JUDGED = 1000, 200
#: With fewer different sources of validation pairs, all pairs do both.
_LEAST_TO_HALVE = 8
#: Tokens of a batch of a pre-trained model, of source and of target, where the user does not say.
_BATCH_TOKENS = 1000
#: Looks without a better one that end a training from scratch whose length the user left open.
_PATIENCE = 8
#: What the engine's dataset says of its inputs.
_SENTENCES = Problem(Modality.TEXT, Kind.SINGLE, pair=True)
#: Training pairs that the mean length is taken from.
_SAMPLE = 1000


class Translation(Task):
    """Pairs of sentences: the first of each is translated, the second is what it should become.

    Predictions are `written`, the translations in UTF-8 (n, bytes of the longest), and `loss`: of each pair the
    cross-entropy of its reference in nats, and of how many tokens (n, 2).

    Args:
        dataset: the pairs; None for a model opened from disk.
        setup: how sentences are read and translated.
        tokenizer: sacrebleu's name of BLEU's tokenizer; that of the references' script if not given.
        options: how to train: `size`, `steps`, `epochs`, `batch_tokens`; of `alih.compare.options.Options`.
    """

    name: ClassVar[str] = "translation"
    freezes: ClassVar[bool] = False
    scored_rows: ClassVar[int] = 100
    timed: ClassVar[int] = 10

    def __init__(
        self, dataset: Dataset | None, setup: Setup, tokenizer: str | None = None, options: Any = None
    ) -> None:
        super().__init__(dataset)
        self.setup, self._options = setup, options
        self.direction = Direction(setup.source_language, setup.target_language, setup.prefix or "")
        if tokenizer is None and dataset is not None:
            references = [str(pair[1]) for pair in dataset.train.inputs]
            tokenizer = measures.tokenizer_for(references, setup.target_language)
        self.tokenizer = tokenizer or "13a"
        self._vocabulary: PreTrainedTokenizerFast | None = None
        self._is_new = False
        self._size: str | None = None
        self._width = 1.0

    @classmethod
    def recognises(cls, data: Any) -> str | None:
        """A folder of files that are aligned line by line."""
        found = aligned_files(Path(data)) if isinstance(data, str | Path) else None
        return None if found is None else f"{found[0]} and {found[1]} are aligned line by line"

    @classmethod
    def read(cls, data: Any, options: Any, progress: Progress | None = None) -> Self:
        """A table with a column for each side, or a folder of aligned files; see `read_corpus`."""
        if not isinstance(data, str | Path):
            raise OptionError(
                f"data: {type(data).__name__}, but a translation reads pairs from a file or folder: give its path."
            )
        corpus = read_corpus(
            data,
            options.source,
            options.target,
            seed=options.seed,
            validation=options.validation,
            test=options.test,
            max_examples=options.max_examples,
        )
        columns = Columns(() if corpus.source is None or corpus.target is None else (corpus.source, corpus.target))
        splits = [examples_of(pairs) for pairs in (corpus.train, corpus.validation, corpus.test)]
        setup = Setup(
            corpus.source,
            corpus.target,
            options.source_language or corpus.source,
            options.target_language or corpus.target,
            options.prefix,
            options.max_tokens,
            options.beam,
        )
        choosing, judging = _halves(corpus.validation.sources)
        notes = [*corpus.notes, f"Pairs: {in_words(corpus)}."]
        if np.array_equal(choosing, judging):
            notes.append(
                f"The validation pairs have fewer than {_LEAST_TO_HALVE} different sources: the same pairs choose "
                "weights and are judged by, which flatters. Give more for validation."
            )
        else:
            notes.append(
                f"Of the validation pairs {len(choosing):,} choose weights by their loss; {len(judging):,} others are "
                "translated to judge by."
            )
        train, validation, test = splits
        source = str(Path(data).expanduser())
        dataset = Dataset(corpus.name, source, _SENTENCES, train, validation, test, columns, tuple(notes))
        return cls(dataset, setup, options=options)

    def facts(self) -> dict[str, Any]:
        """Columns, languages, prefix, lengths and beam; and BLEU's tokenizer."""
        return {**asdict(self.setup), "bleu_tokenizer": self.tokenizer}

    @property
    def metrics(self) -> tuple[Metric, ...]:
        """BLEU, chrF, and the perplexity of the references."""
        return measures.bleu(self.tokenizer), measures.chrf(), PERPLEXITY

    @property
    def smooth_metric(self) -> str:
        """Perplexity, which is the loss."""
        return PERPLEXITY.name

    def statistics(self, predictions: Predictions, examples: Examples) -> Statistics:
        """Counts of n-grams, and the losses; without BLEU and chrF where nothing was written."""
        losses = predictions["loss"].astype(np.float64)
        if not np.isfinite(losses).all():
            raise ModelError("the model gives no finite loss: its weights are damaged. Copy it again.")
        if "written" not in predictions:
            return {PERPLEXITY.name: losses}
        written = texts_of(predictions["written"])
        references = [target for _, target in pairs_of(examples)]
        return {**measures.statistics(written, references, self.tokenizer), PERPLEXITY.name: losses}

    # Data

    @property
    def choosing(self) -> Examples:
        """Validation pairs that choose weights by their loss, at most `MOST_CHOOSING`."""
        validation = self.dataset.validation
        return validation.select(_halves(validation.groups or ())[0])

    @property
    def judged(self) -> Examples:
        """Validation pairs that choose no weights, at most `MOST_JUDGED`."""
        validation = self.dataset.validation
        return validation.select(_halves(validation.groups or ())[1])

    def read_more(self, path: Path, damaged: list[Damage], notes: list[str], progress: Progress) -> Examples:
        """Pairs in a table or a folder, by the columns of the dataset where they are there."""
        found = read_like(path, self.setup)
        notes.extend(found.notes)
        return examples_of(found)

    # The model

    @property
    def default_model(self) -> str:
        """The paper's Transformer, new, of the size that suits the number of pairs."""
        size = self._option("size") or size_for(len(self.dataset.train))
        return f"transformer-{size}"

    def open(self, choice: ModelChoice, *, seed: int, random_weights: bool = False) -> Pretrained:
        """A new Transformer, or a model that translates, which is told its languages."""
        self._is_new = choice.name in NEW_TRANSLATORS
        if self._is_new:
            size = choice.name.removeprefix("transformer-")
            if size != self._size:
                self._size, self._vocabulary = size, None
            return self._new(choice.name, seed)
        found = find(choice.name, choice.revision, allow_pickle=choice.allow_pickle, to_adapt=True)
        pretrained = found.load("seq2seq", random_weights=random_weights, seed=seed)
        setup = self.setup
        self.direction = direction_of(
            pretrained.tokenizer,
            setup.source_language,
            setup.target_language,
            setup.prefix,
            flags=("--source-language", "--target-language"),
        )
        most = setup.max_tokens or pretrained.max_length
        longest = min(most, pretrained.max_length or most) if most is not None else None
        if longest is not None and longest < 4:
            raise DataError(f"{pretrained.name}: takes at most {longest} tokens, too few for a sentence.")
        return replace(pretrained, max_length=longest)

    def _new(self, name: str, seed: int) -> Pretrained:
        """The paper's Transformer with random weights, its vocabulary learnt from the training pairs."""
        if self._vocabulary is None:
            texts = [text for pair in pairs_of(self.dataset.train) for text in pair]
            self._vocabulary = train_vocabulary(texts, self.recipe.vocabulary)
        tokenizer = copy.deepcopy(self._vocabulary)
        longest = self.setup.max_tokens or self.recipe.longest
        tokenizer.model_max_length = longest
        torch.manual_seed(seed)
        model = AlihTransformerForConditionalGeneration(configuration(self.recipe, len(tokenizer)))
        nn.Module.eval(model)
        return Pretrained(name, Source(name, "new"), model, tokenizer, anatomy_of(model), None, longest)

    @property
    def recipe(self) -> Recipe:
        """How the paper's Transformer of the size opened trains."""
        return RECIPES[self._size or self.default_model.removeprefix("transformer-")]

    def begin(self, pretrained: Pretrained) -> None:
        """Take the mean length of the pairs, which tells how many batches there will be."""
        some = pairs_of(self.dataset.train)[:_SAMPLE]
        encoded = encode_pairs(pretrained.tokenizer, some, self.direction, pretrained.context)
        whole = encoded.sides[~encoded.too_long]
        if not len(whole):
            raise DataError(
                f"{self.dataset.name}: every training pair has more than {pretrained.context} tokens. Give a sentence "
                "a line, or raise --max-tokens."
            )
        self._width = float(whole.max(axis=1).mean())

    def encode(self, pretrained: Pretrained, examples: Examples, max_length: int | None, progress: Progress) -> Encoded:
        """Both sides; of pairs that are too long nothing is learnt, which is said of the training pairs."""
        longest = max_length or pretrained.context
        encoded = encode_pairs(pretrained.tokenizer, pairs_of(examples), self.direction, longest)
        long = np.flatnonzero(encoded.too_long)
        if len(long) and examples is self.dataset.train:
            progress.say(
                f"  {len(long):,} of {len(encoded):,} pairs have more than {longest} tokens: nothing is learnt from "
                f"them (first: {examples.origins[int(long[0])]})."
            )
        return encoded

    def cannot_train(self, pretrained: Pretrained, *, random_weights: bool) -> str | None:
        """A new model has nothing to adapt; one that is there has a vocabulary of its own, which scratch learns."""
        if self._is_new and not random_weights:
            return "it adapts a translator that is there; name one with --model"
        if random_weights and not self._is_new:
            return "it starts without a model and learns its own vocabulary; leave out --model to measure it"
        return None

    def examples_a_step(self, bench: Bench) -> float:
        """As many as fit into a batch's tokens, on average."""
        return max(1.0, self.batch_tokens / self._width)

    # Training

    @property
    def batch_tokens(self) -> int:
        """Most tokens of a batch, of source and of target."""
        return int(self._option("batch_tokens") or (self.recipe.most_tokens if self._is_new else _BATCH_TOKENS))

    def _batches(self, rows: int) -> int:
        """About how many batches an epoch has."""
        return max(1, math.ceil(rows * self._width / self.batch_tokens))

    def module(self, pretrained: Pretrained) -> nn.Module:
        """The model with its own loss."""
        return LossModel(pretrained.model)

    def feed(self, part: Part, rows: NDArray[np.int64] | None, batch_size: int) -> Feed:
        """Batches by tokens."""
        assert isinstance(part.encoded, EncodedPairs)
        return PairFeed(part.encoded, self.batch_tokens, rows)

    def loss(self, module: nn.Module, batch: Batch) -> tuple[Tensor, int | Tensor]:
        """The model's own loss, with label smoothing where it has some."""
        return objective(module, batch)

    def outputs(self, module: nn.Module, feed: Feed, precision: Precision | None) -> Outputs:
        """The losses of the feed's rows: nats, and target tokens."""
        assert isinstance(feed, PairFeed)
        assert isinstance(module, LossModel)
        pairs = [feed.encoded.pairs[row] for row in feed.rows]
        return losses_of_pairs(module.model, pairs, feed.encoded.pad, precision or choose(device()))

    def look(self, stage: Stage, metric: Metric) -> Look:
        """The loss of the validation pairs that choose."""
        encoded = stage.bench.parts["validation"].encoded
        assert isinstance(encoded, EncodedPairs)
        return PairLook(stage.pretrained.model, encoded)

    def epochs(self, usual: int, rows: int, share: float) -> int:
        """From scratch as many as make the steps of `steps_for`: training ends where it gets no better."""
        batches = self._batches(rows)
        return max(1, math.ceil(share * steps_for(batches) / batches)) if self._is_new else usual

    @property
    def known_rate(self) -> float | None:
        """That of the paper's equation 3 for a new model; it is not searched for."""
        recipe = self.recipe if self._is_new else None
        return (
            None if recipe is None else learning_rate(recipe.warmup, recipe.d_model, recipe.warmup, recipe.rate_scale)
        )

    def settings(self, settings: FitSettings, stage: Stage, rows: int) -> FitSettings:
        """Section 5.3 of the paper for a new model; a linear schedule with its moments of Adam for one that is there.

        A model that is there is looked at before the first step, too, so that training never makes it worse.
        """
        batches, length = self._batches(rows), settings.steps or settings.epochs
        if not self._is_new:
            every = settings.validate_every
            if settings.steps is None:
                every = max(every, look_every(len(self.choosing), rows, settings.epochs))
            return replace(settings, validate_every=every, betas=BETAS, look_first=every < length)
        recipe = self.recipe
        total = settings.steps or settings.epochs * batches
        every = max(1, min(recipe.checkpoint_every, total // 5))
        by_steps = settings.steps is not None or batches > every
        paper = paper_settings(recipe, total, settings.seed)
        return replace(
            paper,
            learning_rate=settings.learning_rate,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            steps=total if by_steps else None,
            validate_every=every if by_steps else max(1, round(every / batches)),
            patience=_PATIENCE if settings.steps is None and self._option("epochs") is None else None,
            precision=settings.precision,
        )

    # Prediction

    def predict(self, stage: Stage, name: str, rows: NDArray[np.int64] | None = None) -> Predictions:
        """Translate, and take the loss of the references."""
        examples = stage.bench.parts[name].examples
        some = examples if rows is None else examples.select(rows)
        longest = stage.bench.max_length or stage.pretrained.context
        return predictions(stage.pretrained, some, self.direction, longest, self.setup.beam, stage.bench.precision)

    def predict_one(self, stage: Stage, row: int) -> None:
        """Translate one source."""
        one = stage.bench.parts["judged"].examples.select([row])
        longest = stage.bench.max_length or stage.pretrained.context
        translated(stage.pretrained, one, self.direction, longest, self.setup.beam)

    def tried(self, stage: Stage, result: FitResult) -> Predictions:
        """The losses of the pairs that choose: nothing is written for a learning rate."""
        assert result.held_out is not None
        return {"loss": result.held_out}

    def tokens(self, stage: Stage) -> float | None:
        """Of a source sentence."""
        encoded = stage.bench.parts["judged"].encoded
        assert isinstance(encoded, EncodedPairs)
        return float(encoded.sides[:, 0].mean())

    # Without training

    def cannot_prompt(self, pretrained: Pretrained, form: PromptForm) -> str | None:
        """A model that translates can be taken as it is; it is shown no examples."""
        if form.template is not None:
            raise OptionError("--template: a translator is asked in no words; leave it out.")
        if self._is_new:
            return "a new model says nothing before it is trained; name a translator with --model"
        return "a translator reads the sentence alone, and no examples" if form.shots else None

    def prompted(
        self, bench: Bench, form: PromptForm, settings: FitSettings, rows: NDArray[np.int64], deadline: float | None
    ) -> Adaptation:
        """The model as it is."""
        pretrained = bench.fresh(settings.seed)
        pretrained.model.requires_grad_(False)
        stage = bench.whole(pretrained)
        nn.Module.to(pretrained.model, device())
        start = time.monotonic()
        held_out = self.look(stage, bench.deciding).outputs(stage.module, bench.precision or choose(device()))
        result = untrained(settings.epochs, time.monotonic() - start, held_out)
        return Adaptation(pretrained, (Phase(stage, result),), {"model": pretrained.name})

    def prompt_again(self, bench: Bench, prompt: dict[str, Any]) -> Pretrained:
        """The model as it is."""
        return bench.fresh(bench.seed)

    # Hand-over

    def save(self, pretrained: Pretrained, folder: Path, max_length: int | None) -> None:
        """With languages, lengths and beam in `alih.json`."""
        from alih.tasks.translation.adapted import AdaptedTranslator

        AdaptedTranslator(self, pretrained, folder).save(folder)

    @classmethod
    def adapted(cls, folder: Path, progress: Progress | None = None) -> Adapted:
        """See `AdaptedTranslator`."""
        from alih.tasks.translation.adapted import AdaptedTranslator

        return AdaptedTranslator.open(folder, progress=progress)

    def _option(self, name: str) -> Any:
        return getattr(self._options, name, None)


def _halves(sources: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that choose weights, and others, of other sources, that judge; of few sources, all of them twice."""
    numbers = {source: number for number, source in enumerate(dict.fromkeys(sources))}
    rows = np.arange(len(sources), dtype=np.int64)
    if len(numbers) < _LEAST_TO_HALVE:
        return rows, rows
    odd = np.array([numbers[source] % 2 == 1 for source in sources])
    return rows[~odd][:MOST_CHOOSING], rows[odd][:MOST_JUDGED]
