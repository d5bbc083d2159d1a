"""The loss of each kind of label equals torch's own."""

from __future__ import annotations

import torch
from torch import nn

from alih.training.loss import loss

from .heads import MULTI, REGRESSION, SINGLE


def test_losses_equal_those_of_torch() -> None:
    scores = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
    classes = torch.tensor([0, 2, 1, 1, 0, 2])
    several = torch.nn.functional.one_hot(classes, 3).float()
    torch.testing.assert_close(loss(SINGLE, scores, classes), nn.CrossEntropyLoss()(scores, classes))
    torch.testing.assert_close(loss(MULTI, scores, several), nn.BCEWithLogitsLoss()(scores, several))
    values = classes.float()
    torch.testing.assert_close(loss(REGRESSION, scores[:, :1], values), nn.MSELoss()(scores[:, 0], values))


def test_regression_does_not_broadcast_batch_against_batch() -> None:
    assert loss(REGRESSION, torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 2.0])).item() == 0.0


def test_half_precision_scores_are_judged_in_fp32() -> None:
    assert loss(SINGLE, torch.zeros(2, 3, dtype=torch.bfloat16), torch.tensor([0, 1])).dtype == torch.float32
