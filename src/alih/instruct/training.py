"""Training of a language model: scored by what it writes, best weights kept, a state that survives kill -9.

AdamW with a linear schedule. Random numbers depend on seed and step alone, so a run that was stopped and went on gives
the same weights, bit by bit on the same device, as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from alih import interrupt
from alih.errors import RunError
from alih.instruct.encode import Tokens
from alih.instruct.loss import Scorer
from alih.instruct.pack import collate, length_batches, packed_batches
from alih.progress import Progress
from alih.training.memory import out_of_memory_in_words
from alih.training.precision import Precision, autocast
from alih.training.schedule import share_of_peak
from alih.transformer.checkpoint import load_state, save_state

Stopped = Literal["deadline", "interrupted", "diverged"]
#: Seconds between two writings of the state; looks at the validation examples write it, too.
_SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Settings:
    """How to train.

    Args:
        steps: updates.
        rate: peak learning rate.
        most_tokens: positions of a batch.
        row: tokens of a packed row; 0 = examples padded beside others of their length.
        look_every: steps between two looks at the validation examples.
        metric: that chooses the weights; higher is better, except perplexity.
        seed: of dropout and the order of examples.
        precision: compute type.
    """

    steps: int
    rate: float
    most_tokens: int
    row: int
    look_every: int
    metric: str
    seed: int
    precision: Precision


@dataclass
class Point:
    """One look at the validation examples.

    Args:
        step: updates made.
        train_loss: mean since the last look, nats a learnt token; None before the first step.
        validation_loss: the same of the validation examples.
        scores: exact_match, final_answer, token_f1 and rouge_l of written answers; empty for plain text.
        seconds: of training until then.
    """

    step: int
    train_loss: float | None
    validation_loss: float
    scores: dict[str, float]
    seconds: float

    def value(self, metric: str) -> tuple[float, float]:
        """To be made large: the metric, and among equals a low loss."""
        return (-self.validation_loss if metric == "perplexity" else self.scores[metric], -self.validation_loss)


@dataclass(frozen=True)
class Outcome:
    """How training went; the model holds the best weights.

    Args:
        curve: what the validation examples said, in order.
        best_step: the updates after which the weights were best.
        steps: updates made in all.
        seconds: spent training, over all resumed runs.
        tokens: seen, padding aside.
        stopped: why training ended before its last step, or None.
    """

    curve: list[Point]
    best_step: int
    steps: int
    seconds: float
    tokens: int
    stopped: Stopped | None

    @property
    def best(self) -> Point:
        """The look that chose the weights."""
        return next(point for point in self.curve if point.step == self.best_step)


def batches_of(lengths: Sequence[int], settings: Settings, epoch: int) -> list[list[list[int]]]:
    """The batches of an epoch: rows of examples."""
    seed = settings.seed * 100_003 + epoch
    if settings.row:
        return packed_batches(lengths, settings.row, settings.most_tokens, seed)
    return length_batches(lengths, settings.most_tokens, seed)


def fit(
    scorer: Scorer,
    train: Sequence[Tokens],
    validation: Sequence[Tokens],
    write_scores: Callable[[], dict[str, float]],
    settings: Settings,
    state: Path,
    *,
    deadline: float | None = None,
    progress: Progress,
) -> Outcome:
    """Train the parameters that require gradients; leave the model in evaluation mode with its best weights.

    Ctrl-C, the deadline and a loss that is no number any more end training with the best weights so far.

    Args:
        scorer: of the model, on its device.
        train: sequences to learn from.
        validation: sequences that are looked at.
        write_scores: lets the model write, and scores that.
        settings: how to train.
        state: file that the state is kept in; where it exists, training goes on from it.
        deadline: `time.monotonic()` after which no further step is made.
        progress: where to report.

    Raises:
        RunError: the state is damaged, or of other data or settings.
        KeyboardInterrupt: stopped before the first look.
    """
    run = _Run(scorer, train, validation, write_scores, settings, state, progress)
    stopped: Stopped | None
    try:
        with out_of_memory_in_words("training the language model"):
            stopped = run.train(deadline)
    except KeyboardInterrupt:
        if run.best is None:
            raise
        stopped = "interrupted"
        interrupt.answered()
    run.finish()
    return Outcome(run.curve, run.best_step, run.step, run.seconds, run.tokens, stopped)


def update(
    scorer: Scorer,
    examples: Sequence[Tokens],
    rows: Sequence[Sequence[int]],
    optimiser: torch.optim.Optimizer,
    scaler: torch.amp.GradScaler,
    precision: Precision,
) -> float:
    """One step on one batch; returns the mean loss. Weights stay as they are where loss or gradient is no number."""
    on = next(scorer.model.parameters()).device
    with autocast(on, precision):
        total, count = scorer.loss(collate(examples, rows, scorer.pad).to(on))
        loss = total / max(1, count)
    value = float(loss.detach())
    optimiser.zero_grad()
    if not math.isfinite(value):
        return value
    scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
    scaler.unscale_(optimiser)
    trained = [value for group in optimiser.param_groups for value in group["params"]]
    norm = float(torch.nn.utils.clip_grad_norm_(trained, 1.0))
    if not math.isfinite(norm) and precision != "fp16":  # in 16 bits the scaler passes over such steps by itself
        return norm
    scaler.step(optimiser)
    scaler.update()
    return value


def optimiser_of(model: PreTrainedModel, rate: float) -> torch.optim.AdamW:
    """AdamW over what trains."""
    trained = [value for value in model.parameters() if value.requires_grad]
    return torch.optim.AdamW(trained, lr=rate, betas=(0.9, 0.999), weight_decay=0.01, foreach=True)


class _Run:
    """Model, optimiser and place in the data of one training."""

    def __init__(
        self,
        scorer: Scorer,
        train: Sequence[Tokens],
        validation: Sequence[Tokens],
        write_scores: Callable[[], dict[str, float]],
        settings: Settings,
        path: Path,
        progress: Progress,
    ) -> None:
        self._scorer, self._examples, self._held, self._settings = scorer, train, validation, settings
        self._write_scores, self._path, self._progress = write_scores, path, progress
        self._model = scorer.model
        self._lengths = [len(example) for example in train]
        self._trained = {name: value for name, value in self._model.named_parameters() if value.requires_grad}
        self._adam = optimiser_of(self._model, settings.rate)
        on = next(self._model.parameters()).device
        self._scaler = torch.amp.GradScaler(on.type, enabled=settings.precision == "fp16")
        self._losses: list[float] = []
        self.step, self.seconds, self.tokens, self.best_step = 0, 0.0, 0, 0
        self.curve: list[Point] = []
        self.best: dict[str, Tensor] | None = None
        self._epoch, self._batch, self._saved = 0, 0, time.monotonic()
        self._fingerprint = _fingerprint(train, validation, settings, list(self._trained))
        self._resume()

    def train(self, deadline: float | None) -> Stopped | None:
        """Go on until all steps are made or the time is over."""
        settings, start = self._settings, time.monotonic() - self.seconds
        batches = batches_of(self._lengths, settings, self._epoch)
        if not self.curve:
            self._look()  # what the model can do before it learns
        self._model.train()
        stopped: Stopped | None = None
        with self._progress.step("training the language model", settings.steps - self.step, "steps") as advance:
            while self.step < settings.steps and not stopped:
                if self._batch == len(batches):
                    self._epoch, self._batch = self._epoch + 1, 0
                    batches = batches_of(self._lengths, settings, self._epoch)
                rows = batches[self._batch]
                torch.manual_seed(settings.seed * 1_000_003 + self.step)  # dropout
                for group in self._adam.param_groups:
                    group["lr"] = settings.rate * share_of_peak(self.step, settings.steps, 0.1)
                loss = update(self._scorer, self._examples, rows, self._adam, self._scaler, settings.precision)
                if not math.isfinite(loss):
                    stopped = "diverged"
                    break
                self._losses.append(loss)
                self.step, self._batch = self.step + 1, self._batch + 1
                self.tokens += sum(self._lengths[number] for row in rows for number in row)
                self.seconds = time.monotonic() - start
                if self.step % settings.look_every == 0 or self.step == settings.steps:
                    self._look()
                    self._save()
                elif time.monotonic() - self._saved > _SAVE_SECONDS:
                    self._save()
                advance(1)
                interrupt.check()
                if deadline is not None and time.monotonic() >= deadline and self.step < settings.steps:
                    stopped = "deadline"
        if stopped == "deadline" and self._losses:
            self._save()  # what a run that goes on must find: the place before the look below
            self._look()
        return stopped

    def finish(self) -> None:
        """Put the best weights into the model."""
        assert self.best is not None
        self._put(self.best)
        self._model.train(False)
        for parameter in self._trained.values():
            parameter.grad = None

    def _look(self) -> None:
        loss = self._scorer.mean(self._held, self._settings.precision)
        scores = self._write_scores()
        mean = float(np.mean(self._losses)) if self._losses else None
        point = Point(self.step, mean, loss, scores, self.seconds)
        told = ", ".join(f"{name} {value:.3f}" for name, value in scores.items())
        self._progress.say(
            f"  step {self.step:,}: validation loss {loss:.4f}, perplexity {math.exp(min(loss, 50.0)):.3f}"
            + (f", {told}" if told else "")
        )
        metric = self._settings.metric
        if math.isfinite(loss) and (
            self.best is None or point.value(metric) > max(point.value(metric) for point in self.curve)
        ):
            self.best = {name: value.detach().cpu().clone() for name, value in self._trained.items()}
            self.best_step = self.step
        elif self.best is None:
            raise RunError("the model gives no finite loss before training; its weights are damaged. Copy it again.")
        self.curve.append(point)
        self._losses = []

    @torch.no_grad()
    def _put(self, weights: dict[str, Tensor]) -> None:
        for name, value in self._trained.items():
            value.copy_(weights[name])

    def _save(self) -> None:
        save_state(
            self._path,
            {
                "fingerprint": self._fingerprint,
                "weights": {name: value.detach() for name, value in self._trained.items()},
                "adam": self._adam.state_dict(),
                "scaler": self._scaler.state_dict(),
                "best": self.best,
                "place": (self.step, self._epoch, self._batch, self.seconds, self.tokens, self.best_step),
                "losses": self._losses,
                "curve": [asdict(point) for point in self.curve],
            },
        )
        self._saved = time.monotonic()

    def _resume(self) -> None:
        state = load_state(self._path)
        if state is None:
            return
        if state.get("fingerprint") != self._fingerprint:
            raise RunError(
                f"{self._path}: the state of other data, options or weights; delete it to start afresh, or start a "
                "new run with alih adapt."
            )
        self._put(state["weights"])
        self._adam.load_state_dict(state["adam"])
        if state["scaler"]:
            self._scaler.load_state_dict(state["scaler"])
        self.best, self._losses = state["best"], state["losses"]
        self.step, self._epoch, self._batch, self.seconds, self.tokens, self.best_step = state["place"]
        self.curve = [Point(**point) for point in state["curve"]]


def _fingerprint(train: Sequence[Tokens], validation: Sequence[Tokens], settings: Settings, names: list[str]) -> str:
    digest = sha256(repr((sorted(asdict(settings).items()), names)).encode())
    for examples in (train, validation):
        for example in examples:
            digest.update(np.array([*example.ids, -1, *example.learnt, -2], dtype=np.int64).tobytes())
    return digest.hexdigest()


def forget(state: Path) -> None:
    """Delete a state that is no longer needed: optimiser and best weights take several times the model's room."""
    with suppress(FileNotFoundError):
        state.unlink()
