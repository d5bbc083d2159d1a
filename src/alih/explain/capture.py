"""Queries, keys, values and scores of every attention, taken from a running model by hooks on its projections.

Shapes: h heads, q queries, k keys, d the width of a head. One text at a time, so there is no batch axis here.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from alih.errors import ModelError
from alih.transformer.attention import MultiHeadAttention, visible
from alih.transformer.positions import rotate

#: Said where attention cannot be captured.
FAMILIES = "BERT, DistilBERT, RoBERTa, ELECTRA, GPT-2, Llama, Mistral, Qwen, Marian, BART, T5 and alih-transformer"

Role = Literal["encoder", "decoder", "cross"]
#: Names of the projections to Q, K and V in transformers' models; the last is GPT-2's, all three in one.
_PROJECTIONS = (
    ("q_proj", "k_proj", "v_proj"),
    ("query", "key", "value"),
    ("q_lin", "k_lin", "v_lin"),
    ("q", "k", "v"),
)
_FUSED = "c_attn"
_CROSS = ("cross", "encdec", "encoder_attn")
#: Largest difference from the model's own weights that rounding explains.
_ROUNDING = 1e-4


@dataclass(frozen=True)
class Attention:
    """One attention of one layer, all heads, as the model computed it.

    Args:
        role: encoder self-attention, decoder (causal) self-attention, or the decoder's look at the encoder.
        layer: counted from 0.
        query: (h, q, d), turned by rotary positions where the model has them.
        key: (h, k, d), likewise; keys that several heads share are repeated.
        value: (h, k, d).
        scale: what QKᵀ is multiplied by: 1/√d; T5 takes 1.
        bias: (h, q, k) relative positions, added to the scores; None without.
        mask: (h or 1, q, k), True where a query may look; None where it may look anywhere.
        weights: (h, q, k), softmax(QKᵀ·scale + bias, masked).
    """

    role: Role
    layer: int
    query: Tensor
    key: Tensor
    value: Tensor
    scale: float
    bias: Tensor | None
    mask: Tensor | None
    weights: Tensor

    @property
    def scores(self) -> Tensor:
        """(h, q, k) before softmax; −∞ where a query may not look."""
        return _scores(self.query, self.key, self.scale, self.bias, self.mask)


@dataclass
class _Seen:
    """What hooks saw of one attention module."""

    tensors: dict[str, Tensor] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    bias: Tensor | None = None


def _scores(query: Tensor, key: Tensor, scale: float, bias: Tensor | None, mask: Tensor | None) -> Tensor:
    scores = query @ key.transpose(-2, -1) * scale  # (h, q, k)
    if bias is not None:
        scores = scores + bias
    return scores if mask is None else scores.masked_fill(~mask, float("-inf"))


def projections(module: nn.Module) -> tuple[str, ...] | None:
    """Names of the projections where a module is an attention with matrices of its own; None otherwise."""
    for names in _PROJECTIONS:
        if all(isinstance(getattr(module, name, None), nn.Module) for name in names):
            return names
    return (_FUSED,) if isinstance(getattr(module, _FUSED, None), nn.Module) else None


def attentions_of(model: PreTrainedModel) -> list[tuple[str, nn.Module]]:
    """Every attention module with its path, in the order of the layers."""
    return [(path, module) for path, module in model.named_modules() if projections(module) is not None]


@contextmanager
def watch(model: PreTrainedModel) -> Iterator[dict[str, _Seen]]:
    """Hook every attention; the dictionary fills, by path, when the model runs.

    Raises:
        ModelError: the model has no attention with Q, K, V projections that are known here.
    """
    found = attentions_of(model)
    if not found:
        raise ModelError(
            f"{type(model).__name__} ({model.config.model_type}): its attention cannot be captured; no projections to "
            f"Q, K and V are known in it. Models that work: {FAMILIES}."
        )
    seen = {path: _Seen() for path, _ in found}
    with ExitStack() as stack:
        for path, module in found:
            for hook in _hooks(module, seen[path]):
                stack.callback(hook.remove)
        yield seen


def _hooks(module: nn.Module, seen: _Seen) -> Iterator[Any]:
    signature = inspect.signature(module.forward)

    def entering(_: nn.Module, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
        bound = signature.bind(*positional, **named).arguments
        seen.arguments = {**bound, **bound.get("kwargs", {})}

    def leaving(_: nn.Module, __: Any, output: Any) -> None:
        if isinstance(output, tuple) and len(output) == 3 and isinstance(output[1], Tensor):
            seen.bias = output[1]  # T5 hands its bias on: attention output, bias, weights

    def projected(name: str) -> Any:
        def keep(_: nn.Module, __: Any, output: Tensor) -> None:
            seen.tensors[name] = output.detach()

        return keep

    yield module.register_forward_pre_hook(entering, with_kwargs=True)
    yield module.register_forward_hook(leaving)
    # Qwen 3 normalises queries and keys after projecting them: what comes out of the norms is what attends.
    for name in (*(projections(module) or ()), "q_norm", "k_norm"):
        part = getattr(module, name, None)
        if isinstance(part, nn.Module):
            yield part.register_forward_hook(projected(name))


def collect(model: PreTrainedModel, seen: dict[str, _Seen], output: Any) -> list[Attention]:
    """Put together what the hooks saw, and check it against the weights that the model itself returned.

    Args:
        model: the model that ran.
        seen: from `watch`.
        output: what it returned, with `output_attentions`.

    Raises:
        ModelError: the weights made from Q and K are not the model's own.
    """
    modules = dict(attentions_of(model))
    own = _returned(model, output)
    layers: dict[Role, int] = {"encoder": 0, "decoder": 0, "cross": 0}
    found: list[Attention] = []
    for path, one in seen.items():
        if not one.tensors:
            continue  # never ran: the cross-attention of a model that has no encoder
        role = role_of(path, model)
        attention = _assemble(modules[path], one, role, layers[role])
        _check(attention, own[role], path, model)
        layers[role] += 1
        found.append(attention)
    return found


def role_of(path: str, model: PreTrainedModel) -> Role:
    """Which of the three attentions of figure 1 of the paper stands at a path."""
    if not model.config.is_encoder_decoder:
        return "decoder" if is_causal(model) else "encoder"
    parts = path.lower().split(".")
    if any(sign in parts[-1] for sign in _CROSS):
        return "cross"
    return "decoder" if "decoder" in parts else "encoder"


def is_causal(model: PreTrainedModel) -> bool:
    """Whether a model without encoder sees the past alone: what its attentions say of themselves."""
    told = [getattr(module, "is_causal", False) for _, module in attentions_of(model)]
    return bool(told) and all(told)


def _returned(model: PreTrainedModel, output: Any) -> dict[Role, Any]:
    if model.config.is_encoder_decoder:
        return {
            "encoder": output.encoder_attentions,
            "decoder": output.decoder_attentions,
            "cross": output.cross_attentions,
        }
    return {"encoder": output.attentions, "decoder": output.attentions, "cross": None}


def _assemble(module: nn.Module, seen: _Seen, role: Role, layer: int) -> Attention:
    if _FUSED in seen.tensors and len(seen.tensors) == 1:
        parts = seen.tensors[_FUSED].chunk(3, dim=-1)
    else:
        names = projections(module)
        assert names is not None
        parts = tuple(seen.tensors[name] for name in names)
    width = _head_width(module, parts[0].shape[-1])
    query, key, value = (_heads(part, width) for part in parts)  # (h, t, d) each
    if "q_norm" in seen.tensors and "k_norm" in seen.tensors:
        query, key = _heads(seen.tensors["q_norm"], width), _heads(seen.tensors["k_norm"], width)
    query, key = _turned(module, seen, query, key)
    groups = query.shape[0] // key.shape[0]
    key, value = key.repeat_interleave(groups, 0), value.repeat_interleave(groups, 0)
    mask = _mask(module, seen, query.shape[1], key.shape[1])
    scale = float(getattr(module, "scaling", width**-0.5))
    bias = None if seen.bias is None or not bool(seen.bias.any()) else seen.bias[0]
    if bias is not None:
        bias = bias.expand(query.shape[0], query.shape[1], key.shape[1])
    weights = _scores(query, key, scale, bias, mask).softmax(-1)
    return Attention(role, layer, query, key, value, scale, bias, mask, weights)


def _head_width(module: nn.Module, whole: int) -> int:
    for name in ("head_dim", "attention_head_size", "key_value_proj_dim"):
        if isinstance(getattr(module, name, None), int):
            return int(getattr(module, name))
    heads = next((getattr(module, n) for n in ("heads", "num_heads", "n_heads") if hasattr(module, n)), 1)
    return whole // int(heads)


def _heads(projected: Tensor, width: int) -> Tensor:
    """(1, t, h·d), or (1, t, h, d) as it is after a norm of each head → (h, t, d)."""
    return projected[0].reshape(projected.shape[1], -1, width).transpose(0, 1)


def _turned(module: nn.Module, seen: _Seen, query: Tensor, key: Tensor) -> tuple[Tensor, Tensor]:
    """Queries and keys as rotary positions turn them, by the model's own function."""
    if isinstance(module, MultiHeadAttention):
        turns = module.rotary and seen.arguments.get("memory") is None
        return (rotate(query[None])[0], rotate(key[None])[0]) if turns else (query, key)
    angles = seen.arguments.get("position_embeddings")
    turn = getattr(sys.modules[type(module).__module__], "apply_rotary_pos_emb", None)
    if angles is None or turn is None:
        return query, key
    turned_query, turned_key = turn(query[None], key[None], *angles)
    return turned_query[0], turned_key[0]


def _mask(module: nn.Module, seen: _Seen, queries: int, keys: int) -> Tensor | None:
    """(h or 1, q, k), True where a query may look; None where all may look everywhere."""
    given = seen.arguments.get("attention_mask", seen.arguments.get("mask"))
    if isinstance(module, MultiHeadAttention):
        given = visible(given, bool(seen.arguments.get("causal")), queries, keys, torch.device("cpu"))
    if not isinstance(given, Tensor):
        return None
    # An additive mask holds 0 where one may look, and the least number of its type where not.
    seen_by = given if given.dtype == torch.bool else given > torch.finfo(given.dtype).min / 2
    while seen_by.dim() < 4:
        seen_by = seen_by[None]
    mask = seen_by[0, ..., :keys].expand(-1, queries, keys)
    return None if bool(mask.all()) else mask


def _check(attention: Attention, own: Any, path: str, model: PreTrainedModel) -> None:
    theirs = own[attention.layer][0] if own is not None and len(own) > attention.layer else None
    if theirs is None or theirs.shape != attention.weights.shape:
        same = False
    else:
        same = bool((theirs.float() - attention.weights).abs().max() < _ROUNDING)
    if not same:
        raise ModelError(
            f"{type(model).__name__} ({model.config.model_type}): softmax(QKᵀ/√d) of its {path} is not what the model "
            f"computes there, so its attention cannot be shown truthfully. Models that work: {FAMILIES}."
        )
