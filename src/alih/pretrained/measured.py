"""The anatomy of a model of unknown family, measured: its one list of blocks is found, and a forward pass confirms it.

Nothing is guessed: an anatomy is returned only if each block's output was the next block's input, and the head's
modules, applied to what reached them, gave the model's own logits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from alih.errors import ModelError
from alih.pretrained.anatomy import Anatomy, Block
from alih.pretrained.pooled import encoder_config
from alih.pretrained.timm_models import TIMM

_LENGTHS = (7, 5)  # of the made-up texts: one is padded, so that parts which heed padding show
_TOLERANCE = 1e-5


@dataclass
class _Trace:
    """What one forward pass showed: when each module first ran, and what went in and out."""

    order: dict[str, int] = field(default_factory=dict)
    inputs: dict[str, Tensor] = field(default_factory=dict)
    outputs: dict[str, Tensor] = field(default_factory=dict)
    logits: Tensor = field(default_factory=lambda: torch.empty(0))


def measured_anatomy(model: PreTrainedModel, new: Collection[str] = ()) -> Anatomy:
    """Find the anatomy of a model with exactly one longest ordered list of blocks.

    Args:
        model: a classifier.
        new: names of parameters that did not come with the weights: a pooler among them counts as head.

    Raises:
        ModelError: there is no such list, or a forward pass does not run through it as a chain, or the head does more
            than apply its modules one after another; the message names what was found.
    """
    blocks = _blocks(model)
    trace = _run(model, blocks)
    _check_chain(model, blocks, trace)
    first, last = trace.order[blocks[0]], trace.order[blocks[-1]]
    base = f"{model.base_model_prefix}."
    stem, neck, head = [], [], []
    for path in sorted(_beside(model, blocks), key=lambda path: trace.order.get(path, -1)):
        when = trace.order.get(path)
        has_parameters = _has_parameters(model.get_submodule(path))
        if when is None:
            continue  # never runs, so it belongs nowhere
        if when < first and has_parameters:
            stem.append(path)
        elif when > last and (_is_timm(model) or not path.startswith(base)):
            head.append(path)
        elif when > last and has_parameters:
            neck.append(path)
    if _is_timm(model):
        neck, head = _from_neck_to_head(model, head)
    while neck and any(name.startswith(f"{neck[-1]}.") for name in new):
        head.insert(0, neck.pop())
    entry = next((path for path in stem if _same(trace.outputs.get(path), trace.inputs[blocks[0]])), None)
    return Anatomy(
        family="fallback",
        stem=tuple(stem),
        entry=entry,
        blocks=tuple(Block(path, (path,)) for path in blocks),
        neck=tuple(neck),
        head=tuple(head),
        reads=_reads(model, head, trace),
    )


def _is_timm(model: PreTrainedModel) -> bool:
    """The wrapper around timm's models, whose head lies inside what it wraps."""
    return bool(model.config.model_type == TIMM)


def _has_parameters(module: nn.Module) -> bool:
    return next(module.parameters(), None) is not None


def _from_neck_to_head(model: nn.Module, after: list[str]) -> tuple[list[str], list[str]]:
    """Divide what runs after the last block: the head is the last module with parameters, and dropout before it."""
    place = max((i for i, path in enumerate(after) if _has_parameters(model.get_submodule(path))), default=0)
    while place > 0 and isinstance(model.get_submodule(after[place - 1]), nn.Dropout):
        place -= 1
    return [path for path in after[:place] if _has_parameters(model.get_submodule(path))], after[place:]


def _blocks(model: PreTrainedModel) -> list[str]:
    """Paths of the blocks: items of the one longest list of two or more modules of one class.

    Lists that lie in another such list do not count. timm's lists are of class Sequential, and its ResNets call their
    stages layer1, layer2, ….
    """
    kinds = (nn.ModuleList, nn.Sequential) if _is_timm(model) else (nn.ModuleList,)
    lists: dict[str, int] = {}
    for path, module in model.named_modules():
        children = list(module.children())
        if not isinstance(module, kinds) or len(children) < 2 or len({type(child) for child in children}) > 1:
            continue
        if _has_parameters(module) and not any(path.startswith(f"{outer}.") for outer in lists):
            lists[path] = len(children)
    stages = [f"timm_model.layer{number}" for number in range(1, 10)] if _is_timm(model) else []
    stages = [path for path in stages if path in dict(model.named_modules())]
    if len(stages) > 1:
        return stages
    longest = [path for path, length in lists.items() if length == max(lists.values())]
    if len(longest) != 1:
        found = "no list of blocks" if not longest else f"{len(longest)} equally long lists ({', '.join(longest)})"
        raise ModelError(
            f"{_named(model)}: its family is unknown to alih, and it has {found}, so it is not clear what to freeze. "
            "Take a model with one stack of blocks (BERT, RoBERTa, ViT, ResNet, …)."
        )
    return [f"{longest[0]}.{name}" for name, _ in model.get_submodule(longest[0]).named_children()]


def _beside(model: PreTrainedModel, blocks: Collection[str]) -> Iterator[str]:
    """Paths of the largest modules that neither hold a block nor lie in one; of a timm head that pools, its parts."""

    def below(module: nn.Module, prefix: str) -> Iterator[str]:
        for name, child in module.named_children():
            path = f"{prefix}{name}"
            if any(block.startswith(f"{path}.") for block in blocks) or (_is_timm(model) and _ends_in_logits(child)):
                yield from below(child, f"{path}.")
            elif path not in blocks:
                yield path

    def _ends_in_logits(module: nn.Module) -> bool:
        parts = [part for part in module.children() if _has_parameters(part)]
        return bool(parts) and isinstance(parts[-1], nn.Linear) and parts[-1].out_features == model.config.num_labels

    yield from below(model, "")


def _run(model: PreTrainedModel, blocks: list[str]) -> _Trace:
    """Run the model once on made-up inputs, watching the blocks and everything beside them."""
    trace = _Trace()
    watched = [*_beside(model, blocks), *blocks]

    def watch(path: str) -> Any:
        def hook(_module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
            result = output[0] if isinstance(output, tuple) and output else output
            if path in trace.order:
                return
            trace.order[path] = len(trace.order)
            if args and isinstance(args[0], Tensor):
                trace.inputs[path] = args[0].detach().clone()
            if isinstance(result, Tensor):
                trace.outputs[path] = result.detach().clone()

        return hook

    training = model.training
    model.eval()
    try:
        with ExitStack() as stack, torch.no_grad():
            for path in watched:
                handle = model.get_submodule(path).register_forward_hook(watch(path))
                stack.callback(handle.remove)
            trace.logits = model(**_made_up_inputs(model)).logits
    except Exception as error:
        raise ModelError(
            f"{_named(model)}: its family is unknown to alih, and a trial run failed ({type(error).__name__}: "
            f"{error}), so where its parts are cannot be confirmed. Take a model of a known family."
        ) from error
    finally:
        model.train(training)
    return trace


def _made_up_inputs(model: PreTrainedModel) -> dict[str, Tensor]:
    config = encoder_config(model.config)
    generator = torch.Generator().manual_seed(0)
    if model.main_input_name == "pixel_values":
        told = getattr(config, "pretrained_cfg", None)  # timm's
        size = told["input_size"][1:] if isinstance(told, dict) and "input_size" in told else 224
        size = getattr(config, "image_size", size)
        height, width = (size, size) if isinstance(size, int) else tuple(size)
        shape = (len(_LENGTHS), int(getattr(config, "num_channels", 3)), int(height), int(width))
        return {"pixel_values": torch.randn(shape, generator=generator).to(model.device)}
    pad = getattr(config, "pad_token_id", None)
    special = {getattr(config, name, None) for name in ("pad_token_id", "eos_token_id", "bos_token_id")}
    ordinary = torch.tensor([token for token in range(min(config.vocab_size, 64)) if token not in special])
    ids = ordinary[torch.randint(len(ordinary), (len(_LENGTHS), max(_LENGTHS)), generator=generator)]
    mask = torch.arange(max(_LENGTHS))[None] < torch.tensor(_LENGTHS)[:, None]
    if isinstance(pad, int):
        ids = torch.where(mask, ids, pad)
    return {"input_ids": ids.to(model.device), "attention_mask": mask.long().to(model.device)}


def _check_chain(model: PreTrainedModel, blocks: list[str], trace: _Trace) -> None:
    for path, following in zip(blocks, [*blocks[1:], None], strict=True):
        if path not in trace.inputs or path not in trace.outputs or trace.inputs[path].shape[0] != len(_LENGTHS):
            raise ModelError(
                f"{_named(model)}: its family is unknown to alih, and {path} does not take (batch, …) as its first "
                "input and give (batch, …) as its first output, so alih cannot run it from there."
            )
        if following is not None and not _same(trace.outputs[path], trace.inputs.get(following)):
            raise ModelError(
                f"{_named(model)}: its family is unknown to alih, and the output of {path} is not the input of "
                f"{following}: the blocks are no simple chain."
            )


def _reads(model: PreTrainedModel, head: list[str], trace: _Trace) -> Literal["whole", "first", "last"]:
    """Find which part of the features the head reads, by applying its modules to each and comparing the logits."""
    features = trace.inputs.get(head[0]) if head else None
    if features is not None:
        modules = nn.Sequential(*(model.get_submodule(path) for path in head)).eval()
        parts: dict[Literal["whole", "first", "last"], Tensor] = {"whole": features}
        if features.ndim == 3 and model.main_input_name == "pixel_values":
            parts = {"first": features[:, :1], **parts}
        elif features.ndim == 3:  # the least that suffices
            last = features[torch.arange(len(_LENGTHS)), torch.tensor(_LENGTHS) - 1 - max(_LENGTHS)]
            parts = {"first": features[:, :1], "last": last, **parts}
        for name, part in parts.items():
            with torch.no_grad():
                try:
                    logits = modules(part)
                except (RuntimeError, IndexError, TypeError):
                    continue  # this part does not fit the head's modules
            if logits.shape == trace.logits.shape and torch.allclose(logits, trace.logits, atol=_TOLERANCE):
                return name
    raise ModelError(
        f"{_named(model)}: its family is unknown to alih, and its head ({', '.join(head) or 'no modules found'}) does "
        "more than apply its modules one after another, so alih cannot train it on kept features."
    )


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is not None and other is not None and one.shape == other.shape and bool(torch.equal(one, other))


def _named(model: PreTrainedModel) -> str:
    return f"{type(model).__name__} ({model.config.model_type})"
