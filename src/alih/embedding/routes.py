"""What trains of an embedding model: everything, the top blocks, or adapters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D

from alih import files
from alih.compare.options import Options
from alih.errors import ModelError, OptionError
from alih.pretrained.quiet import quiet
from alih.rag.embed import Embedder
from alih.routes.adapters import merge

#: Peak learning rates that are tried where the user names none; the middle one where there is no time to try.
RATES = {"finetune": (1e-5, 3e-5, 1e-4), "lora": (3e-4, 1e-3, 3e-3)}


def prepare(embedder: Embedder, options: Options) -> Any:
    """Let the route's parameters train, and them alone; returns PEFT's model for adapters, else None.

    Raises:
        OptionError: more blocks were asked for than there are.
        ModelError: the model has no ordered blocks, or nothing that adapters could go on.
    """
    model = embedder.model
    blocks = _blocks(embedder)
    count = options.top_blocks
    if count is not None and count > len(blocks):
        raise OptionError(
            f"--blocks: {count} asked for, but the model has {len(blocks)}. Use 1 to {len(blocks)}, or 'all'."
        )
    top = blocks if count is None else blocks[-count:]
    torch.manual_seed(options.seed)

    def inside(name: str) -> bool:
        return any(name.startswith(f"{block}.") for block in top)

    if options.route == "finetune":
        for name, parameter in model.named_parameters():
            # A pooling head of the architecture (BERT's) makes no embedding here: it would get no gradient.
            parameter.requires_grad_("pooler." not in name and (count is None or inside(name)))
        return None
    names = [name for name, module in model.named_modules() if isinstance(module, nn.Linear | Conv1D) and inside(name)]
    if not names:
        raise ModelError(f"{embedder.name}: it has no linear layers in its blocks; take the route finetune.")
    from peft import LoraConfig, TaskType, get_peft_model

    alpha: Any = 2.0 * options.rank if options.alpha is None else options.alpha
    config = LoraConfig(
        task_type=TaskType.FEATURE_EXTRACTION,
        r=options.rank,
        lora_alpha=alpha,
        target_modules=names,
        use_rslora=options.rslora,
        use_dora=options.dora,
    )
    with quiet():
        return get_peft_model(model, config)  # it freezes the rest


def label(embedder: Embedder, options: Options) -> str:
    """The route in words: "finetune all", "lora top 2 of 6 blocks"."""
    if options.top_blocks is not None:
        return f"{options.route} top {options.top_blocks} of {len(_blocks(embedder))} blocks"
    return "finetune all" if options.route == "finetune" else options.chosen_route


def merged(adapters: Any, embedder: Embedder, folder: Path) -> None:
    """Write the adapters in PEFT's format, if there are any, and merge them into the weights, in place.

    Raises:
        ModelError: an adapter holds NaN.
    """
    if adapters is None:
        return
    adapters.peft_config["default"].base_model_name_or_path = embedder.name
    with quiet(), files.replacing_folder(folder) as fresh:
        adapters.save_pretrained(str(fresh))
    merge(embedder.model)
    if "_hf_peft_config_loaded" in vars(embedder.model):
        embedder.model._hf_peft_config_loaded = False


def _blocks(embedder: Embedder) -> list[str]:
    """Names of the blocks, bottom to top."""
    if not embedder.anatomy.blocks:
        raise ModelError(
            f"{embedder.name}: has no ordered list of blocks, so nobody can say what trains. Take another model."
        )
    return [block.name for block in embedder.anatomy.blocks]
