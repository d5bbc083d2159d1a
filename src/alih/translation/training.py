"""Training of a translator: batches by tokens, checkpoints that are averaged and judged, a state that survives kill -9.

The paper's recipe (section 5) for a model from scratch; for a pre-trained one AdamW with a linear schedule. The
validation loss after every checkpoint chooses the weights. Random numbers depend on seed and step alone, so a run that
was stopped and went on gives the same weights, bit by bit on the same device, as one that was not.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor
from transformers import PreTrainedModel

from alih.errors import AlihError, RunError
from alih.progress import Progress
from alih.training.memory import out_of_memory_in_words
from alih.training.precision import Precision, autocast, device
from alih.training.schedule import share_of_peak
from alih.transformer.averaging import average
from alih.transformer.checkpoint import load_state, save_state
from alih.transformer.schedule import learning_rate
from alih.transformer.token_batches import Pair, collate, token_batches
from alih.translation.loss import loss_of_pairs

#: Seconds between two writings of the state; checkpoints write it, too.
_SAVE_SECONDS = 60.0


@dataclass(frozen=True)
class Settings:
    """How to train.

    Args:
        steps: updates, at most.
        most_tokens: of source and of target in a batch.
        checkpoint_every: steps between two looks at the validation pairs.
        averaged: last checkpoints whose mean is looked at and kept; 1 = the checkpoint itself.
        patience: checkpoints without a better validation loss after which training ends; None = never.
        schedule: "paper" is equation 3, with `rate` the factor on it; "linear" rises to `rate` and falls to zero.
        rate: see `schedule`.
        warmup: steps in which the rate rises.
        width: d_model, which equation 3 reads.
        clip: gradients are scaled down to this length; None = never.
        seed: of dropout and the order of batches.
        precision: compute type.
    """

    steps: int
    most_tokens: int
    checkpoint_every: int
    averaged: int
    patience: int | None
    schedule: Literal["paper", "linear"]
    rate: float
    warmup: int
    width: int
    clip: float | None
    seed: int
    precision: Precision


@dataclass
class Point:
    """One look at the validation pairs.

    Args:
        step: updates made.
        train_loss: mean since the last point, a target token in nats; None before the first step.
        validation_loss: the same of the validation pairs, without label smoothing.
        seconds: of training until then.
    """

    step: int
    train_loss: float | None
    validation_loss: float
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """How training went; the model holds the best weights.

    Args:
        curve: what the validation pairs said, in order.
        best_step: the updates after which the weights were best.
        steps: updates made in all.
        seconds: spent training, over all resumed runs.
        tokens: source and target tokens seen.
        stopped: why training ended before its last step, or None.
    """

    curve: list[Point]
    best_step: int
    steps: int
    seconds: float
    tokens: int
    stopped: Literal["patience", "deadline", "interrupted"] | None


def batches_an_epoch(pairs: Sequence[Pair], most_tokens: int) -> int:
    """How many batches an epoch has; the same for every seed."""
    lengths = _lengths(pairs)
    return len(token_batches(lengths[:, 0], lengths[:, 1], most_tokens, 0))


def fit(
    model: PreTrainedModel,
    train: Sequence[Pair],
    validation: Sequence[Pair],
    settings: Settings,
    state: Path,
    *,
    deadline: float | None = None,
    progress: Progress,
) -> Outcome:
    """Train the parameters that require gradients; leave the model in evaluation mode with its best weights.

    Ctrl-C ends training as the deadline does: with the best weights so far, and a state to go on from.

    Args:
        model: maps input_ids, attention_mask and labels to a loss.
        train: encoded pairs to learn from.
        validation: encoded pairs that choose the weights.
        settings: how to train.
        state: file that the state is kept in; where it exists, training goes on from it.
        deadline: `time.monotonic()` after which no further step is made.
        progress: where to report.

    Raises:
        RunError: the state is damaged, or of other pairs or settings.
        AlihError: the loss is not a number any more.
        KeyboardInterrupt: stopped before the first look at the validation pairs.
    """
    run = _Run(model, train, validation, settings, state)
    stopped: Literal["patience", "deadline", "interrupted"] | None = None
    try:
        with out_of_memory_in_words("training the translator"):
            stopped = run.train(deadline, progress)
    except KeyboardInterrupt:
        stopped = "interrupted"
        if run.best is None:
            raise
    run.finish()
    return Outcome(run.curve, run.best_step, run.step, run.seconds, run.tokens, stopped)


@dataclass
class _Sum:
    """Losses since the last point."""

    total: float = 0.0
    steps: int = 0
    pending: list[Tensor] = field(default_factory=list)

    def collect(self) -> None:
        """Read the losses that are still on the device."""
        if self.pending:
            self.total += float(torch.stack(self.pending).double().sum())
            self.steps += len(self.pending)
            self.pending = []


class _Run:
    """Model, optimiser and place in the data of one training."""

    def __init__(
        self, model: PreTrainedModel, train: Sequence[Pair], validation: Sequence[Pair], settings: Settings, path: Path
    ) -> None:
        self._model, self._pairs, self._held, self._settings, self._path = model, train, validation, settings, path
        self._lengths = _lengths(train)
        self._pad = int(model.config.pad_token_id or 0)
        self._on = device()
        model.to(self._on)  # type: ignore[arg-type]
        self._trained = {name: value for name, value in model.named_parameters() if value.requires_grad}
        betas = (0.9, 0.98)  # section 5.3
        self._adam: torch.optim.Optimizer
        if settings.schedule == "paper":
            self._adam = torch.optim.Adam(self._trained.values(), lr=0.0, betas=betas, eps=1e-9, foreach=True)
        else:
            self._adam = torch.optim.AdamW(self._trained.values(), lr=0.0, betas=betas, weight_decay=0.01, foreach=True)
        self._scaler = torch.amp.GradScaler(self._on.type, enabled=settings.precision == "fp16")
        self._kept: deque[dict[str, Tensor]] = deque(maxlen=settings.averaged)
        self._sum = _Sum()
        self.step, self.seconds, self.tokens, self.best_step = 0, 0.0, 0, 0
        self.curve: list[Point] = []
        self.best: dict[str, Tensor] | None = None
        self._epoch, self._batch, self._saved = 0, 0, time.monotonic()
        self._fingerprint = _fingerprint(train, validation, settings, list(self._trained))
        self._resume()

    def train(
        self, deadline: float | None, progress: Progress
    ) -> Literal["patience", "deadline", "interrupted"] | None:
        """Go on until all steps are made, the time is over, or it gets no better."""
        settings = self._settings
        start = time.monotonic() - self.seconds
        batches = self._batches()
        if settings.schedule == "linear" and not self.curve:
            self._look([])  # what the model can do before it learns
        self._model.train()
        stopped: Literal["patience", "deadline", "interrupted"] | None = "patience" if self._is_stuck() else None
        with progress.step("training the translator", settings.steps - self.step, "steps") as advance:
            while self.step < settings.steps and not stopped:
                if self._batch == len(batches):
                    self._epoch, self._batch = self._epoch + 1, 0
                    batches = self._batches()
                self._update(batches[self._batch])
                self._batch += 1
                self.seconds = time.monotonic() - start
                if self.step % settings.checkpoint_every == 0 or self.step == settings.steps:
                    self._checkpoint()
                elif time.monotonic() - self._saved > _SAVE_SECONDS:
                    self._save()
                advance(1)
                if self._is_stuck():
                    stopped = "patience"
                elif deadline is not None and time.monotonic() >= deadline and self.step < settings.steps:
                    stopped = "deadline"
        if self._sum.pending or self._sum.steps:
            self._save()  # what a run that goes on must find: the place before the look below
            self._look([*self._kept, self._now()] if self._settings.averaged > 1 else [])
        return stopped

    def finish(self) -> None:
        """Put the best weights into the model."""
        assert self.best is not None
        self._put(self.best)
        self._model.train(False)
        for parameter in self._trained.values():
            parameter.grad = None

    def _is_stuck(self) -> bool:
        patience = self._settings.patience
        if patience is None or len(self.curve) <= patience:
            return False
        losses = [point.validation_loss for point in self.curve]
        return len(losses) - 1 - int(np.argmin(losses)) >= patience

    def _batches(self) -> list[Any]:
        seed = self._settings.seed * 100_003 + self._epoch
        return token_batches(self._lengths[:, 0], self._lengths[:, 1], self._settings.most_tokens, seed)

    def _update(self, rows: Any) -> None:
        settings = self._settings
        self.step += 1
        torch.manual_seed(settings.seed * 1_000_003 + self.step)  # dropout
        batch = collate([self._pairs[row] for row in rows], self._pad)
        self.tokens += int(self._lengths[rows].sum())
        rate = self._rate()
        for group in self._adam.param_groups:
            group["lr"] = rate
        with autocast(self._on, settings.precision):
            loss: Tensor = self._model(**{name: tensor.to(self._on) for name, tensor in batch.items()}).loss
        self._adam.zero_grad()
        self._scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if settings.clip is not None:
            self._scaler.unscale_(self._adam)
            torch.nn.utils.clip_grad_norm_(list(self._trained.values()), settings.clip)
        self._scaler.step(self._adam)
        self._scaler.update()
        self._sum.pending.append(loss.detach())

    def _rate(self) -> float:
        settings = self._settings
        if settings.schedule == "paper":
            return learning_rate(self.step, settings.width, settings.warmup, settings.rate)
        return settings.rate * share_of_peak(self.step - 1, settings.steps, settings.warmup / settings.steps)

    def _checkpoint(self) -> None:
        self._kept.append(self._now())
        self._look(self._kept)
        self._sum = _Sum()
        self._save()
        self._model.train()

    def _now(self) -> dict[str, Tensor]:
        return {name: value.detach().cpu().clone() for name, value in self._trained.items()}

    @torch.no_grad()
    def _look(self, checkpoints: Sequence[dict[str, Tensor]]) -> None:
        """Judge the mean of the checkpoints, or else the weights now, and keep what is the best so far."""
        self._sum.collect()
        mean = self._sum.total / self._sum.steps if self._sum.steps else None
        if mean is not None and not math.isfinite(mean):
            raise AlihError(
                f"training diverged: the loss is not a finite number after {self.step} steps. Use a lower rate, for "
                f"example --learning-rate {self._rate() / 10:.1g}."
            )
        now = self._now()
        judged = average(checkpoints) if checkpoints else now
        self._put(judged)
        loss = loss_of_pairs(self._model, self._held, self._pad, self._settings.precision)
        self._put(now)
        best = min((point.validation_loss for point in self.curve), default=math.inf)
        self.curve.append(Point(self.step, mean, loss, self.seconds))
        if loss < best or self.best is None:
            self.best, self.best_step = judged, self.step

    @torch.no_grad()
    def _put(self, weights: dict[str, Tensor]) -> None:
        for name, value in self._trained.items():
            value.copy_(weights[name])

    def _save(self) -> None:
        self._sum.collect()
        save_state(
            self._path,
            {
                "fingerprint": self._fingerprint,
                "weights": {name: value.detach() for name, value in self._trained.items()},
                "adam": self._adam.state_dict(),
                "scaler": self._scaler.state_dict(),
                "kept": list(self._kept),
                "best": self.best,
                "place": (self.step, self._epoch, self._batch, self.seconds, self.tokens, self.best_step),
                "sum": (self._sum.total, self._sum.steps),
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
                f"{self._path}: the state of other pairs, options or weights; delete it to start afresh, or start a "
                "new run with alih adapt."
            )
        self._put(state["weights"])
        self._adam.load_state_dict(state["adam"])
        if state["scaler"]:
            self._scaler.load_state_dict(state["scaler"])
        self._kept.extend(state["kept"])
        self.best = state["best"]
        self.step, self._epoch, self._batch, self.seconds, self.tokens, self.best_step = state["place"]
        self._sum = _Sum(*state["sum"])
        self.curve = [Point(**point) for point in state["curve"]]


def _lengths(pairs: Sequence[Pair]) -> Any:
    return np.array([[len(source), len(target)] for source, target in pairs], dtype=np.int64)


def _fingerprint(train: Sequence[Pair], validation: Sequence[Pair], settings: Settings, names: Sequence[str]) -> str:
    digest = sha256(repr((sorted(asdict(settings).items()), names)).encode())
    for pairs in (train, validation):
        for source, target in pairs:
            digest.update(np.array([*source, -1, *target, -2], dtype=np.int64).tobytes())
    return digest.hexdigest()


def forget(state: Path) -> None:
    """Delete a state that is no longer needed: optimiser and checkpoints take many times the model's room."""
    with suppress(FileNotFoundError):
        state.unlink()
