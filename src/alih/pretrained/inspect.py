"""What `alih inspect` tells about a model: anatomy, parameters by component, and what each route would train."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensor

from alih.pretrained.builtin import BUILT_IN
from alih.pretrained.footprint import Footprint, flops_per_example, footprint_of
from alih.pretrained.open import Pretrained, load
from alih.pretrained.pooled import AlihPooledConfig
from alih.pretrained.task_config import classes_of
from alih.task import Modality

_TEXT_TOKENS = 64
_MANY_CLASSES = 12


def describe(
    model: str | Path | Pretrained, *, revision: str | None = None, allow_pickle: bool = False
) -> dict[str, Any]:
    """Describe a model as data: everything in it can be written as JSON.

    Args:
        model: its name, or a loaded model.
        revision: branch, tag or commit on the Hub.
        allow_pickle: also read pickled weights, as tensors only.

    Raises:
        ModelError: the model cannot be loaded, or has no anatomy that alih understands.
    """
    loaded = model if isinstance(model, Pretrained) else load(model, revision=revision, allow_pickle=allow_pickle)
    anatomy, footprint = loaded.anatomy, footprint_of(loaded.model, loaded.anatomy)
    config = loaded.model.config
    where = loaded.source.path if loaded.source.kind != "built-in" else None  # a place inside the installation
    return {
        "name": loaded.name,
        "source": {
            "kind": loaded.source.kind,
            "path": str(where) if where is not None else None,
            "revision": loaded.source.revision,
            "commit": loaded.source.commit,
            "origin": BUILT_IN[loaded.source.name].origin if loaded.source.kind == "built-in" else None,
        },
        "family": anatomy.family,
        "architecture": type(loaded.model).__name__,
        "pooling": "mean" if isinstance(config, AlihPooledConfig) else "native",
        "reads": _modality(loaded).value,
        "classes": None if loaded.head_is_new else list(classes_of(config)),
        "problem_type": None if loaded.head_is_new else config.problem_type,
        "max_length": loaded.max_length,
        "licence": loaded.licence,
        "parameters": footprint.total,
        "bytes_in_memory": footprint.nbytes,
        "bytes_on_disk": loaded.bytes_on_disk,
        "gflops_per_example": _gflops(loaded),
        "anatomy": [
            {"part": "stem", "modules": list(anatomy.stem), "parameters": footprint.stem},
            *(
                {"part": f"block {index}", "modules": list(block.modules), "parameters": count}
                for index, (block, count) in enumerate(zip(anatomy.blocks, footprint.blocks, strict=True))
            ),
            {"part": "neck", "modules": list(anatomy.neck), "parameters": footprint.neck},
            {"part": "head", "modules": list(anatomy.head), "parameters": footprint.head},
        ],
        "routes": [] if loaded.is_prompted else _routes(footprint),
    }


def render(description: dict[str, Any]) -> str:
    """Show a description as plain text."""
    pooled = ", mean-pooled" if description["pooling"] == "mean" else ""
    lines = [
        f"{description['name']}  ({description['architecture']}, family {description['family']}{pooled})",
        f"  source      {_source(description['source'])}",
        f"  licence     {description['licence'] or 'not stated'}",
        f"  reads       {_reads(description)}",
        f"  predicts    {_predicts(description)}",
        f"  size        {description['parameters']:,} parameters, {_size(description['bytes_in_memory'])} in "
        f"memory, {_size(description['bytes_on_disk'])} on disk",
    ]
    if description["gflops_per_example"] is not None:
        lines.append(
            f"  forward     {description['gflops_per_example']['value']:.3g} GFLOPs for "
            f"{description['gflops_per_example']['example']}"
        )
    lines += ["", f"  {'part':<10} {'parameters':>14}  modules"]
    for part in _folded(description["anatomy"]):
        lines.append(f"  {part['part']:<10} {part['parameters']:>14,}  {', '.join(part['modules'])}")
    if description["routes"]:
        lines += ["", f"  {'route':<22} {'trains':>14} {'share':>8}"]
    for route in _shown(description["routes"]):
        lines.append(f"  {route['route']:<22} {route['trainable']:>14,} {100 * route['share']:>7.3g}%")
    return "\n".join(lines)


def _routes(footprint: Footprint) -> list[dict[str, Any]]:
    """What each scope would train: the head alone, then the top k blocks for every k."""
    count = len(footprint.blocks)
    names = ["transfer (head)"]
    names += [f"finetune top {k} of {count}" if k < count else "finetune all" for k in range(1, count + 1)]
    return [
        {
            "route": name,
            "blocks": k,
            "trainable": footprint.trainable(k),
            "share": footprint.trainable(k) / footprint.total,
        }
        for k, name in enumerate(names)
    ]


def _gflops(loaded: Pretrained) -> dict[str, Any] | None:
    """GFLOPs of one forward pass, or None where the model cannot be run on a made-up example."""
    first: Any = next(loaded.model.parameters())
    with first.fake_mode if isinstance(first, FakeTensor) else nullcontext():
        try:
            batch, example = _example(loaded)
            return {"value": flops_per_example(loaded.model, batch) / 1e9, "example": example}
        except (RuntimeError, ValueError):
            return None


def _example(loaded: Pretrained) -> tuple[dict[str, Tensor], str]:
    """One encoded input of a usual size, and what it is in words."""
    if _modality(loaded) is Modality.IMAGE and loaded.processor is None:
        config: Any = loaded.model.config
        side = config.image_size if isinstance(getattr(config, "image_size", None), int) else 32
        channels = getattr(config, "num_channels", 3)
        return {"pixel_values": torch.zeros(1, channels, side, side)}, f"one image of {side}×{side}"
    if _modality(loaded) is Modality.IMAGE:
        picture = np.zeros((32, 32, 3), dtype=np.uint8)
        batch: dict[str, Tensor] = dict(loaded.processor(picture, return_tensors="pt"))
        height, width = batch["pixel_values"].shape[-2:]
        return batch, f"one image of {height}×{width}"
    tokens = min(_TEXT_TOKENS, loaded.max_length or _TEXT_TOKENS)
    asked = loaded.processor is not None and loaded.processor("a", add_special_tokens=False)["input_ids"]
    word = asked or [0]
    ids = torch.full((1, tokens), word[0])
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}, f"one text of {tokens} tokens"


def _modality(loaded: Pretrained) -> Modality:
    return Modality.IMAGE if loaded.model.main_input_name == "pixel_values" else Modality.TEXT


def _folded(parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Blocks of one size and one make in a row as a single line; empty parts left out."""
    lines: list[dict[str, Any]] = []
    runs: list[list[dict[str, Any]]] = []
    for part in parts:
        like = runs and part["part"].startswith("block") and runs[-1][0]["part"].startswith("block")
        same = like and part["parameters"] == runs[-1][0]["parameters"]
        if same and len(part["modules"]) == len(runs[-1][0]["modules"]):
            runs[-1].append(part)
        elif part["modules"]:
            runs.append([part])
    for run in runs:
        if len(run) == 1:
            lines.append(run[0])
            continue
        first, last = run[0], run[-1]
        numbers = f"{first['part'].split()[1]}–{last['part'].split()[1]}"
        lines.append(
            {
                "part": f"blocks {numbers}",
                "parameters": sum(part["parameters"] for part in run),
                "modules": [f"{first['modules'][0]} … {last['modules'][-1].rpartition('.')[2]}"],
            }
        )
    return lines


def _shown(routes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The head, the top 1, 2, 4, 8, … blocks, and everything: a line for each of 80 blocks would tell no more."""
    return [route for route in routes if route is routes[-1] or route["blocks"].bit_count() <= 1]


def _source(source: dict[str, Any]) -> str:
    place = source["path"] or source["origin"]
    told = [f"{word} {source[word]}" for word in ("revision", "commit") if source[word]]
    return ", ".join([f"{source['kind']}: {place}" if place else source["kind"], *told])


def _reads(description: dict[str, Any]) -> str:
    longest = f", up to {description['max_length']:,} tokens" if description["max_length"] else ""
    return f"{description['reads']}s{longest}"


def _predicts(description: dict[str, Any]) -> str:
    classes = description["classes"]
    if classes is None:
        return "nothing yet: its head is new"
    if description["problem_type"] == "regression":
        return "a number"
    shown = ", ".join(classes[:_MANY_CLASSES])
    return f"{len(classes)} classes: {shown}{', …' if len(classes) > _MANY_CLASSES else ''}"


def _size(nbytes: int) -> str:
    return f"{nbytes / 1e9:,.1f} GB" if nbytes >= 1e9 else f"{nbytes / 1e6:,.1f} MB"
