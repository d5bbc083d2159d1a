"""Calibration: how sure a library has to be to answer, learnt from questions with and without an answer in it.

The confidence is a logistic regression on four signals (`alih.rag.confidence.Signals`). Its weights are fitted with a
Gaussian prior around the ones that Alih comes with, so that a few dozen questions move them only as far as they can
tell: the maximum of Σ log p(yᵢ | xᵢ, w) − λ/2 ‖w − w₀‖² (Bishop 2006, section 4.3 and 4.5), by Newton's method.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih.data.messages import counted
from alih.errors import DataError
from alih.metrics.base import mean_of
from alih.metrics.bootstrap import Difference
from alih.rag.answer import DEFAULT_THRESHOLD
from alih.rag.confidence import Signals, confidence
from alih.rag.evaluate.evaluation import checked
from alih.rag.evaluate.measure import Measured, Reader, difference, measure
from alih.rag.evaluate.questions import Question
from alih.rag.evaluate.remember import Remembering
from alih.rag.generator import Generator
from alih.rag.opened import Opened

Values = NDArray[np.float64]
#: Questions of each kind that are needed at least.
LEAST = 10
_PRIOR = 0.5
#: Questions treated rightly: answered where there is an answer, and not where there is none.
_RIGHT = mean_of("right", is_share=True, in_points=True)
_STEPS = 50


@dataclass(frozen=True)
class Outcome:
    """How a threshold did on questions.

    Args:
        right: share of questions that were treated rightly: an answer that holds the right one where there is one, none
            given where there is none.
        precision, recall: of "not in the documents".
        answered: share of questions that were answered.
        brier: mean squared error of the confidence as a probability that there is an answer.
    """

    right: float
    precision: float
    recall: float
    answered: float
    brier: float


@dataclass(frozen=True)
class Calibration:
    """What was learnt, and what it is worth on questions that it was not learnt from.

    Args:
        weights: of the signals.
        threshold: confidence below which there is no answer.
        before, after: on the held-out half.
        gain: after − before in `right`, paired.
        questions: on the held-out half.
        better: whether it is worth keeping: not fewer questions treated rightly than before.
    """

    weights: tuple[float, ...]
    threshold: float
    before: Outcome
    after: Outcome
    gain: Difference
    questions: int
    better: bool

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "weights": list(self.weights),
            "threshold": self.threshold,
            "before": vars(self.before),
            "after": vars(self.after),
            "gain": vars(self.gain),
            "questions": self.questions,
            "kept": self.better,
        }

    def __str__(self) -> str:
        rows = [f"on {counted(self.questions, 'question')} that nothing was learnt from", f"{'':<34}before   after"]
        for told, name in (
            ("questions treated rightly", "right"),
            ("questions answered", "answered"),
            ('"not in the documents": precision', "precision"),
            ('"not in the documents": recall', "recall"),
            ("error of the confidence (Brier)", "brier"),
        ):
            rows.append(f"{told:<34}{getattr(self.before, name):>6.3f}  {getattr(self.after, name):>6.3f}")
        gap = self.gain
        rows.append(f"treated rightly: {gap.point:+.3f} ({gap.words('+.3f')}, paired, 95 %)")
        kept = f"kept: no answer below a confidence of {self.threshold:.2f}"
        rows.append(kept if self.better else "not kept: the library stays as it was")
        return "\n".join(rows)


def fit(
    signals: Values, answerable: NDArray[np.bool_], prior: Sequence[float], *, strength: float = _PRIOR
) -> tuple[float, ...]:
    """Fit intercept and weights.

    Args:
        signals: (questions, signals).
        answerable: whether the documents hold an answer, (questions,).
        prior: intercept and weights to stay near to.
        strength: λ of the prior; the intercept has none.
    """
    columns = np.column_stack([np.ones(len(signals)), signals])
    centre = np.asarray(prior, float)
    pull = np.diag([1e-6, *[strength] * signals.shape[1]])
    weights = centre.copy()
    for _ in range(_STEPS):
        chance = 1 / (1 + np.exp(-np.clip(columns @ weights, -50, 50)))
        slope = columns.T @ (chance - answerable) + pull @ (weights - centre)
        curve = columns.T @ (columns * (chance * (1 - chance))[:, None]) + pull
        step = np.linalg.solve(curve, slope)
        weights -= step * min(1.0, 5.0 / max(float(np.abs(step).max()), 1e-12))
        if np.abs(step).max() < 1e-9:
            break
    return tuple(float(one) for one in weights)


def best_threshold(sure: Values, answered: Values, silent: Values) -> float:
    """The threshold with the most questions treated rightly; of several, the one nearest to one half.

    Args:
        sure: confidence of each question.
        answered, silent: 1 where the question is treated rightly if it is answered, or if it is not.
    """
    levels = np.unique(sure)
    cuts = np.concatenate([[0.0], (levels[1:] + levels[:-1]) / 2, [min(levels[-1] + 0.01, 1.0)]])
    right = np.array([np.where(sure >= cut, answered, silent).mean() for cut in cuts])
    best = cuts[right >= right.max() - 1e-12]
    return float(best[np.argmin(np.abs(best - 0.5))])


def calibrate(
    library: Opened,
    questions: Sequence[Question],
    *,
    reader: Reader | None = None,
    generator: Generator | None = None,
    seed: int = 0,
) -> Calibration:
    """Learn weights and threshold from one half of the questions, and measure them on the other.

    Nothing is written; `alih.rag.library.Library.configure` takes `weights` and `threshold`.

    Args:
        library: as it is configured now.
        questions: with answers; those of which it is not known do not count.
        reader, generator: as for `alih.rag.evaluate.measure.measure`.
        seed: of the halves.

    Raises:
        DataError: fewer than ten questions with an answer, or without.
    """
    known = [one for one in checked(library, questions) if one.answers is not None]
    without = sum(one.unanswerable for one in known)
    if min(without, len(known) - without) < LEAST:
        raise DataError(
            f"calibration needs at least {LEAST} questions with an answer and {LEAST} whose answer is in none of the "
            f'documents ("answer": ""); there are {len(known) - without} and {without}. Write some more.'
        )
    found = measure(
        Remembering(library),
        "own",
        library.settings.retrieval,
        known,
        depth=1,
        reader=reader,
        generator=generator,
        threshold=0.0,
    )
    return learn(known, found, library.settings.weights, library.settings.threshold, seed=seed)


def learn(
    questions: Sequence[Question],
    found: Measured,
    weights: Sequence[float],
    threshold: float | None,
    *,
    seed: int = 0,
) -> Calibration:
    """The same from questions that were asked already, with a threshold of zero.

    Args:
        questions: all with known answers.
        found: how they were answered.
        weights, threshold: as they are now.
        seed: of the halves.
    """
    signals = np.array([one.values() for one in found.signals])
    answerable = np.array([not one.unanswerable for one in questions])
    answered = np.where(answerable, np.nan_to_num(found.values["holds"]), 0.0)
    silent = np.where(answerable, 0.0, 1.0)
    first = halves([one.unanswerable for one in questions], seed)
    fresh = fit(signals[first], answerable[first], weights)
    cut = best_threshold(_sure(found.signals, fresh)[first], answered[first], silent[first])
    old = DEFAULT_THRESHOLD if threshold is None else threshold
    rest = ~first
    before = _outcome(_sure(found.signals, weights)[rest], old, answered[rest], silent[rest])
    after = _outcome(_sure(found.signals, fresh)[rest], cut, answered[rest], silent[rest])
    gain = difference(_RIGHT, after[1], before[1])
    return Calibration(fresh, cut, before[0], after[0], gain, int(rest.sum()), gain.point >= 0)


def halves(kinds: Sequence[bool], seed: int) -> NDArray[np.bool_]:
    """Which questions are learnt from: every second one of each kind, in a random order: (questions,)."""
    chosen = np.zeros(len(kinds), bool)
    generator = np.random.default_rng(seed)
    for kind in (False, True):
        rows = generator.permutation(np.flatnonzero(np.asarray(kinds, bool) == kind))
        chosen[rows[::2]] = True
    return chosen


def _sure(signals: Sequence[Signals], weights: Sequence[float]) -> Values:
    return np.array([confidence(one, weights) for one in signals])


def _outcome(sure: Values, threshold: float, answered: Values, silent: Values) -> tuple[Outcome, Values]:
    told = sure >= threshold
    right = np.where(told, answered, silent)
    none = silent > 0
    quiet = ~told
    return Outcome(
        float(right.mean()),
        float(none[quiet].mean()) if quiet.any() else float("nan"),
        float(quiet[none].mean()) if none.any() else float("nan"),
        float(told.mean()),
        float(np.mean((sure - (1 - silent)) ** 2)),
    ), right
