"""Calibration learns what can be learnt, stays near the prior where little can, and is measured on other questions."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from alih.errors import DataError
from alih.rag.calibrate import best_threshold, calibrate, fit, halves, learn
from alih.rag.confidence import DEFAULT_WEIGHTS, Signals, confidence
from alih.rag.evaluate.measure import Measured
from alih.rag.evaluate.questions import Question
from alih.rag.library import Library
from alih.rag.settings import Retrieval


def sample(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    signals = generator.random((count, 4))
    chance = 1 / (1 + np.exp(-(-3 + 4 * signals[:, 0] + 2 * signals[:, 2])))
    return signals, generator.random(count) < chance


def test_the_fit_is_scikit_learns_where_the_prior_is_zero() -> None:
    signals, answerable = sample(400)
    ours = fit(signals, answerable, [0.0] * 5, strength=2.0)
    theirs = LogisticRegression(C=0.5, tol=1e-10, max_iter=10_000).fit(signals, answerable)
    assert ours == pytest.approx([*theirs.intercept_, *theirs.coef_[0]], abs=1e-4)


def test_few_questions_leave_the_weights_near_the_prior() -> None:
    signals, answerable = sample(12)
    ours = fit(signals, answerable, DEFAULT_WEIGHTS, strength=1000.0)
    assert ours[1:] == pytest.approx(DEFAULT_WEIGHTS[1:], abs=0.05)


def test_questions_that_are_all_alike_in_kind_do_not_break_the_fit() -> None:
    signals, _ = sample(20)
    assert np.isfinite(fit(signals, np.ones(20, bool), DEFAULT_WEIGHTS)).all()


def test_the_threshold_is_the_best_of_all() -> None:
    generator = np.random.default_rng(3)
    sure = generator.random(60)
    answerable = generator.random(60) < sure
    answered = np.where(answerable, generator.random(60) < 0.7, 0).astype(float)
    silent = (~answerable).astype(float)

    def right(cut: float) -> float:
        return float(np.where(sure >= cut, answered, silent).mean())

    assert right(best_threshold(sure, answered, silent)) == max(right(cut) for cut in np.linspace(0, 1.01, 2000))


def test_halves_hold_as_many_of_each_kind() -> None:
    kinds = [True] * 21 + [False] * 40
    first = halves(kinds, 0)
    assert first[:21].sum() == 11
    assert first[21:].sum() == 20
    assert (first == halves(kinds, 0)).all()
    assert (first != halves(kinds, 1)).any()


def test_what_is_learnt_is_measured_on_questions_it_was_not_learnt_from() -> None:
    signals, answerable = sample(400, seed=5)
    questions = [Question("?", ("x",) if one else ()) for one in answerable]
    told = [Signals(*row) for row in signals]
    values = {"holds": np.where(answerable, 1.0, np.nan)}
    found = learn(questions, Measured("", Retrieval(), values, np.ones(400), told), (0.0, 0, 0, 0, 0), 0.9)
    assert found.better
    assert 195 <= found.questions <= 205
    assert found.before.answered == 0
    assert found.after.right > found.before.right + 0.1
    assert found.after.brier < found.before.brier
    held = ~halves([not one for one in answerable], 0)
    sure = np.array([confidence(one, found.weights) for one in told])
    assert found.after.right == pytest.approx(((sure >= found.threshold) == answerable)[held].mean())


def test_too_few_questions_are_refused(handbook: Library) -> None:
    with pytest.raises(DataError, match="there are 3 and 1"):
        calibrate(handbook, [*[Question("x?", ("y",))] * 3, Question("z?", ())])
