"""What trains on each route of a language model: all of it, top blocks, or adapters on frozen or rounded weights."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from alih import files
from alih.compare.adapting import CALIBRATION_EXAMPLES
from alih.compare.options import Options
from alih.errors import ModelError, OptionError
from alih.instruct.encode import Tokens
from alih.pretrained.open import Pretrained
from alih.pretrained.quiet import quiet
from alih.quantize.adapter import save_adapter as save_qalora_adapter
from alih.quantize.calibration import Batch
from alih.quantize.model import add_qalora, qalora_layers, quantize_model
from alih.routes import nf4
from alih.routes.adapters import merge
from alih.training.precision import device

#: Peak learning rates that are tried where the user names none; the middle one where there is no time to try.
RATES = {
    "finetune": (2e-5, 1e-4, 5e-4),
    "lora": (3e-4, 1e-3, 3e-3),
    "qlora": (3e-4, 1e-3, 3e-3),
    "qalora": (3e-4, 1e-3, 3e-3),
    "scratch": (1e-3, 3e-3),
}


def prepare(opened: Pretrained, options: Options, train: Sequence[Tokens]) -> Any:
    """Let the route's parameters train, and them alone; returns PEFT's model for its adapters, else None.

    Args:
        opened: the model, on its device.
        options: with the route.
        train: what calibrated rounding looks at.

    Raises:
        OptionError: more blocks were asked for than there are, or bitsandbytes is missing.
        ModelError: there is nothing that adapters could go on.
    """
    model = opened.model
    blocks = _blocks(opened, options)
    torch.manual_seed(options.seed)
    if options.route in {"finetune", "scratch"}:
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(blocks is None or any(name.startswith(f"{block}.") for block in blocks))
        return None
    names = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D)
        and any(name.startswith(f"{block}.") for block in (opened.block_names if blocks is None else blocks))
    ]
    if not names:
        raise ModelError(f"{opened.name}: it has no linear layers in its blocks; take the route finetune.")
    alpha: Any = 2.0 * options.rank if options.alpha is None else options.alpha
    if options.route == "qalora":
        quantize_model(
            model,
            bits=options.bits,
            group_size=options.group_size,
            method=options.rounding,
            targets=names,
            calibration_batches=(lambda: _inputs(train)) if options.rounding == "calibrated" else None,
        )
        torch.manual_seed(options.seed)
        add_qalora(model, rank=options.rank, alpha=alpha, targets=names, rslora=options.rslora)
        return None
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)  # it warns of kernels that nobody asked for
    if options.route == "qlora":
        nf4.quantize(model, names, device())
        model.is_loaded_in_4bit = True  # type: ignore[assignment]  # PEFT asks this before it looks at the layers
    from peft import LoraConfig, TaskType, get_peft_model

    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM,
        r=options.rank,
        lora_alpha=alpha,
        target_modules=names,
        use_rslora=options.rslora,
        use_dora=options.dora,
    )
    try:
        with quiet():
            return get_peft_model(model, config)  # it freezes the rest
    finally:
        if options.route == "qlora":
            del model.is_loaded_in_4bit


def label(opened: Pretrained, options: Options) -> str:
    """The route in words: "finetune all", "lora top 2 of 6 blocks".

    Raises:
        OptionError: more blocks were asked for than there are.
    """
    if _blocks(opened, options) is not None:
        return f"{options.route} top {options.top_blocks} of {len(opened.block_names)} blocks"
    return "finetune all" if options.route == "finetune" else options.chosen_route


def merged(adapters: Any, model: PreTrainedModel, folder: Path, base: str) -> None:
    """Write the adapters, if there are any, then merge them into the model's weights, in place.

    LoRA's are written in PEFT's format; NF4 weights are merged in 32 bits; QA-LoRA's go into the zero points.

    Raises:
        ModelError: an adapter holds NaN.
    """
    if adapters is not None:
        adapters.peft_config["default"].base_model_name_or_path = base
        with quiet(), files.replacing_folder(folder) as fresh:
            adapters.save_pretrained(str(fresh))
    elif qalora_layers(model):
        with files.replacing_folder(folder) as fresh:
            save_qalora_adapter(model, fresh)
    else:
        return
    merge(model)
    for name in ("is_quantized", "_hf_peft_config_loaded"):
        if name in vars(model):
            setattr(model, name, False)


def _inputs(train: Sequence[Tokens]) -> Iterator[Batch]:
    """Training sequences one by one, as calibration runs them."""
    for sequence in train[:CALIBRATION_EXAMPLES]:
        yield {"input_ids": torch.tensor([sequence.ids])}


def _blocks(opened: Pretrained, options: Options) -> list[str] | None:
    """Names of the blocks that train; None for everything."""
    count, there = options.top_blocks, opened.block_names
    if count is None:
        return None
    if count > len(there):
        raise OptionError(
            f"--blocks: {count} asked for, but the model has {len(there)}. Use 1 to {len(there)}, or 'all'."
        )
    return there[-count:]
