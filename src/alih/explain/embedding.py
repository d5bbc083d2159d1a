"""What enters the first block: token embeddings, what tells their positions, and the sum (section 3.5 of the paper)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from alih.explain.capture import Attention, _Seen, attentions_of, role_of
from alih.transformer.attention import MultiHeadAttention
from alih.transformer.positions import LearnedPositions, NoPositions, SinusoidalPositions, frequencies

Positions = Literal["sinusoidal", "learned", "rotary", "relative", "none"]
_OURS = (SinusoidalPositions, LearnedPositions, NoPositions)
_ADDED = frozenset({"position_embeddings", "wpe", "embed_positions", "positions"})


@dataclass(frozen=True)
class Embedded:
    """The input of one stack of blocks, t tokens of width d.

    Args:
        side: which stack.
        positions: how the model tells positions apart.
        token: (t, d), the embeddings as they are added, scaled where the model scales them.
        scale: the factor in `token`: √d in the paper's model, 1 in most others.
        position: (t, d), what is added to them; None where nothing is.
        entering: (t, d), what enters block 1.
        exact: `entering` is the plain sum; otherwise a layer norm (BERT, which adds a segment, too) stands between.
        angles: (t, d/2), the angles of rotary positions in radians, −π to π; None for others.
        bias: (h, t, t), the bias of relative positions in layer 1; None for others.
    """

    side: Literal["encoder", "decoder"]
    positions: Positions
    token: Tensor
    scale: float
    position: Tensor | None
    entering: Tensor
    exact: bool
    angles: Tensor | None
    bias: Tensor | None


@contextmanager
def watch_positions(model: PreTrainedModel) -> Iterator[dict[str, tuple[Tensor, nn.Module]]]:
    """Hook the modules that add positions; the dictionary fills, by path, with (t, d) when the model runs."""
    found: dict[str, tuple[Tensor, nn.Module]] = {}
    with ExitStack() as stack:
        for path, module in model.named_modules():
            if path.rsplit(".", 1)[-1] in _ADDED:
                stack.callback(module.register_forward_hook(_keeper(path, found)).remove)
        yield found


def _keeper(path: str, found: dict[str, tuple[Tensor, nn.Module]]) -> Any:
    def keep(module: nn.Module, entered: tuple[Any, ...], output: Tensor) -> None:
        # Ours return the sum; transformers' modules the positions alone.
        added = output - entered[0] if isinstance(module, _OURS) else output
        if added.is_floating_point():
            found[path] = (added.detach().reshape(-1, added.shape[-1]), module)

    return keep


def embedded(
    model: PreTrainedModel,
    side: Literal["encoder", "decoder"],
    ids: Tensor,
    entering: Tensor,
    added: dict[str, tuple[Tensor, nn.Module]],
    seen: dict[str, _Seen],
    attentions: list[Attention],
) -> Embedded:
    """Put together the input of one stack.

    Args:
        model: the model that ran.
        side: which of its stacks; "decoder" for a causal model, "encoder" for a BERT.
        ids: (t,) token ids.
        entering: (t, d), what entered block 1.
        added: from `watch_positions`.
        seen: from `capture.watch`.
        attentions: from `capture.collect`.
    """
    both = model.config.is_encoder_decoder
    here = {path: one for path, one in added.items() if not both or side in path.split(".")}
    scale = _scale(model)
    table: Any = model.get_input_embeddings()
    token = table(ids[None])[0].detach()
    if not hasattr(table, "embed_scale"):  # BART's table scales by itself
        token = token * scale
    angles = _angles(model, side, seen, len(ids))
    first = next((one for one in attentions if one.role == side), None)
    bias = None if first is None else first.bias
    position, module = next(iter(here.values()), (None, None))
    if position is not None and (position.shape != entering.shape or not bool(position.any())):
        position = None
    kind: Positions = "none"
    if position is not None:
        kind = "sinusoidal" if "inusoid" in type(module).__name__ else "learned"
    elif angles is not None:
        kind = "rotary"
    elif bias is not None:
        kind = "relative"
    same_width = token.shape == entering.shape
    total = token if position is None or not same_width else token + position
    exact = same_width and torch.allclose(total, entering, atol=1e-5)
    return Embedded(side, kind, token, scale, position, entering, exact, angles, bias)


def _scale(model: PreTrainedModel) -> float:
    """√d where the model multiplies its embeddings by it (section 3.4), 1 otherwise."""
    if model.config.model_type == "alih-transformer":
        return float(model.config.d_model**0.5)
    told = (getattr(module, "embed_scale", None) for module in model.modules())
    return float(next((one for one in told if isinstance(one, float | int)), 1.0))


def _angles(model: PreTrainedModel, side: str, seen: dict[str, _Seen], length: int) -> Tensor | None:
    for path, module in attentions_of(model):
        if role_of(path, model) != side:
            continue
        given = seen[path].arguments.get("position_embeddings")
        if isinstance(given, tuple) and len(given) == 2:
            cosine, sine = given[0].reshape(length, -1), given[1].reshape(length, -1)  # (t, d): each angle twice
            return torch.atan2(sine, cosine)[:, : cosine.shape[1] // 2]
        if isinstance(module, MultiHeadAttention) and module.rotary:
            width = module.q_proj.out_features // module.heads
            turned = torch.arange(length, dtype=torch.float64)[:, None] * frequencies(width)
            return torch.atan2(turned.sin(), turned.cos()).float()
    return None
