"""The training loop: the only one, for heads on features, models resumed at a boundary, and whole models."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from numpy.typing import NDArray
from torch import Tensor, nn

from alih.errors import AlihError
from alih.progress import Advance, Progress
from alih.task import Task
from alih.training.best import BestWeights
from alih.training.choice import Criterion, EpochChoice
from alih.training.feed import Batch, Feed
from alih.training.layout import fast_layout
from alih.training.loss import loss as loss_of
from alih.training.memory import release_free_memory
from alih.training.precision import Precision, autocast, choose, device
from alih.training.schedule import share_of_peak

#: Losses that a GPU may have computed before they are read.
_LOSSES_IN_FLIGHT = 32


class TrainingError(AlihError):
    """Training that diverged; the message says what to change."""


@dataclass(frozen=True)
class FitSettings:
    """How to train.

    Args:
        learning_rate: the peak rate of AdamW.
        epochs: passes over the training examples, at most.
        batch_size: examples a step; the feed cuts the batches, this records how.
        weight_decay: decoupled decay of matrices; biases and norms do not decay.
        warmup: share of the steps in which the rate rises.
        max_grad_norm: gradients are scaled down to this length.
        seed: everything random follows from it: order, dropout.
        patience: epochs without a better validation loss after which training stops; None = never.
        precision: compute type; None = the device's best.
        validate_every: epochs from one look at the validation split to the next; the last epoch is always looked at.
    """

    learning_rate: float
    epochs: int = 3
    batch_size: int = 32
    weight_decay: float = 0.01
    warmup: float = 0.1
    max_grad_norm: float = 1.0
    seed: int = 0
    patience: int | None = None
    precision: Precision | None = None
    validate_every: int = 1


@dataclass(frozen=True)
class FitResult:
    """How training went.

    Args:
        history: one dict an epoch: epoch (from 1), train_loss, validation_loss (None where it was not looked at),
            learning_rate (of its last step), seconds (since the start).
        best_epoch: the epoch whose weights the module has now, from 1.
        seconds: wall time.
        steps: optimizer steps.
        examples_seen: examples fed, counted each time.
        stopped: why training ended before its last epoch, or None if it did not.
        held_out: validation logits (n, outputs), each half of the rows scored by the epoch that the other half chose
            (see `EpochChoice`); None without validation.
        training_seconds: of each epoch, the seconds that its steps took, without looking at the validation split.
    """

    history: tuple[dict[str, Any], ...]
    best_epoch: int
    seconds: float
    steps: int
    examples_seen: int
    stopped: Literal["patience", "deadline"] | None = None
    held_out: NDArray[np.float32] | None = field(default=None, compare=False, repr=False)
    training_seconds: tuple[float, ...] = field(default=(), compare=False, repr=False)


def fit(
    module: nn.Module,
    train: Feed,
    validation: Feed | None,
    task: Task,
    settings: FitSettings,
    *,
    progress: Progress,
    deadline: float | None = None,
    criterion: Criterion | None = None,
    groups: Sequence[str] | None = None,
    what: str = "training",
) -> FitResult:
    """Train the parameters of `module` that require gradients; leave it in evaluation mode with its best weights.

    AdamW (arXiv 1711.05101), linear warm-up and decay, clipped gradients. The validation split is scored after every
    `validate_every` epochs and after the last, and the weights of the best epoch of these are put back at the end, also
    when training is interrupted: the one with the lowest criterion if there is one (ties go to the lower loss),
    otherwise with the lowest validation loss.
    Runs on one device, or on several under `accelerate launch`; repeats are bit-identical on one device.

    Args:
        module: maps a batch of the feeds to logits (batch, outputs).
        train: labelled examples to learn from.
        validation: labelled examples that choose the epoch; None keeps the last one.
        task: decides the loss.
        settings: how to train.
        progress: where to report.
        deadline: `time.monotonic()` after which no further step is made.
        criterion: maps logits (n, outputs) of some validation rows, and these rows, to what the best epoch minimises.
        groups: of the validation examples; those of one group choose together, or are scored together.
        what: what is trained, for the progress.

    Raises:
        TrainingError: the loss is not a number any more, or nothing is there to train.
    """
    if not train.labelled or len(train) == 0 or (validation is not None and not validation.labelled):
        raise ValueError("training needs labelled examples")
    if settings.epochs < 1:
        raise ValueError(f"epochs must be at least 1, not {settings.epochs}")
    torch.manual_seed(settings.seed)
    run = _prepare(module, train, settings, deadline)
    with fast_layout(module):
        best = BestWeights(module)
        try:
            total = settings.epochs * len(train)
            with progress.step(what, total, "examples") as advance:
                return _epochs(run, best, validation, task, criterion, groups, advance)
        finally:
            best.restore()
            for parameter in module.parameters():
                parameter.grad = None
            module.eval()


@torch.no_grad()
def logits(
    module: nn.Module, feed: Feed, precision: Precision | None = None, *, advance: Advance | None = None
) -> NDArray[np.float32]:
    """Score every row of a feed: float32 of shape (rows, outputs), in the order of the feed's rows.

    Args:
        module: maps a batch to logits; its mode is as before afterwards.
        feed: what to score; labels are not looked at.
        precision: compute type; None = the device's best.
        advance: called with the rows scored since last time.
    """
    on = _device_of(module)
    precision = precision or choose(on)
    training = module.training
    module.eval()
    found: Tensor | None = None
    try:
        with fast_layout(module), autocast(on, precision):
            for batch, _, positions in feed.batches(None):
                scores = module(_to(batch, on)).float()
                if found is None:
                    found = torch.empty(len(feed), scores.shape[1])
                found[torch.from_numpy(positions)] = scores.cpu()
                if advance is not None:
                    advance(len(positions))
    finally:
        module.train(training)
    if found is None:
        return np.zeros((0, 0), dtype=np.float32)
    result: NDArray[np.float32] = found.numpy()
    return result


@dataclass
class _Run:
    """What one call of `fit` carries from step to step."""

    module: nn.Module
    wrapped: nn.Module
    optimizer: torch.optim.Optimizer
    accelerator: Accelerator
    feed: Feed
    settings: FitSettings
    deadline: float | None
    precision: Precision
    scaler: torch.amp.GradScaler
    trainable: list[nn.Parameter]
    start: float = field(default_factory=time.monotonic)
    steps: int = 0
    seen: int = 0
    rate: float = 0.0
    last_size: int = 0

    @property
    def total_steps(self) -> int:
        return self.settings.epochs * self.feed.steps(self.accelerator.num_processes)

    def late(self) -> bool:
        return self.deadline is not None and time.monotonic() >= self.deadline


def _prepare(module: nn.Module, feed: Feed, settings: FitSettings, deadline: float | None) -> _Run:
    on = device()
    # Only gradients that exist are waited for: a pre-trained pooler may lie beside the path that the head reads.
    accelerator = Accelerator(
        cpu=on.type == "cpu", kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)]
    )
    on = accelerator.device
    module.to(on)
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not trainable:
        raise TrainingError("every parameter of the model is frozen: there is nothing to train.")
    optimizer = torch.optim.AdamW(
        [
            {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": settings.weight_decay},
            {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
        ],
        lr=settings.learning_rate,
        fused=on.type in {"cpu", "cuda"},
    )
    wrapped, prepared = accelerator.prepare(module, optimizer)
    # The wrapper looks for optional packages at every step; the optimizer inside it is the one that steps.
    optimizer = getattr(prepared, "optimizer", prepared)
    trainable = [parameter for parameter in wrapped.parameters() if parameter.requires_grad]
    precision = settings.precision or choose(on)
    scaler = torch.amp.GradScaler(on.type, enabled=precision == "fp16")
    return _Run(module, wrapped, optimizer, accelerator, feed, settings, deadline, precision, scaler, trainable)


def _epochs(
    run: _Run,
    best: BestWeights,
    validation: Feed | None,
    task: Task,
    criterion: Criterion | None,
    groups: Sequence[str] | None,
    advance: Advance,
) -> FitResult:
    settings = run.settings
    history: list[dict[str, Any]] = []
    training_seconds: list[float] = []
    best_epoch = 1
    choice = None
    if validation is not None:
        assert validation.labels is not None
        choice = EpochChoice(task, validation.labels, criterion, groups)
    stopped: Literal["patience", "deadline"] | None = None
    for epoch in range(1, settings.epochs + 1):
        begun = time.monotonic()
        train_loss, complete = _epoch(run, epoch, task, advance)
        training_seconds.append(time.monotonic() - begun)
        if not complete:
            stopped = "deadline"
            if any(told["validation_loss"] is not None for told in history):
                break  # an epoch cut short is not judged where a whole one was
        due = stopped is not None or epoch == settings.epochs or epoch % settings.validate_every == 0
        better = choice is None or (due and _validate(run, validation, choice))
        history.append(
            {
                "epoch": epoch,
                "train_loss": train_loss,
                "validation_loss": choice.loss if choice is not None and due else None,
                "learning_rate": run.rate,
                "seconds": time.monotonic() - run.start,
            }
        )
        if better:
            best_epoch = epoch
            if choice is not None:
                best.keep()
        if stopped or epoch == settings.epochs:
            break
        if settings.patience is not None and epoch - best_epoch >= settings.patience:
            stopped = "patience"
            break
    seconds = time.monotonic() - run.start
    held_out = None if choice is None else choice.held_out
    spent = tuple(training_seconds)
    return FitResult(tuple(history), best_epoch, seconds, run.steps, run.seen, stopped, held_out, spent)


def _epoch(run: _Run, epoch: int, task: Task, advance: Advance) -> tuple[float | None, bool]:
    """Train one epoch; return its mean loss (None if no step was made), and whether it was completed."""
    accelerator = run.accelerator
    order = int(np.random.SeedSequence([run.settings.seed, epoch]).generate_state(1)[0])
    total, seen = 0.0, 0
    pending: list[tuple[Tensor, int]] = []
    run.wrapped.train()
    complete = True
    for batch, labels, positions in run.feed.batches(order, accelerator.process_index, accelerator.num_processes):
        if run.late():
            complete = False
            break
        assert labels is not None
        pending.append((_step(run, batch, labels, task), len(positions)))
        # Reading a loss waits for a GPU; on a CPU it is free.
        if accelerator.device.type == "cpu" or len(pending) == _LOSSES_IN_FLIGHT:
            total += _collect(pending, run)
        seen += len(positions)
        advance(len(positions) * accelerator.num_processes)
    total += _collect(pending, run)
    run.seen += seen
    if accelerator.num_processes > 1:  # each saw examples of its own
        sums: Any = accelerator.reduce(torch.tensor([total, seen], dtype=torch.float64, device=accelerator.device))
        total, seen = sums.tolist()
    return (total / seen if seen else None), complete


def _step(run: _Run, batch: Batch, labels: Tensor, task: Task) -> Tensor:
    """Make one optimizer step and return the loss before it."""
    settings, on = run.settings, run.accelerator.device
    size = max(tensor.numel() for tensor in batch.values())
    if on.type == "cpu" and size > run.last_size:
        release_free_memory()
    run.last_size = size
    run.rate = settings.learning_rate * share_of_peak(run.steps, run.total_steps, settings.warmup)
    for group in run.optimizer.param_groups:
        group["lr"] = run.rate
    with autocast(on, run.precision):
        outputs = run.wrapped(_to(batch, on))
    found = loss_of(task, outputs, labels.to(on))
    if on.type == "cpu" and not math.isfinite(found.item()):
        raise _diverged(run)  # before the weights are spoilt
    run.scaler.scale(found).backward()  # type: ignore[no-untyped-call]
    run.scaler.unscale_(run.optimizer)
    if run.accelerator.num_processes > 1:
        run.accelerator.clip_grad_norm_(run.trainable, settings.max_grad_norm)
    else:
        nn.utils.clip_grad_norm_(run.trainable, settings.max_grad_norm)
    run.scaler.step(run.optimizer)
    run.scaler.update()
    run.optimizer.zero_grad(set_to_none=True)
    run.steps += 1
    return found.detach()


def _collect(pending: list[tuple[Tensor, int]], run: _Run) -> float:
    """Sum the losses in flight, each times its examples, and empty the list."""
    total = 0.0
    for value, count in pending:
        number = float(value.item())
        if not math.isfinite(number):
            raise _diverged(run)
        total += number * count
    pending.clear()
    return total


def _validate(run: _Run, validation: Feed | None, choice: EpochChoice) -> bool:
    """Score the validation split; whether this epoch is the best one so far."""
    assert validation is not None
    better = choice.offer(logits(run.module, validation, run.precision))
    if not math.isfinite(choice.loss):
        raise _diverged(run)
    return better


def _diverged(run: _Run) -> TrainingError:
    rate = run.settings.learning_rate
    return TrainingError(
        f"training diverged: the loss is not a finite number after {run.steps} steps at learning rate {rate:g}. "
        f"Use a lower one, for example --learning-rate {rate / 10:g}."
    )


def _device_of(module: nn.Module) -> torch.device:
    first = next(module.parameters(), None)
    return torch.device("cpu") if first is None else first.device


def _to(batch: Batch, on: torch.device) -> Batch:
    if on.type == "cpu":
        return batch
    return {name: tensor.to(on, non_blocking=True) for name, tensor in batch.items()}
