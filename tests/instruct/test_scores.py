"""Scores of written answers, worked by hand and by the papers' own examples."""

from __future__ import annotations

import math

import pytest

from alih.instruct.scores import exact_match, longest_common, rouge_l, score, token_f1


def test_rouge_l_equals_the_example_of_the_paper() -> None:
    # Lin 2004, section 3: S2 has ROUGE-L 3/4, S3 2/4 ("the gunman kill" differs), S4 2/4 with β = 1
    reference = "police killed the gunman"
    assert rouge_l("police kill the gunman", reference) == pytest.approx(0.75)
    assert rouge_l("the gunman kill police", reference) == pytest.approx(0.5)
    assert rouge_l("the gunman police killed", reference) == pytest.approx(0.5)


def test_token_f1_counts_words_with_repetition() -> None:
    # 2 common words ("the" once, "cat"); precision 2/3, recall 2/2
    assert token_f1("The the cat!", "the cat") == pytest.approx(2 * (2 / 3) * 1 / (2 / 3 + 1))
    assert token_f1("dog", "cat") == 0
    assert token_f1("?", "!") == 1


def test_exact_match_looks_past_white_space_alone() -> None:
    assert exact_match(" a  b\n", "a b") == 1
    assert exact_match("A b", "a b") == 0


def test_the_longest_common_subsequence_need_not_be_in_one_piece() -> None:
    assert longest_common("abcbdab", "bdcaba") == 4


def test_scores_have_means_intervals_and_perplexity() -> None:
    found = score(2, ["a", "b"], ["a", "c"], math.log(3))
    assert found.means["exact_match"] == 0.5
    assert found.intervals["exact_match"] == (0.0, 1.0)
    assert found.perplexity == pytest.approx(3)
