"""What a translator's training starts from: random weights and a new vocabulary, or a pre-trained model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from alih.compare.options import Options
from alih.errors import DataError
from alih.pretrained.families import anatomy_of
from alih.pretrained.open import Pretrained, find
from alih.pretrained.resolve import Source
from alih.training.loop import FitSettings
from alih.training.precision import Precision
from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.model import AlihTransformerForConditionalGeneration
from alih.transformer.token_batches import Pair
from alih.transformer.vocabulary import train_vocabulary
from alih.translation import routes
from alih.translation.corpus import Corpus
from alih.translation.languages import Direction, direction_of
from alih.translation.recipe import BETAS, Recipe, paper_settings
from alih.translation.sizes import recipe_for, size_for, steps_for
from alih.translation.training import PairFeed

#: Checkpoints without a better validation loss that end a training whose length the user left open.
_PATIENCE = 8
#: Of a pre-trained model: epochs and bounds of the steps, looks at the validation pairs, tokens of a batch.
_EPOCHS, _LEAST_STEPS, _MOST_STEPS, _LOOKS, _BATCH_TOKENS = 3, 100, 20_000, 10, 1000
#: Length that a pre-trained model's gradients are scaled down to.
_CLIP: float | None = 1.0


@dataclass(frozen=True)
class Start:
    """A model that can be trained, and how.

    Args:
        opened: the model and its tokenizer.
        direction: what the model must be told.
        label: the route in words.
        model: what it is, in words.
        max_tokens: longest sentence in tokens.
        prefix: words before every sentence, as the user gave them.
        training: from encoded pairs, options and compute type to what is learnt from, and how.
        prepare: lets the route's parameters train; returns PEFT's model for adapters.
        merge: writes adapters to a folder and returns the model with them in its weights.
    """

    opened: Pretrained
    direction: Direction
    label: str
    model: str
    max_tokens: int
    prefix: str | None
    training: Callable[[Sequence[Pair], Options, Precision], tuple[PairFeed, FitSettings]]
    prepare: Callable[[], Any]
    merge: Callable[[Any, Path], Any]


def from_scratch(corpus: Corpus, options: Options) -> Start:
    """The paper's Transformer with random weights, its vocabulary learnt from the training pairs.

    Raises:
        DataError: too few pairs.
    """
    size = options.size or size_for(len(corpus.train))
    recipe = recipe_for(size, options.max_tokens, options.batch_tokens, options.chosen_rate)
    tokenizer = train_vocabulary((*corpus.train.sources, *corpus.train.targets), recipe.vocabulary)
    tokenizer.model_max_length = options.max_tokens
    torch.manual_seed(options.seed)
    config = AlihTransformerConfig(
        vocab_size=len(tokenizer),
        d_model=recipe.d_model,
        layers=recipe.layers,
        heads=recipe.heads,
        d_ff=recipe.d_ff,
        dropout=recipe.dropout,
        norm_first=recipe.norm_first,
        label_smoothing=recipe.label_smoothing,
    )
    model = AlihTransformerForConditionalGeneration(config)

    def training(train: Sequence[Pair], options: Options, precision: Precision) -> tuple[PairFeed, FitSettings]:
        return _paper(PairFeed(train, int(config.pad_token_id or 0), recipe.most_tokens), options, recipe, precision)

    return Start(
        Pretrained(size, Source(size, "new"), model, tokenizer, anatomy_of(model), None, options.max_tokens),
        Direction(options.source_language or corpus.source, options.target_language or corpus.target),
        "scratch",
        f"the paper's Transformer, {size}",
        options.max_tokens,
        None,
        training,
        lambda: None,
        lambda adapters, _folder: adapters,
    )


def from_model(corpus: Corpus, options: Options) -> Start:
    """A pre-trained model with what the route trains.

    Raises:
        ModelError: it cannot be opened, or does not translate.
        OptionError: it needs a language, or more blocks were asked for than it has.
    """
    assert options.model is not None
    opened = find(options.model, options.revision, allow_pickle=options.allow_pickle, to_adapt=True).load("seq2seq")
    direction = direction_of(
        opened.tokenizer,
        options.source_language or corpus.source,
        options.target_language or corpus.target,
        options.prefix,
        flags=("--source-language", "--target-language"),
    )
    label = routes.label(opened, options)
    longest = min(options.max_tokens, opened.max_length or options.max_tokens)
    if longest < 4:
        raise DataError(f"{opened.name}: takes at most {longest} tokens, too few for a sentence.")
    pad = int(opened.model.config.pad_token_id or 0)

    def training(train: Sequence[Pair], options: Options, precision: Precision) -> tuple[PairFeed, FitSettings]:
        return _linear(PairFeed(train, pad, options.batch_tokens or _BATCH_TOKENS), options, precision)

    return Start(
        opened,
        direction,
        label,
        opened.name,
        longest,
        options.prefix,
        training,
        lambda: routes.prepare(opened, options),
        lambda adapters, folder: routes.merged(adapters, folder, opened.name),
    )


def _paper(feed: PairFeed, options: Options, recipe: Recipe, precision: Precision) -> tuple[PairFeed, FitSettings]:
    """Section 5 of the paper."""
    batches = feed.steps()
    open_ended = options.steps is None and options.epochs is None
    steps = options.steps or (options.epochs * batches if options.epochs is not None else steps_for(batches))
    settings = paper_settings(recipe, steps, options.seed)
    every = max(1, min(recipe.checkpoint_every, steps // 5))
    patience = _PATIENCE if open_ended else None
    return feed, replace(settings, validate_every=every, patience=patience, precision=precision)


def _linear(feed: PairFeed, options: Options, precision: Precision) -> tuple[PairFeed, FitSettings]:
    batches = feed.steps()
    epochs = options.epochs or _EPOCHS
    steps = options.steps or (
        epochs * batches if options.epochs is not None else min(_MOST_STEPS, max(_LEAST_STEPS, epochs * batches))
    )
    rates = routes.RATES[options.chosen_route]
    return feed, FitSettings(
        options.chosen_rate or rates[len(rates) // 2],
        steps=steps,
        validate_every=max(1, -(-steps // _LOOKS)),
        look_first=True,
        betas=BETAS,
        max_grad_norm=_CLIP,
        seed=options.seed,
        precision=precision,
    )
