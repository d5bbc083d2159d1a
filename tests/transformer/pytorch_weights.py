"""Copies the weights of PyTorch's layers into ours, for comparing the two."""

from __future__ import annotations

from typing import Any

from torch import nn

from alih.transformer.attention import MultiHeadAttention


def copy_attention(ours: MultiHeadAttention, theirs: nn.MultiheadAttention) -> None:
    """Copy PyTorch's stacked projections into the separate ones."""
    names = ("q_proj", "k_proj", "v_proj")
    for name, weight, bias in zip(names, theirs.in_proj_weight.chunk(3), theirs.in_proj_bias.chunk(3), strict=True):
        getattr(ours, name).load_state_dict({"weight": weight, "bias": bias})
    ours.out_proj.load_state_dict(theirs.out_proj.state_dict())


def copy_rest(ours: Any, theirs: Any) -> None:
    """Copy feed-forward network and layer norms."""
    ours.feed_forward.fc1.load_state_dict(theirs.linear1.state_dict())
    ours.feed_forward.fc2.load_state_dict(theirs.linear2.state_dict())
    for i, residual in enumerate(ours.residuals):
        residual.norm.load_state_dict(getattr(theirs, f"norm{i + 1}").state_dict())


def shake(module: nn.Module) -> None:
    """Give biases and norms values that a mistake would show."""
    for parameter in module.parameters():
        if parameter.ndim == 1:
            nn.init.normal_(parameter, mean=0.5)
