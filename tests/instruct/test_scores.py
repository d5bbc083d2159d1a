"""Scores of written answers: every metric with its interval, and the perplexity of all reference answers."""

from __future__ import annotations

import math

import pytest

from alih.instruct.scores import score


def test_scores_have_values_intervals_and_perplexity() -> None:
    losses = [(2 * math.log(3), 2), (math.log(27), 1)]
    found = score(2, ["a", "b"], ["a", "c"], losses)
    assert found.value("exact_match") == 0.5
    assert (found.intervals["exact_match"].low, found.intervals["exact_match"].high) == (0.0, 1.0)
    assert found.loss == pytest.approx(math.log(243) / 3)
    assert found.perplexity == found.values["perplexity"] == pytest.approx(math.exp(found.loss))
    assert found.intervals["perplexity"].low == pytest.approx(3)
    assert found.intervals["perplexity"].high == pytest.approx(27)


def test_plain_text_has_perplexity_alone() -> None:
    found = score(3, [], [], [(math.log(2), 1)] * 3)
    assert found.values == {"perplexity": pytest.approx(2)}
    assert found.as_dict()["answered"] == 0


def test_answers_that_are_all_equally_good_have_no_interval() -> None:
    found = score(3, ["a b", "a c", "a d"], ["a x"] * 3, [(1.0, 1), (1.0, 1), (1.0, 1)])
    assert "rouge_l      0.5000   95 % interval not known: every resample scores the same" in str(found)
    assert found.intervals["exact_match"].has_width, "none of three right is not certainty"
