"""A small search for the learning rate: a few steps with each, and the one that helps the validation examples most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from alih.instruct.encode import Tokens
from alih.instruct.loss import Scorer
from alih.instruct.training import Settings, batches_of, optimiser_of, update
from alih.progress import Progress
from alih.training.schedule import share_of_peak

#: Steps of one trial: a tenth of the training, within these bounds; validation sequences that judge it.
_LEAST, _MOST, _JUDGES = 8, 40, 100


@dataclass(frozen=True)
class Tried:
    """One learning rate and the validation loss after its steps; infinite where it diverged."""

    rate: float
    loss: float


def search(
    scorer: Scorer,
    train: Sequence[Tokens],
    validation: Sequence[Tokens],
    rates: Sequence[float],
    settings: Settings,
    progress: Progress,
) -> list[Tried]:
    """Try every rate from the same weights, which are put back afterwards."""
    trained = {name: value for name, value in scorer.model.named_parameters() if value.requires_grad}
    before = {name: value.detach().cpu().clone() for name, value in trained.items()}
    lengths = [len(example) for example in train]
    steps = min(_MOST, max(_LEAST, settings.steps // 10))
    batches = batches_of(lengths, settings, 0)
    found = []
    with progress.step("trying learning rates", steps * len(rates), "steps") as advance:
        for rate in rates:
            optimiser = optimiser_of(scorer.model, rate)
            on = next(scorer.model.parameters()).device
            scaler = torch.amp.GradScaler(on.type, enabled=settings.precision == "fp16")
            scorer.model.train()
            loss = 0.0
            for step in range(steps):
                torch.manual_seed(settings.seed * 1_000_003 + step)
                for group in optimiser.param_groups:
                    group["lr"] = rate * share_of_peak(step, steps, 0.1)
                rows = batches[step % len(batches)]
                loss = update(scorer, train, rows, optimiser, scaler, settings.precision)
                advance(1)
                if not math.isfinite(loss):
                    break
            if math.isfinite(loss):
                loss = scorer.mean(validation[:_JUDGES], settings.precision)
            found.append(Tried(rate, loss if math.isfinite(loss) else math.inf))
            with torch.no_grad():
                for name, value in trained.items():
                    value.copy_(before[name])
                    value.grad = None
    scorer.model.eval()
    return found


def chosen(settings: Settings, tried: Sequence[Tried]) -> Settings:
    """The settings with the best rate."""
    return replace(settings, rate=min(tried, key=lambda one: one.loss).rate)
