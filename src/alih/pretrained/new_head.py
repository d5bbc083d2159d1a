"""New weights for a model's head, drawn from the seed alone."""

from __future__ import annotations

import torch
from torch import nn
from transformers import PreTrainedModel

from alih.pretrained.anatomy import Anatomy


def renew_head(model: PreTrainedModel, anatomy: Anatomy, seed: int) -> None:
    """Draw the head's weights anew, as its architecture draws them.

    Afterwards they depend on the seed and on their shapes, and on nothing that was built or loaded before: two routes
    that start from one seed start from one head.
    """
    torch.manual_seed(seed)
    with torch.no_grad():
        for path in anatomy.head:
            if path == "relu":
                continue
            module = model.get_submodule(path)
            for parameter in module.parameters():
                # transformers marks what came with the weights, and would leave it as it is.
                parameter.__dict__.pop("_is_hf_initialized", None)
            module.apply(_owner(model, path)._init_weights)


def _owner(model: PreTrainedModel, path: str) -> PreTrainedModel:
    """The innermost transformers model around a module: it knows how the module's weights are drawn."""
    owner = model
    module: nn.Module = model
    for part in path.split("."):
        module = module.get_submodule(part)
        if isinstance(module, PreTrainedModel):
            owner = module
    return owner
