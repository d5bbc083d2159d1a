"""The scale of regression targets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from alih.errors import ModelError
from alih.task import Kind, Modality, Task
from alih.tasks.classification.scaling import Scaling, last_linear

NUMBERS = Task(Modality.TEXT, Kind.REGRESSION)


def test_scaled_labels_have_mean_zero_and_deviation_one() -> None:
    labels = np.random.default_rng(0).normal(150_000, 20_000, 200)
    target = Scaling.of(NUMBERS, labels, centre=True)
    scaled = target.scale(NUMBERS, labels)
    assert abs(float(scaled.mean())) < 1e-5
    assert abs(float(scaled.std()) - 1) < 1e-5
    np.testing.assert_allclose(target.unscale(scaled), labels, rtol=1e-6)


def test_labels_of_classes_are_left_alone() -> None:
    task = Task(Modality.TEXT, Kind.SINGLE, ("a", "b"))
    labels = np.array([0, 1, 1])
    assert Scaling.of(task, labels, centre=True) == Scaling()
    assert Scaling().scale(task, labels) is labels


def test_equal_labels_do_not_divide_by_zero() -> None:
    assert Scaling.of(NUMBERS, np.full(5, 3.0), centre=True) == Scaling(3.0, 1.0)


def test_folding_the_scale_into_the_head_gives_predictions_in_the_labels_unit() -> None:
    torch.manual_seed(0)
    head, features = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1)), torch.randn(8, 4)
    target = Scaling(150_000.0, 20_000.0)
    before = head(features).detach()
    target.fold(head)
    np.testing.assert_allclose(head(features).detach().numpy(), target.unscale(before.numpy()), rtol=1e-6)
    target.unfold(head)
    torch.testing.assert_close(head(features).detach(), before, atol=1e-4, rtol=1e-4)


def test_a_head_without_a_linear_layer_is_refused() -> None:
    with pytest.raises(ModelError, match="no linear layer"):
        last_linear(nn.Sequential(nn.ReLU()))
