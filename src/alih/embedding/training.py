"""Training of an embedding model: judged by what it finds for validation questions, best weights kept, resumable."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from alih import interrupt
from alih.embedding.loss import false_negatives, ranking_loss
from alih.embedding.pairs import Pair
from alih.errors import RunError
from alih.progress import Progress
from alih.rag.embed import Embedder
from alih.training.memory import out_of_memory_in_words
from alih.training.schedule import share_of_peak
from alih.transformer.checkpoint import load_state, save_state

Stopped = Literal["deadline", "interrupted", "diverged"]
_LOOKS = 5
_WARMUP = 0.1
#: Steps of one trial of the search, at least and at most; a tenth of the training between.
_LEAST_TRIED, _MOST_TRIED = 4, 30


@dataclass(frozen=True)
class Settings:
    """How to train.

    Args:
        epochs: passes over the pairs.
        rate: peak learning rate.
        batch: pairs a step.
        seed: of dropout and the order of pairs.
    """

    epochs: int
    rate: float
    batch: int
    seed: int


@dataclass(frozen=True)
class Point:
    """One look at the validation questions.

    Args:
        step: updates made.
        train_loss: mean since the last look; None before the first step.
        score: mean reciprocal rank among the first ten.
        seconds: of training until then.
    """

    step: int
    train_loss: float | None
    score: float
    seconds: float


@dataclass(frozen=True)
class Outcome:
    """How training went; the model holds the best weights."""

    curve: tuple[Point, ...]
    best_step: int
    steps: int
    seconds: float
    stopped: Stopped | None


Look = Callable[[], float]


def batches(pairs: Sequence[Pair], size: int, seed: int) -> list[list[int]]:
    """The batches of an epoch, whole ones of at least two pairs; the same question is in one batch but once."""
    order = np.random.default_rng(seed).permutation(len(pairs)).tolist()
    found: list[list[int]] = []
    held: list[set[str]] = []
    open_from = 0
    for number in order:
        question = pairs[number].question
        place = next(
            (at for at in range(open_from, len(found)) if len(found[at]) < size and question not in held[at]), None
        )
        if place is None:
            found.append([number])
            held.append({question})
        else:
            found[place].append(number)
            held[place].add(question)
        while open_from < len(found) and len(found[open_from]) == size:
            open_from += 1
    return [batch for batch in found if len(batch) > 1]


class Trainer:
    """One training.

    Args:
        embedder: the model, in which the route's parameters train.
        pairs: to learn from.
        negatives: of each pair.
        look: scores the validation questions.
        settings: how to train.
        state: file that the state is kept in; where it exists, training goes on from it.
        progress: where to report.

    Raises:
        RunError: the state is damaged, or of other data or settings.
    """

    def __init__(
        self,
        embedder: Embedder,
        pairs: Sequence[Pair],
        negatives: Sequence[tuple[str, ...]],
        look: Look,
        settings: Settings,
        state: Path,
        progress: Progress,
    ) -> None:
        self.embedder, self.pairs, self.negatives = embedder, pairs, negatives
        self.settings, self.progress = settings, progress
        self._look_at, self._path = look, state
        self._trained = {name: value for name, value in embedder.model.named_parameters() if value.requires_grad}
        self._answers: dict[str, set[str]] = {}
        for pair in pairs:
            self._answers.setdefault(pair.question, set()).add(pair.passage)
        self._adam = self._optimiser(settings.rate)
        self._curve: list[Point] = []
        self._best: dict[str, Tensor] | None = None
        self._step, self._best_step, self._seconds = 0, 0, 0.0
        self._losses: list[float] = []

    def search(self, rates: Sequence[float], validation: Callable[[], float], seconds: float | None) -> float:
        """Try every rate for a few steps from the same weights; the one with the lowest loss on validation pairs.

        Args:
            rates: to try.
            validation: gives the loss on validation pairs.
            seconds: after so many, what was tried decides, and the middle rate where that is none.
        """
        start = time.monotonic()
        middle = rates[len(rates) // 2]
        before = {name: value.detach().clone() for name, value in self._trained.items()}
        plan = batches(self.pairs, self.settings.batch, self.settings.seed)
        steps = min(_MOST_TRIED, max(_LEAST_TRIED, self.settings.epochs * len(plan) // 10))
        found: dict[float, float] = {}
        with self.progress.step("trying learning rates", steps * len(rates), "steps") as advance:
            for rate in rates:
                adam = self._optimiser(rate)
                self.embedder.model.train()
                for step in range(steps):
                    torch.manual_seed(self.settings.seed * 1_000_003 + step)
                    self._update(adam, plan[step % len(plan)], rate * share_of_peak(step, steps, _WARMUP))
                    advance(1)
                    interrupt.check()
                    if seconds is not None and time.monotonic() - start >= seconds:
                        self._put(before)
                        return min(found, key=lambda rate: found[rate]) if found else middle
                self.embedder.model.eval()
                found[rate] = validation()
                self._put(before)
        return min(found, key=lambda rate: found[rate] if math.isfinite(found[rate]) else math.inf)

    def fit(self, rate: float, deadline: float | None) -> Outcome:
        """Train; Ctrl-C, the deadline and a loss that is no number end it with the best weights so far."""
        self.settings = replace(self.settings, rate=rate)
        self._fingerprint = self._digest()
        self._resume()
        stopped: Stopped | None
        try:
            with out_of_memory_in_words("training the embedding model"):
                stopped = self._train(deadline)
        except KeyboardInterrupt:
            if self._best is None:
                raise
            stopped = "interrupted"
            interrupt.answered()
        assert self._best is not None
        self._put(self._best)
        self.embedder.model.eval()
        return Outcome(tuple(self._curve), self._best_step, self._step, self._seconds, stopped)

    def loss(self, pairs: Sequence[Pair]) -> float:
        """Mean ranking loss of pairs, without their hard negatives and without learning."""
        answers: dict[str, set[str]] = {}
        for pair in pairs:
            answers.setdefault(pair.question, set()).add(pair.passage)
        total, count = 0.0, 0
        with torch.no_grad():
            for batch in batches(pairs, self.settings.batch, 0):
                some = [pairs[number] for number in batch]
                total += float(self._loss(some, [()] * len(some), answers)) * len(some)
                count += len(some)
        return total / count if count else math.nan

    def _train(self, deadline: float | None) -> Stopped | None:
        settings, start = self.settings, time.monotonic() - self._seconds
        size = len(batches(self.pairs, settings.batch, settings.seed * 100_003))
        total = settings.epochs * size
        every = max(1, -(-total // _LOOKS))
        if not self._curve:
            self._look()
        self.embedder.model.train()
        with self.progress.step("training the embedding model", total - self._step, "steps") as advance:
            while self._step < total:
                epoch, place = divmod(self._step, size)
                plan = batches(self.pairs, settings.batch, settings.seed * 100_003 + epoch)
                batch = plan[place % len(plan)]
                torch.manual_seed(settings.seed * 1_000_003 + self._step)  # dropout
                rate = settings.rate * share_of_peak(self._step, total, _WARMUP)
                loss = self._update(self._adam, batch, rate)
                if not math.isfinite(loss):
                    return "diverged"
                self._losses.append(loss)
                self._step += 1
                self._seconds = time.monotonic() - start
                if self._step % every == 0 or self._step == total:
                    self._look()
                    self._save()
                    self.embedder.model.train()
                advance(1)
                interrupt.check()
                if deadline is not None and time.monotonic() >= deadline and self._step < total:
                    self._save()
                    self._look()
                    return "deadline"
        return None

    def _update(self, adam: torch.optim.AdamW, batch: Sequence[int], rate: float) -> float:
        for group in adam.param_groups:
            group["lr"] = rate
        loss = self._loss(
            [self.pairs[number] for number in batch], [self.negatives[number] for number in batch], self._answers
        )
        value = float(loss.detach())
        adam.zero_grad()
        if not math.isfinite(value):
            return value
        loss.backward()  # type: ignore[no-untyped-call]
        norm = float(torch.nn.utils.clip_grad_norm_(list(self._trained.values()), 1.0))
        if not math.isfinite(norm):
            return norm
        adam.step()
        return value

    def _loss(
        self, pairs: Sequence[Pair], negatives: Sequence[tuple[str, ...]], answers: dict[str, set[str]]
    ) -> Tensor:
        recipe = self.embedder.recipe
        questions = [pair.question for pair in pairs]
        hard = list(dict.fromkeys(text for some in negatives for text in some))
        passages = [*(pair.passage for pair in pairs), *hard]
        asked = self.embedder.pooled(questions, recipe.query_prompt)
        told = self.embedder.pooled(passages, recipe.passage_prompt)
        return ranking_loss(asked, told, false_negatives(questions, passages, answers).to(asked.device))

    def _look(self) -> None:
        self.embedder.model.eval()
        score = self._look_at()
        mean = float(np.mean(self._losses)) if self._losses else None
        told = "" if mean is None else f", training loss {mean:.3f}"
        self.progress.say(f"  step {self._step:,}: validation MRR@10 {score:.3f}{told}")
        if self._best is None or score > max(point.score for point in self._curve):
            self._best = {name: value.detach().cpu().clone() for name, value in self._trained.items()}
            self._best_step = self._step
        self._curve.append(Point(self._step, mean, score, self._seconds))
        self._losses = []

    def _optimiser(self, rate: float) -> torch.optim.AdamW:
        return torch.optim.AdamW(list(self._trained.values()), lr=rate, weight_decay=0.01, foreach=True)

    @torch.no_grad()
    def _put(self, weights: dict[str, Tensor]) -> None:
        for name, value in self._trained.items():
            value.copy_(weights[name])
            value.grad = None

    def _save(self) -> None:
        save_state(
            self._path,
            {
                "fingerprint": self._fingerprint,
                "weights": {name: value.detach() for name, value in self._trained.items()},
                "adam": self._adam.state_dict(),
                "best": self._best,
                "place": (self._step, self._best_step, self._seconds),
                "losses": self._losses,
                "curve": [asdict(point) for point in self._curve],
            },
        )

    def _resume(self) -> None:
        state = load_state(self._path)
        if state is None:
            return
        if state.get("fingerprint") != self._fingerprint:
            raise RunError(f"{self._path}: the state of other data or options; delete it to start afresh.")
        self._put(state["weights"])
        self._adam.load_state_dict(state["adam"])
        self._best, self._losses = state["best"], state["losses"]
        self._step, self._best_step, self._seconds = state["place"]
        self._curve = [Point(**point) for point in state["curve"]]

    def _digest(self) -> str:
        told = sha256(repr((sorted(asdict(self.settings).items()), list(self._trained))).encode())
        for pair, negatives in zip(self.pairs, self.negatives, strict=True):
            told.update(repr((pair.question, pair.passage, negatives)).encode())
        return told.hexdigest()


def forget(state: Path) -> None:
    """Delete a state that is no longer needed."""
    with suppress(FileNotFoundError):
        state.unlink()
