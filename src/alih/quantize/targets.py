"""Which layers are quantised or adapted: by default those in blocks, or what names and patterns pick."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TypeVar

from torch import nn
from transformers.pytorch_utils import Conv1D

from alih.errors import ModelError, OptionError

#: None = every linear layer in the model's blocks; a string = a regular expression for whole names; a list = names,
#: or ends of names at a dot ("q_proj", "mlp.c_fc").
Targets = str | Sequence[str] | None
_Layer = TypeVar("_Layer", bound=nn.Module)


def linear_layers(model: nn.Module, targets: Targets = None) -> dict[str, nn.Module]:
    """Return the linear layers (`nn.Linear`, GPT-2's `Conv1D`) that can be quantised, by name, in the model's order.

    By default these are the layers inside an `nn.ModuleList`, where blocks are: never the embeddings, never the head.

    Raises:
        ModelError: a target names no linear layer, or one whose weight another module shares; no layer is left.
        OptionError: a target that is no regular expression.
    """
    every: dict[str, nn.Module] = {
        name: module for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D)
    }
    found: dict[str, nn.Module]
    if targets is not None:
        found = choose(every, targets, "linear layer")
    else:
        blocks = tuple(f"{name}." for name, module in model.named_modules() if isinstance(module, nn.ModuleList))
        found = {name: module for name, module in every.items() if name.startswith(blocks)}
    if not found:
        raise ModelError("the model has no linear layers in blocks that could be quantised: name some as targets")
    _refuse_shared(model, found)
    return found


def choose(layers: Mapping[str, _Layer], targets: str | Sequence[str], what: str) -> dict[str, _Layer]:
    """Return the layers that the targets name, in their order.

    Args:
        layers: what there is to choose from.
        targets: a regular expression for whole names, or a list of (ends of) names.
        what: what the layers are, for messages.

    Raises:
        ModelError: a target names none of them.
        OptionError: a target that is no regular expression.
    """
    if isinstance(targets, str):
        try:
            pattern = re.compile(targets)
        except re.error as error:
            raise OptionError(f'targets: "{targets}" is no regular expression ({error})') from None
        chosen = {name for name in layers if pattern.fullmatch(name)}
        unmatched = [] if chosen else [targets]
    else:
        ends = {target: [name for name in layers if f".{name}".endswith(f".{target}")] for target in targets}
        chosen = {name for matching in ends.values() for name in matching}
        unmatched = [target for target, matching in ends.items() if not matching]
    if unmatched or not chosen:
        wanted = ", ".join(f'"{target}"' for target in unmatched) or "an empty list"
        there = ", ".join(sorted({name.rpartition(".")[2] for name in layers})) or "none"
        raise ModelError(f"targets: {wanted} names no {what} of this model. Those there are end in: {there}.")
    return {name: layer for name, layer in layers.items() if name in chosen}


def replace(model: nn.Module, name: str, new: nn.Module) -> None:
    """Put a module in another one's place."""
    parent, _, child = name.rpartition(".")
    setattr(model.get_submodule(parent), child, new)


def _refuse_shared(model: nn.Module, found: Mapping[str, nn.Module]) -> None:
    owners: dict[int, list[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        owners.setdefault(id(parameter), []).append(name)
    for name, layer in found.items():
        others = [owner for owner in owners[id(layer.weight)] if owner != f"{name}.weight"]
        if others:
            raise ModelError(
                f"{name}: its weight is also {', '.join(others)}; quantised, the two would no longer be one. "
                "Leave it out of the targets."
            )
