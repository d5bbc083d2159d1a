"""The loss against PyTorch's own, and its hand-written gradient against finite differences."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from alih.transformer import cross_entropy as module
from alih.transformer.cross_entropy import smoothed_cross_entropy


@settings(deadline=None, max_examples=60)
@given(
    rows=st.integers(1, 20),
    vocabulary=st.integers(2, 30),
    smoothing=st.sampled_from([0.0, 0.1, 0.5]),
    group=st.integers(1, 200),
    seed=st.integers(0, 10**6),
)
def test_value_and_gradient_are_those_of_pytorch(
    rows: int, vocabulary: int, smoothing: float, group: int, seed: int
) -> None:
    torch.manual_seed(seed)
    logits = 5 * torch.randn(rows, vocabulary)
    labels = torch.randint(0, vocabulary, (rows,))
    labels[1:][torch.rand(rows - 1) < 0.3] = -100
    here, there = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_GROUP", group)
        mine = smoothed_cross_entropy(here, labels, smoothing)
        (3 * mine).backward()
    theirs = F.cross_entropy(there, labels, label_smoothing=smoothing)
    (3 * theirs).backward()
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(here.grad, there.grad, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_the_gradient_agrees_with_finite_differences(smoothing: float) -> None:
    torch.manual_seed(0)
    logits = torch.randn(5, 7, dtype=torch.float64, requires_grad=True)
    labels = torch.tensor([0, 6, -100, 3, 3])
    assert torch.autograd.gradcheck(lambda z: smoothed_cross_entropy(z, labels, smoothing), (logits,))


def test_no_label_at_all_is_no_number_as_in_pytorch() -> None:
    assert smoothed_cross_entropy(torch.randn(2, 3), torch.tensor([-100, -100]), 0.1).isnan()


def test_a_second_backward_gives_the_same_gradient() -> None:
    logits = torch.randn(3, 4, requires_grad=True)
    loss = smoothed_cross_entropy(logits, torch.tensor([1, 2, 3]), 0.1)
    first, second = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for _ in range(2))
    assert torch.equal(first, second)
