"""The bench: the scale of regression targets, limits of length, splits."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from alih.data.read import read
from alih.errors import DataError, ModelError, OptionError
from alih.progress import Progress
from alih.routes.base import Effort
from alih.routes.bench import Bench, ModelChoice, Target, last_linear
from alih.task import Kind, Modality, Task
from small_tasks import prices

NUMBERS = Task(Modality.TEXT, Kind.REGRESSION)


def test_scaled_labels_have_mean_zero_and_deviation_one() -> None:
    labels = np.random.default_rng(0).normal(150_000, 20_000, 200)
    target = Target.of(NUMBERS, labels, centre=True)
    scaled = target.scale(NUMBERS, labels)
    assert abs(float(scaled.mean())) < 1e-5
    assert abs(float(scaled.std()) - 1) < 1e-5
    np.testing.assert_allclose(target.unscale(scaled), labels, rtol=1e-6)


def test_labels_of_classes_are_left_alone() -> None:
    task = Task(Modality.TEXT, Kind.SINGLE, ("a", "b"))
    labels = np.array([0, 1, 1])
    assert Target.of(task, labels, centre=True) == Target()
    assert Target().scale(task, labels) is labels


def test_equal_labels_do_not_divide_by_zero() -> None:
    assert Target.of(NUMBERS, np.full(5, 3.0), centre=True) == Target(3.0, 1.0)


def test_folding_the_scale_into_the_head_gives_predictions_in_the_labels_unit() -> None:
    torch.manual_seed(0)
    head, features = nn.Sequential(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 1)), torch.randn(8, 4)
    target = Target(150_000.0, 20_000.0)
    before = head(features).detach()
    target.fold(head)
    np.testing.assert_allclose(head(features).detach().numpy(), target.unscale(before.numpy()), rtol=1e-6)
    target.unfold(head)
    torch.testing.assert_close(head(features).detach(), before, atol=1e-4, rtol=1e-4)


def test_a_head_without_a_linear_layer_is_refused() -> None:
    with pytest.raises(ModelError, match="no linear layer"):
        last_linear(nn.Sequential(nn.ReLU()))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return prices(tmp_path_factory.mktemp("data") / "prices.csv")


def test_longer_texts_than_the_model_takes_are_refused(data: Path, tiny_bert: Path) -> None:
    with pytest.raises(OptionError, match=r"--max-length 4000: .* takes at most 48 tokens"):
        Bench(read(data), ModelChoice(str(tiny_bert)), None, max_length=4000, progress=Progress(quiet=True))


def test_an_empty_split_is_refused(data: Path, tiny_bert: Path) -> None:
    dataset = read(data)
    empty = replace(dataset, validation=dataset.validation.select([]))
    with pytest.raises(DataError, match="a split is empty"):
        Bench(empty, ModelChoice(str(tiny_bert)), None, progress=Progress(quiet=True))


def test_epochs_grow_as_data_shrink_within_bounds() -> None:
    effort = Effort(least_epochs=3, most_epochs=10, least_steps=120, patience=None)
    assert [effort.epochs(size, 32) for size in (100_000, 640, 10)] == [3, 6, 10]
    assert effort.epochs(10, 32, share=0.01) == 1
