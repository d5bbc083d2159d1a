"""The training loop: the only one, for heads on features, models resumed at a boundary, and whole models of any task.

It knows no task: what is learnt is an `Objective` over the batches of a `Feed`, and a `Look` at held-out examples
chooses the weights.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator, DistributedDataParallelKwargs
from torch import Tensor, nn

from alih import interrupt
from alih.errors import ModelError
from alih.progress import Advance, Progress
from alih.training.best import BestWeights, running_statistics
from alih.training.choice import EpochChoice, Look
from alih.training.feed import Batch, Feed
from alih.training.layout import fast_layout
from alih.training.memory import release_free_memory
from alih.training.precision import autocast, choose, device
from alih.training.result import DivergenceError, FitResult, FitSettings, Point, Stopped, TrainingError, untrained
from alih.training.schedule import inverse_root, share_of_peak
from alih.training.scoring import logits, to_device
from alih.training.state import load_state, save_state

__all__ = [
    "DivergenceError",
    "FitResult",
    "FitSettings",
    "Objective",
    "Point",
    "Stopped",
    "TrainingError",
    "fit",
    "logits",
    "untrained",
]

#: Maps the module and a batch to the sum of the losses in it, and how many terms the sum has. A step follows their
#: mean. The module is called once, as a whole: several processes hook into that call.
Objective = Callable[[nn.Module, Batch], tuple[Tensor, "int | Tensor"]]

#: Losses that a GPU may have computed before they are read.
_LOSSES_IN_FLIGHT = 32
#: Seconds between two writings of the state; looks write it, too.
_SAVE_SECONDS = 60.0


def fit(
    module: nn.Module,
    train: Feed,
    objective: Objective,
    look: Look | None,
    settings: FitSettings,
    *,
    progress: Progress,
    deadline: float | None = None,
    state: Path | None = None,
    what: str = "training",
) -> FitResult:
    """Train the parameters of `module` that require gradients; leave it in evaluation mode with its best weights.

    AdamW (arXiv 1711.05101), a rate that rises and falls, clipped gradients. Held-out examples are looked at as often
    as the settings say and at the end, and the weights of the best look are put back, also when training is
    interrupted, cut short by the deadline, or diverges after a look.
    Runs on one device, or on several under `accelerate launch`; repeats are bit-identical on one device, and so are a
    training that was killed and went on from its state, and one that was not.

    Args:
        module: what the objective calls.
        train: examples to learn from.
        objective: what is minimised.
        look: at held-out examples, which choose the weights; None keeps the last ones.
        settings: how to train.
        progress: where to report.
        deadline: `time.monotonic()` after which no further step is made.
        state: file that the state is kept in, at looks and every minute; where it exists, training goes on from it.
        what: what is trained, for the progress.

    Raises:
        DivergenceError: the loss is not a number any more, and there was no look before.
        TrainingError: nothing is there to train.
        ModelError: it gives no number before the first step.
        RunError: the state is damaged, or of other data or settings.
        KeyboardInterrupt: Ctrl-C; the module has its best weights.
    """
    if len(train) == 0:
        raise ValueError("training needs examples")
    if settings.epochs < 1:
        raise ValueError(f"epochs must be at least 1, not {settings.epochs}")
    torch.manual_seed(settings.seed)
    run = _Run(module, train, objective, look, settings, progress, deadline, state)
    stopped: Stopped | None = None
    with fast_layout(module):
        run.begin()
        try:
            with progress.step(what, *run.left()) as advance:
                stopped = run.train(advance)
        except DivergenceError as error:
            if not run.looked:
                raise
            progress.say(f"{what}: {error} The best weights before that are kept.")
            stopped = "diverged"
        finally:
            run.best.restore()
            for parameter in module.parameters():
                parameter.grad = None
            module.eval()
    return run.result(stopped)


class _Run:
    """What one call of `fit` carries from step to step."""

    def __init__(
        self,
        module: nn.Module,
        feed: Feed,
        objective: Objective,
        look: Look | None,
        settings: FitSettings,
        progress: Progress,
        deadline: float | None,
        state: Path | None,
    ) -> None:
        self.module, self.feed, self.objective, self.look = module, feed, objective, look
        self.settings, self.progress, self.deadline, self.path = settings, progress, deadline, state
        on = device()
        # Only gradients that exist are waited for: a pre-trained pooler may lie beside the path that the head reads.
        self.accelerator = Accelerator(
            cpu=on.type == "cpu", kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)]
        )
        self.on: torch.device = self.accelerator.device
        module.to(self.on)
        trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
        if not trainable:
            raise TrainingError("every parameter of the model is frozen: there is nothing to train.")
        optimizer = torch.optim.AdamW(
            [
                {"params": [p for p in trainable if p.ndim >= 2], "weight_decay": settings.weight_decay},
                {"params": [p for p in trainable if p.ndim < 2], "weight_decay": 0.0},
            ],
            lr=settings.learning_rate,
            betas=settings.betas,
            eps=settings.epsilon,
            fused=self.on.type in {"cpu", "cuda"},
        )
        self.wrapped, prepared = self.accelerator.prepare(module, optimizer)
        # The wrapper looks for optional packages at every step; the optimizer inside it is the one that steps.
        self.optimizer: torch.optim.Optimizer = getattr(prepared, "optimizer", prepared)
        self.trainable = [parameter for parameter in self.wrapped.parameters() if parameter.requires_grad]
        self.precision = settings.precision or choose(self.on)
        self.scaler = torch.amp.GradScaler(self.on.type, enabled=self.precision == "fp16")
        self.choice = None if look is None else EpochChoice(look.judge, len(look), look.groups)
        self.share = share_of_peak if settings.schedule == "linear" else inverse_root
        self.total = settings.steps or settings.epochs * feed.steps(self.accelerator.num_processes)
        self.start = self.saved = time.monotonic()
        self.steps = self.seen = self.tokens = self.batch = self.best_step = self.since_best = self.last_size = 0
        self.epoch = self.best_epoch = 1
        self.rate = 0.0
        self.looked = False
        self.curve: list[Point] = []
        self.training_seconds: list[float] = []
        #: Losses that were read since the last point: sum, and terms; and those that are still on the device.
        self.loss_sum = self.loss_terms = 0.0
        self.pending: list[tuple[Tensor, int | Tensor]] = []
        #: Weights at the last looks, where means are judged.
        self.checkpoints: deque[list[Tensor]] = deque(maxlen=settings.averaged)

    def begin(self) -> None:
        """Set up what needs the memory layout of training, and go on from the state, if there is one."""
        self.best = BestWeights(self.module)
        if self.path is not None:
            trained = self.module.named_parameters()
            names = [(name, tuple(value.shape)) for name, value in trained if value.requires_grad]
            look = "" if self.look is None else self.look.digest()
            told = (sorted(asdict(self.settings).items()), names, self.feed.digest(), look)
            self.fingerprint = sha256(repr(told).encode()).hexdigest()
            found = load_state(self.path, self.fingerprint)
            if found is not None:
                self._load(found)

    def left(self) -> tuple[int, str]:
        """How much there is to do, and in which unit."""
        if self.settings.steps is not None:
            return self.total - self.steps, "steps"
        return (self.settings.epochs - self.epoch + 1) * len(self.feed), "examples"

    def train(self, advance: Advance) -> Stopped | None:
        """Make all steps, unless patience or the deadline end it before; return why it ended."""
        settings, accelerator, feed = self.settings, self.accelerator, self.feed
        process, processes = accelerator.process_index, accelerator.num_processes
        by_steps = settings.steps is not None
        if settings.look_first and not self.curve:
            self._point(0, look=True)
        while not self._complete():
            if self._is_stuck():
                return "patience"
            order = int(np.random.SeedSequence([settings.seed, self.epoch]).generate_state(1)[0])
            self.wrapped.train()
            begun, before = time.monotonic(), self.batch
            for batch, part in feed.batches(order, process, processes, self.batch):
                if self.deadline is not None and time.monotonic() >= self.deadline:
                    self.training_seconds.append(time.monotonic() - begun)
                    self._cut_short()
                    return "deadline"
                self._step(batch)
                examples = feed.examples(part)
                self.seen += examples
                self.tokens += feed.tokens(part)
                self.batch += 1
                advance(1 if by_steps else examples * processes)
                if by_steps and (self.steps % settings.validate_every == 0 or self._complete()):
                    self.training_seconds.append(time.monotonic() - begun)
                    self._point(self.epoch, look=True)
                    self._save()
                    if self._complete() or self._is_stuck():
                        break
                    self.wrapped.train()
                    begun = time.monotonic()
                elif self.path is not None and time.monotonic() - self.saved > _SAVE_SECONDS:
                    self._save()
                interrupt.check()
            else:
                if self.batch == before == 0:
                    raise TrainingError("no batch can be made of the training examples: there are too few of them.")
                self.epoch, self.batch = self.epoch + 1, 0
                if not by_steps:
                    self.training_seconds.append(time.monotonic() - begun)
                    epoch = self.epoch - 1
                    self._point(epoch, look=self._complete() or epoch % settings.validate_every == 0)
                    self._save()
        return None

    def result(self, stopped: Stopped | None) -> FitResult:
        """How it went."""
        return FitResult(
            tuple(self.curve), self.best_epoch, time.monotonic() - self.start, self.steps, self.seen, stopped,
            None if self.choice is None else self.choice.held_out, tuple(self.training_seconds), self.best_step,
            self.tokens,
        )  # fmt: skip

    def _complete(self) -> bool:
        return self.steps >= self.total if self.settings.steps is not None else self.epoch > self.settings.epochs

    def _is_stuck(self) -> bool:
        return self.settings.patience is not None and self.since_best >= self.settings.patience

    def _step(self, batch: Batch) -> None:
        """Make one optimizer step."""
        settings, on = self.settings, self.on
        size = max(tensor.numel() for tensor in batch.values())
        if on.type == "cpu" and size > self.last_size:
            release_free_memory()
        self.last_size = size
        self.rate = settings.learning_rate * self.share(self.steps, self.total, settings.warmup)
        for group in self.optimizer.param_groups:
            group["lr"] = self.rate
        with autocast(on, self.precision):
            total, terms = self.objective(self.wrapped, to_device(batch, on))
        loss = total / terms
        if on.type == "cpu" and not math.isfinite(loss.item()):
            raise DivergenceError(self.steps, settings.learning_rate)  # before the weights are spoilt
        self.scaler.scale(loss).backward()  # type: ignore[no-untyped-call]
        if settings.max_grad_norm is not None:
            self.scaler.unscale_(self.optimizer)
            if self.accelerator.num_processes > 1:
                self.accelerator.clip_grad_norm_(self.trainable, settings.max_grad_norm)
            else:
                nn.utils.clip_grad_norm_(self.trainable, settings.max_grad_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        self.steps += 1
        self.pending.append((loss.detach(), terms))
        # Reading a loss waits for a GPU; on a CPU it is free.
        if on.type == "cpu" or len(self.pending) == _LOSSES_IN_FLIGHT:
            self._collect()

    def _collect(self) -> None:
        """Add the losses in flight, each times its terms, to those that were read."""
        for value, terms in self.pending:
            loss, count = float(value.item()), float(terms)
            if not math.isfinite(loss):
                raise DivergenceError(self.steps, self.settings.learning_rate)
            self.loss_sum += loss * count
            self.loss_terms += count
        self.pending.clear()

    def _cut_short(self) -> None:
        """The deadline: an epoch cut short is not judged where a whole one was; steps since the last look are."""
        self._save()  # what a run that goes on must find: the place before the look below
        steps_since = self.settings.steps is not None and self.loss_terms + len(self.pending) > 0
        if steps_since or not self.looked:
            self._point(self.epoch, look=True)

    def _point(self, epoch: int, *, look: bool) -> None:
        """Write down one point of the curve, and look at the held-out examples if it is time to."""
        self._collect()
        total, terms = self.loss_sum, self.loss_terms
        self.loss_sum = self.loss_terms = 0.0
        if self.accelerator.num_processes > 1:  # each saw examples of its own
            sums: Any = self.accelerator.reduce(torch.tensor([total, terms], dtype=torch.float64, device=self.on))
            total, terms = sums.tolist()
        loss: float | None = None
        better = self.look is None
        if look and self.look is not None:
            better, loss = self._look()
        elif look and self.settings.averaged > 1:
            with self._mean_weights():
                self.best.keep()
        seconds = time.monotonic() - self.start
        mean = total / terms if terms else None
        self.curve.append(Point(epoch, self.steps, mean, loss, self.rate, seconds))
        if better:
            self.best_epoch, self.best_step = epoch, self.steps
        if loss is not None and self.settings.steps is not None:
            self.progress.say(f"  step {self.steps:,}: validation loss {loss:.4f}")

    def _look(self) -> tuple[bool, float]:
        """Whether the weights are the best so far, which are set aside then; and their loss."""
        assert self.look is not None
        assert self.choice is not None
        devices = [self.on] if self.on.type == "cuda" else []
        with torch.random.fork_rng(devices=devices), self._mean_weights():
            better = self.choice.offer(self.look.outputs(self.module, self.precision))
            if not math.isfinite(self.choice.loss):
                if self.steps == 0:
                    raise ModelError("the model gives no finite loss before training: its weights are damaged.")
                raise DivergenceError(self.steps, self.settings.learning_rate)
            if better:
                self.best.keep()
        self.looked = True
        self.since_best = 0 if better else self.since_best + 1
        return better, self.choice.loss

    @contextmanager
    @torch.no_grad()
    def _mean_weights(self) -> Iterator[None]:
        """Inside, the module has the mean of the weights at the last looks, this one included."""
        if self.settings.averaged == 1:
            yield
            return
        now = [parameter.detach().cpu().clone() for parameter in self.trainable]
        self.checkpoints.append(now)
        for parameter, *kept in zip(self.trainable, *self.checkpoints, strict=True):
            parameter.copy_(torch.stack([tensor.double() for tensor in kept]).mean(0))
        try:
            yield
        finally:
            _copy(now, self.trainable)

    def _save(self) -> None:
        if self.path is None:
            return
        self._collect()
        if self.accelerator.is_main_process:
            save_state(
                self.path,
                {
                    "fingerprint": self.fingerprint,
                    "weights": [parameter.detach() for parameter in self.trainable],
                    "statistics": running_statistics(self.module),
                    "optimizer": self.optimizer.state_dict(),
                    "scaler": self.scaler.state_dict(),
                    "random": torch.get_rng_state(),
                    "cuda": torch.cuda.get_rng_state(self.on) if self.on.type == "cuda" else None,
                    "best": self.best.state(),
                    "checkpoints": list(self.checkpoints),
                    "choice": None if self.choice is None else self.choice.state(),
                    "counts": {name: getattr(self, name) for name in _COUNTS},
                    "seconds": time.monotonic() - self.start,
                    "training_seconds": self.training_seconds,
                    "curve": [asdict(point) for point in self.curve],
                },
            )
        self.saved = time.monotonic()

    @torch.no_grad()
    def _load(self, state: dict[str, Any]) -> None:
        _copy(state["weights"], self.trainable)
        _copy(state["statistics"], running_statistics(self.module))
        self.optimizer.load_state_dict(state["optimizer"])
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        torch.set_rng_state(state["random"])
        if state["cuda"] is not None and self.on.type == "cuda":
            torch.cuda.set_rng_state(state["cuda"], self.on)
        if state["best"] is not None:
            self.best.load(state["best"])
        self.checkpoints.extend(state["checkpoints"])
        if self.choice is not None:
            self.choice.load(state["choice"])
        for name, value in state["counts"].items():
            setattr(self, name, value)
        self.start = time.monotonic() - state["seconds"]
        self.training_seconds = list(state["training_seconds"])
        self.curve = [Point(**point) for point in state["curve"]]


#: What a run counts, and its state holds.
_COUNTS = (
    "steps", "seen", "tokens", "epoch", "batch", "rate", "looked", "best_epoch", "best_step", "since_best",
    "loss_sum", "loss_terms",
)  # fmt: skip


def _copy(sources: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.copy_(source)
