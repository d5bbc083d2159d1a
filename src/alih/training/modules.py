"""What trains: a head on features, or a whole model with its lower part frozen."""

from __future__ import annotations

import inspect
from typing import Any

from torch import Tensor, nn
from transformers import PreTrainedModel

from alih.pretrained.anatomy import Anatomy
from alih.pretrained.families import head_modules


def freeze_below(model: PreTrainedModel, anatomy: Anatomy, trainable_blocks: int) -> list[nn.Parameter]:
    """Let the head and the top blocks train, nothing else, and return their parameters.

    Args:
        model: whose `requires_grad` flags are set.
        anatomy: where its parts are.
        trainable_blocks: how many blocks train, counted from the top. 0 = the head alone; some = with the neck; all =
            everything, the stem included.

    Raises:
        ValueError: the model has fewer blocks.
    """
    count = len(anatomy.blocks)
    if not 0 <= trainable_blocks <= count:
        raise ValueError(f"trainable_blocks must lie between 0 and {count}, not {trainable_blocks}")
    model.requires_grad_(trainable_blocks == count)
    for path in trained_paths(anatomy, count - trainable_blocks):
        model.get_submodule(path).requires_grad_(True)
    return [parameter for parameter in model.parameters() if parameter.requires_grad]


def trained_paths(anatomy: Anatomy, boundary: int) -> list[str]:
    """Paths of the modules at and above a boundary: blocks, neck if there is a block, and the head; or blocks alone."""
    blocks = [path for block in anatomy.blocks[boundary:] for path in block.modules]
    if anatomy.blocks_alone:
        return blocks
    neck = anatomy.neck if blocks else ()
    return [*blocks, *neck, *(path for path in anatomy.head if path != "relu")]


class HeadModel(nn.Module):
    """The model's own head, on features: training it trains the model.

    Args:
        model: whose head is taken (shared, not copied).
        anatomy: where it is.
    """

    def __init__(self, model: PreTrainedModel, anatomy: Anatomy) -> None:
        super().__init__()
        self.head = head_modules(model, anatomy)
        self._reads_first = anatomy.reads == "first"

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """`features` (batch, …) to logits: (batch, outputs), or (batch, tokens, outputs) of a head that tags."""
        scores: Tensor = self.head(batch["features"])
        return scores[:, 0] if self._reads_first and scores.ndim == 3 else scores


class FullModel(nn.Module):
    """The whole model. Modules with all parameters frozen stay in evaluation mode: no dropout, fixed statistics."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model
        self._always = constant_arguments(model)

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Keyword arguments of the model to logits (batch, outputs)."""
        logits: Tensor = self.model(**batch, **self._always).logits
        return logits

    def train(self, mode: bool = True) -> FullModel:
        """Set the mode of what trains; the frozen part stays in evaluation mode."""
        super().train(mode)
        if mode:
            keep_frozen_in_evaluation(self.model)
        return self


def keep_frozen_in_evaluation(model: nn.Module) -> None:
    """Set modules whose parameters are all frozen to evaluation mode: no dropout, fixed statistics."""
    for module in model.modules():
        parameters = list(module.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            module.eval()


def constant_arguments(model: PreTrainedModel) -> dict[str, Any]:
    """Arguments for every call: classification needs no cache of keys and values."""
    takes = inspect.signature(type(model).forward).parameters
    return {"use_cache": False} if "use_cache" in takes else {}
