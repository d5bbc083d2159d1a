"""The paper's recipe (section 5) on the user's pairs: a translator trained from scratch, its weights averaged."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from alih.errors import DataError
from alih.progress import Progress
from alih.tasks.translation.training import EncodedPairs, LossModel, PairFeed, objective
from alih.training.loop import FitSettings, fit
from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.model import AlihTransformerForConditionalGeneration
from alih.transformer.schedule import learning_rate
from alih.transformer.token_batches import Pair
from alih.transformer.vocabulary import train_vocabulary

#: Of Adam, section 5.3.
BETAS = (0.9, 0.98)
#: The run in progress, in its folder.
STATE = "training.pt"


@dataclass(frozen=True)
class Recipe:
    """How to train; the defaults suit some ten thousand pairs on two cores, the paper's values are in brackets.

    Args:
        vocabulary: most tokens [37,000].
        d_model: width [512].
        layers: blocks of encoder and decoder each [6].
        heads: attention heads [8].
        d_ff: inner width of the feed-forward networks [2048].
        dropout: P_drop [0.1].
        norm_first: pre-norm [post-norm].
        label_smoothing: ε_ls [0.1].
        steps: updates [100,000].
        warmup: of them until the rate's peak [4000].
        rate_scale: factor on the schedule [1].
        most_tokens: of source and of target in a batch [25,000].
        longest: tokens of a sentence; longer pairs are left out of training.
        checkpoint_every: steps between checkpoints [about ten minutes].
        averaged: last checkpoints in the mean [5].
    """

    vocabulary: int = 8000
    d_model: int = 256
    layers: int = 3
    heads: int = 4
    d_ff: int = 1024
    dropout: float = 0.1
    norm_first: bool = False
    label_smoothing: float = 0.1
    steps: int = 20_000
    warmup: int = 2000
    rate_scale: float = 1.0
    most_tokens: int = 2000
    longest: int = 200
    checkpoint_every: int = 500
    averaged: int = 5


@dataclass(frozen=True)
class Trained:
    """What came of it: the model in evaluation mode with averaged weights, its tokenizer, and how it went.

    Args:
        model: the translator; saved in the folder, too.
        tokenizer: its vocabulary.
        steps: updates made, over all resumed runs.
        seconds: spent training, over all resumed runs.
        processor_seconds: that the processor worked in this call; more than `seconds` with several threads.
        left_out: pairs that were empty or too long.
        curve: (step, mean training loss a target token since the last point, in nats, label-smoothed).
    """

    model: AlihTransformerForConditionalGeneration
    tokenizer: PreTrainedTokenizerFast
    steps: int
    seconds: float
    processor_seconds: float
    left_out: int
    curve: list[tuple[int, float]] = field(default_factory=list)


def train_translator(
    pairs: Sequence[tuple[str, str]],
    folder: Path,
    *,
    recipe: Recipe | None = None,
    seed: int = 0,
    markers: Sequence[str] = (),
    max_seconds: float | None = None,
    progress: Progress | None = None,
) -> Trained:
    """Train from scratch with Adam, β = (0.9, 0.98), ε = 1e-9, after section 5.3.

    The state is kept in the folder at every checkpoint: the same call again goes on where a killed run stopped, to the
    same weights bit by bit on the same machine and threads (unless `max_seconds` cuts it at another step).

    Args:
        pairs: (source, target) sentences.
        folder: where model, tokenizer and state are kept; made if missing.
        recipe: sizes and lengths; the default one if None.
        seed: of weights, dropout and the order of batches.
        markers: words of the sources that are one token each, as ">>id<<" for the language to translate into.
        max_seconds: of training, anew in every call; None = until all steps are made.
        progress: where to report.

    Raises:
        DataError: no pair can be trained on.
        RunError: the folder holds the state of another recipe, seed or set of pairs, or a damaged one.
    """
    recipe, progress = recipe or Recipe(), progress or Progress(quiet=True)
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _tokenizer(pairs, folder, recipe, markers)
    encoded = _encode(pairs, tokenizer, recipe.longest)
    if not encoded:
        raise DataError(
            f"none of {len(pairs)} pairs can be trained on: each is empty on one side or longer than "
            f"{recipe.longest} tokens; check the columns, or raise longest"
        )
    torch.manual_seed(seed)
    config = configuration(recipe, len(tokenizer))
    model = AlihTransformerForConditionalGeneration(config)
    worked = time.process_time()
    result = fit(
        LossModel(model),
        PairFeed(EncodedPairs(encoded, int(config.pad_token_id or 0)), recipe.most_tokens),
        objective,
        None,
        paper_settings(recipe, recipe.steps, seed),
        progress=progress,
        deadline=None if max_seconds is None else time.monotonic() + max_seconds,
        state=folder / STATE,
        what="training the translator",
    )
    worked = time.process_time() - worked
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    curve = [(point.step, point.train_loss) for point in result.curve if point.train_loss is not None]
    left_out = len(pairs) - len(encoded)
    return Trained(model, tokenizer, result.steps, result.seconds, worked, left_out, curve)


def configuration(recipe: Recipe, vocabulary: int) -> AlihTransformerConfig:
    """The Transformer of a recipe, for a vocabulary of so many tokens."""
    return AlihTransformerConfig(
        vocab_size=vocabulary,
        d_model=recipe.d_model,
        layers=recipe.layers,
        heads=recipe.heads,
        d_ff=recipe.d_ff,
        dropout=recipe.dropout,
        norm_first=recipe.norm_first,
        label_smoothing=recipe.label_smoothing,
    )


def paper_settings(recipe: Recipe, steps: int, seed: int) -> FitSettings:
    """Section 5.3 of the paper: Adam without decay, and the rate of equation 3."""
    return FitSettings(
        learning_rate(recipe.warmup, recipe.d_model, recipe.warmup, recipe.rate_scale),
        steps=steps,
        validate_every=recipe.checkpoint_every,
        averaged=recipe.averaged,
        schedule="inverse-root",
        warmup=recipe.warmup / steps,
        betas=BETAS,
        epsilon=1e-9,
        weight_decay=0.0,
        max_grad_norm=None,
        seed=seed,
        precision="fp32",
    )


def _tokenizer(
    pairs: Sequence[tuple[str, str]], folder: Path, recipe: Recipe, markers: Sequence[str]
) -> PreTrainedTokenizerFast:
    """The vocabulary of these pairs: trained afresh, which is the same each time and takes seconds."""
    tokenizer = train_vocabulary((text for pair in pairs for text in pair), recipe.vocabulary, markers)
    tokenizer.save_pretrained(folder)
    return tokenizer


def _encode(pairs: Sequence[tuple[str, str]], tokenizer: PreTrainedTokenizerFast, longest: int) -> list[Pair]:
    kept = [(source, target) for source, target in pairs if source.strip() and target.strip()]
    if not kept:
        return []
    sources: list[list[int]] = tokenizer([source for source, _ in kept]).input_ids
    targets: list[list[int]] = tokenizer([target for _, target in kept]).input_ids
    return [(s, t) for s, t in zip(sources, targets, strict=True) if max(len(s), len(t)) <= longest]
