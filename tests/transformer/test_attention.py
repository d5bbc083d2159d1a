"""Attention against PyTorch's own, and what must hold of any attention."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from transformers import BertConfig
from transformers.models.bert.modeling_bert import BertSelfAttention

from alih.errors import ModelError
from alih.transformer.attention import MultiHeadAttention, attention, attention_weights, causal_mask, padding_mask


def copied(reference: nn.MultiheadAttention) -> MultiHeadAttention:
    """Our attention with the weights of PyTorch's."""
    ours = MultiHeadAttention(reference.embed_dim, reference.num_heads)
    weights, biases = reference.in_proj_weight.chunk(3), reference.in_proj_bias.chunk(3)
    with torch.no_grad():
        for projection, weight, bias in zip((ours.q_proj, ours.k_proj, ours.v_proj), weights, biases, strict=True):
            projection.weight.copy_(weight)
            projection.bias.copy_(bias)
        ours.out_proj.load_state_dict(reference.out_proj.state_dict())
    return ours


@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("padded", [False, True])
@pytest.mark.parametrize("return_weights", [False, True])
def test_equals_pytorchs_multihead_attention_forwards_and_backwards(
    causal: bool, padded: bool, return_weights: bool
) -> None:
    torch.manual_seed(0)
    reference = nn.MultiheadAttention(32, 4, batch_first=True)
    nn.init.normal_(reference.in_proj_bias)
    ours = copied(reference)
    x = torch.randn(3, 7, 32)
    here, there = x.clone().requires_grad_(), x.clone().requires_grad_()
    tokens = torch.arange(7) < torch.tensor([7, 5, 2])[:, None]
    theirs, their_weights = reference(
        there,
        there,
        there,
        key_padding_mask=~tokens if padded else None,
        attn_mask=~causal_mask(7, 7) if causal else None,
        average_attn_weights=False,
    )
    mine, weights = ours(
        here, mask=padding_mask(tokens) if padded else None, causal=causal, return_weights=return_weights
    )
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)
    if return_weights:
        torch.testing.assert_close(weights, their_weights, atol=1e-5, rtol=0)
    else:
        assert weights is None
    direction = torch.randn_like(mine)
    mine.backward(direction)
    theirs.backward(direction)
    torch.testing.assert_close(here.grad, there.grad, atol=1e-5, rtol=0)
    gradient = torch.cat([p.weight.grad for p in (ours.q_proj, ours.k_proj, ours.v_proj)])
    torch.testing.assert_close(gradient, reference.in_proj_weight.grad, atol=2e-5, rtol=1e-5)


def test_attention_to_a_memory_equals_pytorchs() -> None:
    torch.manual_seed(1)
    reference = nn.MultiheadAttention(16, 2, batch_first=True)
    hidden, memory = torch.randn(2, 4, 16), torch.randn(2, 6, 16)
    tokens = torch.arange(6) < torch.tensor([6, 3])[:, None]
    theirs, _ = reference(hidden, memory, memory, key_padding_mask=~tokens)
    mine, _ = copied(reference)(hidden, memory, padding_mask(tokens))
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)


def test_equals_the_self_attention_of_bert() -> None:
    torch.manual_seed(2)
    config = BertConfig(hidden_size=32, num_attention_heads=4, attn_implementation="eager")
    bert = BertSelfAttention(config).eval()
    ours = MultiHeadAttention(32, 4)
    ours.q_proj.load_state_dict(bert.query.state_dict())
    ours.k_proj.load_state_dict(bert.key.state_dict())
    ours.v_proj.load_state_dict(bert.value.state_dict())
    with torch.no_grad():
        ours.out_proj.weight.copy_(torch.eye(32))
        ours.out_proj.bias.zero_()
    hidden = torch.randn(2, 5, 32)
    theirs, their_weights = bert(hidden)[:2]
    mine, weights = ours(hidden, return_weights=True)
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=0)
    torch.testing.assert_close(weights, their_weights, atol=1e-5, rtol=0)


@settings(deadline=None, max_examples=40)
@given(
    seed=st.integers(0, 10**6),
    queries=st.integers(1, 6),
    more=st.integers(0, 6),
    causal=st.booleans(),
    scale=st.floats(0.1, 30),
)
def test_rows_sum_to_one_and_masked_positions_get_exactly_zero(
    seed: int, queries: int, more: int, causal: bool, scale: float
) -> None:
    torch.manual_seed(seed)
    keys = queries + more
    query, key, value = (torch.randn(2, 3, n, 4, dtype=torch.float64) * scale for n in (queries, keys, keys))
    mask = torch.rand(2, 1, queries, keys) < 0.6
    mask[..., 0] = True
    weights = attention_weights(query, key, mask, causal=causal)
    seen = mask & causal_mask(queries, keys) if causal else mask
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 3, queries, dtype=torch.float64), atol=1e-12, rtol=0)
    assert (weights[~seen.expand_as(weights)] == 0).all()
    fused = attention(query, key, value, mask, causal=causal)
    torch.testing.assert_close(fused, weights @ value, atol=1e-9, rtol=1e-9)


def test_a_query_that_sees_nothing_gets_zeros_and_finite_gradients() -> None:
    query = torch.randn(1, 1, 2, 4, requires_grad=True)
    key, value = torch.randn(1, 1, 3, 4), torch.randn(1, 1, 3, 4)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    weights = attention_weights(query, key, mask)
    assert (weights[..., 1, :] == 0).all()
    (weights @ value).sum().backward()
    assert torch.isfinite(query.grad).all()


def test_where_nothing_is_padded_there_is_no_mask_and_the_output_is_the_same() -> None:
    torch.manual_seed(4)
    layer, x = MultiHeadAttention(8, 2), torch.randn(2, 5, 8)
    ones = torch.ones(2, 5, dtype=torch.long)
    assert padding_mask(None) is None
    assert padding_mask(ones) is None
    for causal in (False, True):
        masked = layer(x, mask=ones.bool()[:, None, None, :], causal=causal)[0]
        torch.testing.assert_close(layer(x, mask=padding_mask(ones), causal=causal)[0], masked, atol=1e-6, rtol=0)
    ones[1, 3:] = 0
    assert torch.equal(padding_mask(ones)[:, 0, 0], ones.bool())


def test_gradients_agree_with_finite_differences() -> None:
    torch.manual_seed(3)
    layer = MultiHeadAttention(4, 2, rotary=True).double()
    x = torch.randn(1, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: layer(x, causal=True, return_weights=True), (x,))


def test_heads_that_do_not_divide_the_width_are_refused_in_words() -> None:
    with pytest.raises(ModelError, match="no multiple"):
        MultiHeadAttention(10, 3)
