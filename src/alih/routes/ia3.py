"""(IA)³: vectors that scale keys, values and what a feed-forward network reads out of, beside frozen weights.

Liu et al. 2022, arXiv 2205.05638, section 3.3: softmax(Q (l_k ⊙ K)ᵀ / √d) (l_v ⊙ V), and (l_ff ⊙ γ(W₁ x)) W₂. Every
vector starts at one, and is multiplied into the weights at the end. The layers are PEFT's own.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from alih.pretrained.anatomy import Anatomy
from alih.pretrained.open import Pretrained
from alih.quantize.calibration import Batches
from alih.quantize.targets import replace
from alih.routes.adapters import broken, layers_in_blocks, name_in_block, write_adapter
from alih.routes.base import Effort, Route, Tuner, Variant, top_blocks
from alih.training.modules import trained_paths

#: What layers that give keys and values are called, alone or joined with the queries, which are then scaled with them;
#: and the last layer of a feed-forward network, by its name in the block. PEFT has a list by architecture, which takes
#: queries for keys in some and the attention's output for the feed-forward network's in others.
_KEYS_VALUES = re.compile(r"(^|\.)(([kv]|key|value)(_proj|_lin)?|c_attn|query_key_value|w?qkv(_proj)?)$", re.IGNORECASE)
_FEED_FORWARD = re.compile(
    r"(^output\.dense|(^|\.)(fc2|lin2|down_proj|dense_4h_to_h|fc_out|ffn_output)|(mlp|DenseReluDense)\.(c_proj|wo))$",
    re.IGNORECASE,
)


class IA3(Route):
    """Vectors that scale what blocks compute, in all blocks or above a boundary; the head is trained first."""

    name: ClassVar[str] = "ia3"

    def variants(self, anatomy: Anatomy, blocks: Sequence[int] | None) -> list[Variant]:
        """Vectors in every block, or in the top blocks asked for.

        Raises:
            OptionError: more blocks were asked for than the model has.
        """
        total = len(anatomy.blocks)
        wanted = top_blocks(anatomy, [total] if blocks is None else blocks)
        return [Variant(self.name, count, total, adapter=Tuner()) for count in wanted]

    def learning_rates(self, anatomy: Anatomy) -> tuple[float, ...]:
        """Around the 3e-3 of the paper (section 3.3): a few thousand numbers have to move far."""
        return (1e-3, 3e-3, 1e-2)

    def effort(self, anatomy: Anatomy) -> Effort:
        """As long as LoRA on Transformers."""
        return Effort(least_epochs=3, most_epochs=10, least_steps=120, patience=None)

    def unsuited(self, pretrained: Pretrained, variant: Variant) -> str | None:
        """A reason where the blocks have no keys, values and feed-forward networks by any known name."""
        keys_values, feed_forward = scaled_layers(pretrained.model, pretrained.anatomy, variant)
        if keys_values and feed_forward:
            return None
        return "its blocks have no layers that are named as keys, values and a feed-forward network's output are"

    def prepare(self, pretrained: Pretrained, variant: Variant, seed: int, batches: Batches | None = None) -> None:
        """Put vectors of ones on; they and a head that the task added train."""
        from peft import inject_adapter_in_model

        model = pretrained.model
        inject_adapter_in_model(_config(model, *scaled_layers(model, pretrained.anatomy, variant)), model)
        for name, parameter in model.named_parameters():
            parameter.requires_grad_("ia3_l" in name)
        for path in trained_paths(pretrained.anatomy, len(pretrained.anatomy.blocks)):
            model.get_submodule(path).requires_grad_(True)

    @torch.no_grad()
    def merge(self, pretrained: Pretrained, variant: Variant) -> None:
        """Multiply the vectors into the weights.

        Raises:
            ModelError: a vector holds NaN.
        """
        for name, layer in _layers(pretrained.model).items():
            try:
                layer.merge(safe_merge=True)
            except ValueError:
                raise broken(name) from None
            replace(pretrained.model, name, layer.get_base_layer())
        if hasattr(pretrained.model, "peft_config"):
            del pretrained.model.peft_config

    def save(self, pretrained: Pretrained, variant: Variant, folder: Path) -> None:
        """Write the vectors, and the head where it trained, as PEFT does.

        Raises:
            ModelError: the folder cannot be written.
        """
        layers = _layers(pretrained.model)
        names = ([name for name, layer in layers.items() if layer.is_feedforward is last] for last in (False, True))
        write_adapter(pretrained, _config(pretrained.model, *names), "ia3_l", folder)


def scaled_layers(model: nn.Module, anatomy: Anatomy, variant: Variant) -> tuple[list[str], list[str]]:
    """Names of the layers whose output is scaled (keys and values), and of those whose input is (feed-forward)."""
    there = layers_in_blocks(model, anatomy, variant.total_blocks - variant.trainable_blocks, nn.Linear | Conv1D)
    inside = {name: name_in_block(name, anatomy) for name in there}
    return [name for name in there if _KEYS_VALUES.search(inside[name])], [
        name for name in there if _FEED_FORWARD.search(inside[name])
    ]


def _layers(model: nn.Module) -> dict[str, Any]:
    from peft.tuners.ia3 import IA3Layer

    return {name: module for name, module in model.named_modules() if isinstance(module, IA3Layer)}


def _config(model: nn.Module, keys_values: list[str], feed_forward: list[str]) -> Any:
    from peft import IA3Config

    layer = model.get_submodule(feed_forward[0])
    across = isinstance(getattr(layer, "base_layer", layer), Conv1D)  # its weight is (inputs, outputs)
    names = [*keys_values, *feed_forward]
    return IA3Config(target_modules=names, feedforward_modules=feed_forward, fan_in_fan_out=across)
