"""The paper's recipe (section 5) on the user's pairs: a translator trained from scratch, its weights averaged."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedTokenizerFast

from alih.errors import DataError, RunError
from alih.progress import Progress
from alih.transformer.averaging import average
from alih.transformer.checkpoint import load_state, save_state
from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.model import AlihTransformerForConditionalGeneration
from alih.transformer.schedule import learning_rate
from alih.transformer.token_batches import Pair, collate, token_batches
from alih.transformer.vocabulary import train_vocabulary

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
        processor_seconds: of them, those that the processor worked; more than `seconds` with several threads.
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
        max_seconds: of training over all resumed runs; None = until all steps are made.
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
    run = _Run(encoded, len(tokenizer), recipe, folder / STATE, seed, _fingerprint(pairs, recipe, seed))
    run.train(max_seconds, progress)
    model = run.finish()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    left_out = len(pairs) - len(encoded)
    return Trained(model, tokenizer, run.step, run.seconds, run.processor_seconds, left_out, run.curve)


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


def _fingerprint(pairs: Sequence[tuple[str, str]], recipe: Recipe, seed: int) -> str:
    digest = sha256(repr((sorted(asdict(recipe).items()), seed)).encode())
    for pair in pairs:
        digest.update(repr(pair).encode())
    return digest.hexdigest()


class _Run:
    """Model, optimiser and place in the data of one run; the random numbers of a step depend on seed and step alone."""

    def __init__(
        self, pairs: list[Pair], vocab_size: int, recipe: Recipe, path: Path, seed: int, fingerprint: str
    ) -> None:
        self._pairs, self._recipe, self._path, self._seed, self._fingerprint = pairs, recipe, path, seed, fingerprint
        self._lengths = np.array([[len(source), len(target)] for source, target in pairs], dtype=np.int64)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        torch.manual_seed(seed)
        config = AlihTransformerConfig(
            vocab_size=vocab_size,
            d_model=recipe.d_model,
            layers=recipe.layers,
            heads=recipe.heads,
            d_ff=recipe.d_ff,
            dropout=recipe.dropout,
            norm_first=recipe.norm_first,
            label_smoothing=recipe.label_smoothing,
        )
        self._model = AlihTransformerForConditionalGeneration(config)
        self._model.to(self._device)  # type: ignore[arg-type]
        self._adam = torch.optim.Adam(self._model.parameters(), lr=0.0, betas=(0.9, 0.98), eps=1e-9, foreach=True)
        self._kept: deque[dict[str, Tensor]] = deque(maxlen=recipe.averaged)
        self.step, self.seconds, self.processor_seconds = 0, 0.0, 0.0
        self.curve: list[tuple[int, float]] = []
        self._epoch, self._batch = 0, 0
        self._resume()

    def train(self, max_seconds: float | None, progress: Progress) -> None:
        """Go on until all steps are made or the time is over; keep a checkpoint at the end."""
        recipe = self._recipe
        start = time.monotonic() - self.seconds
        worked = time.process_time() - self.processor_seconds
        losses: list[Tensor] = []
        batches = self._batches()
        self._model.train()
        with progress.step("training the translator", recipe.steps - self.step, "steps") as advance:
            while self.step < recipe.steps and (max_seconds is None or self.seconds < max_seconds):
                if self._batch == len(batches):
                    self._epoch, self._batch = self._epoch + 1, 0
                    batches = self._batches()
                losses.append(self._update(batches[self._batch]))
                self._batch += 1
                self.seconds, self.processor_seconds = time.monotonic() - start, time.process_time() - worked
                if self.step % recipe.checkpoint_every == 0:
                    self._keep(losses)
                    losses = []
                advance(1)
        if losses:
            self._keep(losses)

    def finish(self) -> AlihTransformerForConditionalGeneration:
        """Put the averaged weights into the model."""
        if self._kept:
            self._model.load_state_dict(average(self._kept))
        self._model.train(False)
        return self._model

    def _batches(self) -> list[Any]:
        seed = self._seed * 100_003 + self._epoch
        return token_batches(self._lengths[:, 0], self._lengths[:, 1], self._recipe.most_tokens, seed)

    def _update(self, rows: Any) -> Tensor:
        self.step += 1
        torch.manual_seed(self._seed * 1_000_003 + self.step)  # dropout
        batch = collate([self._pairs[row] for row in rows], self._model.config.pad_token_id)
        rate = learning_rate(self.step, self._recipe.d_model, self._recipe.warmup, self._recipe.rate_scale)
        for group in self._adam.param_groups:
            group["lr"] = rate
        loss: Tensor = self._model(**{name: tensor.to(self._device) for name, tensor in batch.items()}).loss
        self._adam.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self._adam.step()
        return loss.detach()

    def _keep(self, losses: list[Tensor]) -> None:
        self.curve.append((self.step, float(torch.stack(losses).mean())))
        self._kept.append({name: tensor.detach().cpu().clone() for name, tensor in self._model.state_dict().items()})
        save_state(
            self._path,
            {
                "fingerprint": self._fingerprint,
                "model": self._model.state_dict(),
                "adam": self._adam.state_dict(),
                "kept": list(self._kept),
                "place": (self.step, self._epoch, self._batch, self.seconds, self.processor_seconds),
                "curve": self.curve,
            },
        )

    def _resume(self) -> None:
        state = load_state(self._path)
        if state is None:
            return
        if state["fingerprint"] != self._fingerprint:
            raise RunError(
                f"{self._path} is of another recipe, seed or set of pairs; take another folder, or delete it to "
                "start afresh"
            )
        self._model.load_state_dict(state["model"])
        self._adam.load_state_dict(state["adam"])
        self._kept.extend(state["kept"])
        self.step, self._epoch, self._batch, self.seconds, self.processor_seconds = state["place"]
        self.curve = [(int(step), float(loss)) for step, loss in state["curve"]]
