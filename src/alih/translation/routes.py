"""What trains on each route of a translator: everything, the decoder's top blocks, or adapters."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn

from alih import files
from alih.compare.options import Options
from alih.errors import ModelError, OptionError
from alih.pretrained.open import Pretrained
from alih.pretrained.quiet import quiet

#: Rates that are tried, ascending; adapters start at zero and want about ten times more.
RATES: dict[str, tuple[float, ...]] = {"finetune": (3e-5, 1e-4, 3e-4, 1e-3), "lora": (3e-4, 1e-3, 3e-3, 1e-2)}


def prepare(opened: Pretrained, options: Options) -> Any:
    """Let the route's parameters train, and them alone; returns PEFT's model for adapters, else None.

    Raises:
        OptionError: more blocks were asked for than the decoder has.
        ModelError: there is nothing that adapters could go on.
    """
    model = opened.model
    blocks = _blocks(opened, options)
    torch.manual_seed(options.seed)
    if options.chosen_route == "lora":
        from peft import LoraConfig, TaskType, get_peft_model

        names = linear_layers(model, blocks)
        if not names:
            raise ModelError(f"{opened.name}: it has no linear layers in its blocks; take the route finetune.")
        alpha: Any = 2.0 * options.rank if options.alpha is None else options.alpha
        config = LoraConfig(
            task_type=TaskType.SEQ_2_SEQ_LM,
            r=options.rank,
            lora_alpha=alpha,
            target_modules=names,
            use_rslora=options.rslora,
            use_dora=options.dora,
        )
        logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns of kernels that nobody asked for
        with quiet():
            return get_peft_model(model, config)  # it freezes the rest
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(blocks is None or any(name.startswith(f"{block}.") for block in blocks))
    return None


def label(opened: Pretrained, options: Options) -> str:
    """The route in words: "finetune all", "lora top 2 of 6 decoder blocks".

    Raises:
        OptionError: more blocks were asked for than the decoder has.
    """
    route = options.chosen_route
    if _blocks(opened, options) is not None:
        return f"{route} top {options.top_blocks} of {len(opened.block_names)} decoder blocks"
    return route if route == "lora" else f"{route} all"


def merged(adapters: Any, folder: Path, base: str) -> Any:
    """Write the adapters in PEFT's format, and return the model with them merged into its weights."""
    adapters.peft_config["default"].base_model_name_or_path = base
    with quiet():
        with files.replacing_folder(folder) as fresh:
            adapters.save_pretrained(str(fresh))
        return adapters.merge_and_unload()


def _blocks(opened: Pretrained, options: Options) -> list[str] | None:
    """Names of the blocks that train; None for everything."""
    count, there = options.top_blocks, opened.block_names
    if count is None:
        return None
    if count > len(there):
        raise OptionError(
            f"--blocks: {count} asked for, but the decoder has {len(there)}. Use 1 to {len(there)}, or 'all'."
        )
    return there[-count:]


def linear_layers(model: nn.Module, blocks: list[str] | None) -> list[str]:
    """Linear layers of the blocks; of encoder and decoder, the output layer left out, where no block is named."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and (
            any(name.startswith(f"{block}.") for block in blocks)
            if blocks is not None
            else any(part.isdigit() for part in name.split("."))
        )
    ]
