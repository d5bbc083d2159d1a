"""Blocks against PyTorch's and Marian's with the same weights, forwards and backwards."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn
from transformers import MarianConfig
from transformers.models.marian.modeling_marian import MarianDecoderLayer, MarianEncoderLayer

from alih.transformer.attention import causal_mask, padding_mask
from alih.transformer.blocks import DecoderBlock, EncoderBlock
from alih.transformer.configuration import AlihTransformerConfig
from transformer.pytorch_weights import copy_attention, copy_rest, shake


def config(norm_first: bool = False) -> AlihTransformerConfig:
    return AlihTransformerConfig(
        vocab_size=20, d_model=32, layers=1, heads=4, d_ff=48, dropout=0.0, norm_first=norm_first
    )


def agree(mine: torch.Tensor, theirs: torch.Tensor, ins: list[tuple[torch.Tensor, torch.Tensor]]) -> None:
    """Outputs, and the gradients of both inputs in one random direction, agree to 1e-5."""
    torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)
    direction = torch.randn_like(mine)
    mine.backward(direction)
    theirs.backward(direction)
    for ours, reference in ins:
        torch.testing.assert_close(ours.grad, reference.grad, atol=1e-5, rtol=1e-5)


def twins(*shape: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The same random input twice, each with its own gradient."""
    x = torch.randn(*shape)
    return x.clone().requires_grad_(), x.clone().requires_grad_()


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("show", [False, True])
def test_encoder_block_equals_pytorchs(norm_first: bool, show: bool) -> None:
    torch.manual_seed(0)
    theirs = nn.TransformerEncoderLayer(32, 4, 48, dropout=0.0, batch_first=True, norm_first=norm_first)
    shake(theirs)
    ours = EncoderBlock(config(norm_first), 0)
    copy_attention(ours.self_attention, theirs.self_attn)
    copy_rest(ours, theirs)
    tokens = torch.arange(6) < torch.tensor([6, 4, 1])[:, None]
    x, y = twins(3, 6, 32)
    mine, weights = ours(x, padding_mask(tokens), return_weights=show)
    assert (weights is not None) == show
    agree(mine, theirs(y, src_key_padding_mask=~tokens), [(x, y)])
    gradients = (ours.feed_forward.fc1.weight.grad, theirs.linear1.weight.grad)
    torch.testing.assert_close(*gradients, atol=2e-5, rtol=1e-5)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("show", [False, True])
@pytest.mark.parametrize("padded", [False, True])
def test_decoder_block_equals_pytorchs(norm_first: bool, show: bool, padded: bool) -> None:
    torch.manual_seed(1)
    theirs = nn.TransformerDecoderLayer(32, 4, 48, dropout=0.0, batch_first=True, norm_first=norm_first)
    shake(theirs)
    ours = DecoderBlock(config(norm_first), 0)
    copy_attention(ours.self_attention, theirs.self_attn)
    copy_attention(ours.cross_attention, theirs.multihead_attn)
    copy_rest(ours, theirs)
    source = torch.arange(7) < torch.tensor([7, 3])[:, None]
    target = torch.arange(5) < torch.tensor([5, 2])[:, None]
    x, y = twins(2, 5, 32)
    memory, memory_too = twins(2, 7, 32)
    mine, own, cross = ours(
        x, memory, padding_mask(target) if padded else None, padding_mask(source), return_weights=show
    )
    reference = theirs(
        y,
        memory_too,
        tgt_mask=~causal_mask(5, 5),
        memory_key_padding_mask=~source,
        tgt_key_padding_mask=~target if padded else None,
    )
    agree(mine, reference, [(x, y), (memory, memory_too)])
    if show:
        assert own.shape == (2, 4, 5, 5)
        assert cross.shape == (2, 4, 5, 7)


def marian() -> MarianConfig:
    return MarianConfig(
        d_model=32,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        activation_function="relu",
        dropout=0.0,
        attn_implementation="eager",
    )


def copy_marian(ours: Any, theirs: Any) -> None:
    """Copy a layer of Marian; it names its parts differently and is the same."""
    ours.self_attention.load_state_dict(theirs.self_attn.state_dict())
    norms = [theirs.self_attn_layer_norm]
    if isinstance(ours, DecoderBlock):
        ours.cross_attention.load_state_dict(theirs.encoder_attn.state_dict())
        norms.append(theirs.encoder_attn_layer_norm)
    ours.feed_forward.load_state_dict({**prefixed("fc1", theirs.fc1), **prefixed("fc2", theirs.fc2)})
    for residual, norm in zip(ours.residuals, [*norms, theirs.final_layer_norm], strict=True):
        residual.norm.load_state_dict(norm.state_dict())


def prefixed(name: str, module: nn.Module) -> dict[str, torch.Tensor]:
    return {f"{name}.{key}": value for key, value in module.state_dict().items()}


def test_both_blocks_equal_marians() -> None:
    torch.manual_seed(2)
    encoder, decoder = MarianEncoderLayer(marian(), 0), MarianDecoderLayer(marian(), 0)
    shake(encoder)
    shake(decoder)
    ours = EncoderBlock(config(), 0), DecoderBlock(config(), 0)
    copy_marian(ours[0], encoder)
    copy_marian(ours[1], decoder)
    x, memory = torch.randn(2, 5, 32), torch.randn(2, 6, 32)
    torch.testing.assert_close(ours[0](memory)[0], encoder(memory, None), atol=1e-5, rtol=1e-5)
    hidden = torch.zeros(5, 5).masked_fill(~causal_mask(5, 5), -1e9)[None, None]
    theirs = decoder(x, attention_mask=hidden, encoder_hidden_states=memory)
    theirs = theirs[0] if isinstance(theirs, tuple) else theirs
    torch.testing.assert_close(ours[1](x, memory)[0], theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("norm_first", [False, True])
def test_gradients_of_both_blocks_agree_with_finite_differences(norm_first: bool) -> None:
    torch.manual_seed(3)
    sizes = AlihTransformerConfig(
        vocab_size=9, d_model=4, layers=1, heads=2, d_ff=5, dropout=0.0, norm_first=norm_first
    )
    encoder, decoder = EncoderBlock(sizes, 0).double(), DecoderBlock(sizes, 0).double()
    mask = padding_mask(torch.tensor([[1, 1, 1], [1, 1, 0]]))
    x = torch.randn(2, 2, 4, dtype=torch.float64, requires_grad=True)
    memory = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x, m: decoder(x, encoder(m, mask)[0], None, mask)[0], (x, memory))
