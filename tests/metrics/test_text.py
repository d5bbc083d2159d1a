"""Scores of written answers, worked by hand and by the papers' own examples."""

from __future__ import annotations

import math

import numpy as np
import pytest

from alih.metrics.names import named
from alih.metrics.text import PERPLEXITY, exact_match, final_answer, longest_common, rouge_l, statistics, token_f1


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


def test_the_final_answer_is_what_stands_behind_the_reasoning() -> None:
    assert final_answer("2 + 2 is 4, so\n#### 4.") == "4"
    assert final_answer("<think>hm</think> Paris") == "paris"


def test_tables_are_scores_and_counts() -> None:
    tables = statistics(["a b", "#### 7"], ["a c", "The answer is 7"])
    assert tables["exact_match"].tolist() == [[0, 1], [0, 1]]
    assert named("token_f1").score(tables["token_f1"]) == pytest.approx((0.5 + 2 / 5) / 2)
    assert named("final_answer").score(tables["final_answer"]) == 0.5


def test_perplexity_is_that_of_all_tokens_and_not_the_mean_of_the_examples() -> None:
    table = np.array([[10 * math.log(3), 10.0], [math.log(9), 1.0]])
    assert PERPLEXITY.score(table) == pytest.approx(math.exp((10 * math.log(3) + math.log(9)) / 11))
    assert math.isfinite(PERPLEXITY.score(np.array([[1e9, 1.0]])))
