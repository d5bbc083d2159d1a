"""The ranking loss, in closed form."""

from __future__ import annotations

import math

import pytest
import torch

from alih.tasks.retrieval.loss import SCALE, ranking_loss


def test_the_loss_is_the_mean_negative_log_softmax_of_scaled_cosines() -> None:
    generator = torch.Generator().manual_seed(0)
    questions = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    passages = torch.randn(4, 5, generator=generator, dtype=torch.float64)
    expected = 0.0
    for row in range(3):
        cosines = [float(torch.cosine_similarity(questions[row], passages[column], dim=0)) for column in range(4)]
        total = sum(math.exp(SCALE * one) for one in cosines)
        expected -= math.log(math.exp(SCALE * cosines[row]) / total) / 3
    none = torch.zeros(3, 4, dtype=torch.bool)
    assert float(ranking_loss(questions, passages, none)) == pytest.approx(expected, rel=1e-12)


def test_a_forbidden_passage_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(1)
    questions, passages = torch.randn(2, 4, generator=generator), torch.randn(3, 4, generator=generator)
    forbidden = torch.tensor([[False, False, True], [False, False, True]])
    alone = ranking_loss(questions, passages[:2], torch.zeros(2, 2, dtype=torch.bool))
    torch.testing.assert_close(ranking_loss(questions, passages, forbidden), alone)
