"""Costs: the peak is that of the work measured, not of what went before."""

from __future__ import annotations

import sys
import time

import numpy as np
import pytest
import torch
from torch import nn

from alih.training.cost import flops, measure

MEGABYTE = 1_000_000


def test_wall_time_is_measured() -> None:
    with measure() as cost:
        time.sleep(0.05)
    assert cost.seconds >= 0.05


@pytest.mark.skipif(
    sys.platform != "linux" or torch.cuda.is_available(), reason="the peak can be reset on Linux, without a GPU"
)
def test_the_peak_is_of_the_work_inside_and_measurements_nest() -> None:
    def work(megabytes: int) -> None:
        np.ones(megabytes * MEGABYTE // 8).sum()

    work(400)
    with measure() as small:
        work(1)
    with measure() as outer:
        work(400)
        with measure() as inner:
            work(1)
    assert outer.peak_memory_bytes - small.peak_memory_bytes > 300 * MEGABYTE
    assert outer.peak_memory_bytes - inner.peak_memory_bytes > 300 * MEGABYTE


def test_flops_of_a_linear_layer_are_two_per_weight_and_row() -> None:
    class Layer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(30, 20)

        def forward(self, batch: dict[str, torch.Tensor]) -> torch.Tensor:
            return self.linear(batch["features"])

    layer = Layer()
    assert flops(lambda: layer({"features": torch.zeros(7, 30)})) == 2 * 7 * 30 * 20
