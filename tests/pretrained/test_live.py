"""Memory without data: what is followed on tensors without data is what real tensors hold."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from alih.pretrained.live import ON_HEAP, LiveMemory


def test_a_chain_of_products_holds_what_the_backward_pass_needs() -> None:
    width, rows = 64, 32
    with FakeTensorMode():
        weights = [torch.zeros(width, width, requires_grad=True) for _ in range(3)]
        x = torch.zeros(rows, width)
        live = LiveMemory([*weights, x])
        with live:
            for weight in weights:
                x = x @ weight
    assert live.now == 3 * 4 * rows * width  # each product's output is the next one's input


def test_what_dies_is_no_longer_counted_and_shared_storage_counts_once() -> None:
    live = LiveMemory()
    with live:
        a = torch.zeros(1000)
        views = [a[:10], a.view(10, 100)]
        assert live.now == 4000
        del a, views
        assert live.now == 0
        b = torch.zeros(10)
    assert live.peak == live.peak_on_heap == 4000
    assert b.shape == (10,)


def test_large_blocks_are_not_on_the_heap() -> None:
    with FakeTensorMode():
        live = LiveMemory()
        with live:
            large = torch.zeros(ON_HEAP // 4 + 1)
            small = torch.zeros(5)
    assert live.peak_on_heap == 20
    assert live.peak == large.nbytes + small.nbytes


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_a_step_without_data_holds_what_a_real_step_holds(dropout: float) -> None:
    def step() -> tuple[int, int]:
        torch.manual_seed(0)
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=dropout, batch_first=True).train()
        x = torch.zeros(2, 5, 16)
        live = LiveMemory([*layer.parameters(), x])
        with live:
            loss = layer(x).sum()
            held = live.now
            loss.backward()
        return held, live.peak

    with FakeTensorMode():
        without_data = step()
    assert without_data == step()
