"""What `alih inspect` tells of a model that translates: its parts, its languages, and what each route would train."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from torch import nn

from alih.data.messages import listed
from alih.errors import ModelError
from alih.pretrained.open import Pretrained, load
from alih.tasks.translation.adapted import read_setup
from alih.tasks.translation.languages import codes_of, languages_of


def describe(name: str | Path, *, revision: str | None = None, allow_pickle: bool = False) -> dict[str, Any]:
    """Describe a translator as data: everything in it can be written as JSON.

    Args:
        name: run, folder, built-in name or Hub id.
        revision: branch, tag or commit on the Hub.
        allow_pickle: also read pickled weights, as tensors only.

    Raises:
        ModelError: it cannot be opened, or does not translate.
    """
    opened = load(name, form="seq2seq", revision=revision, allow_pickle=allow_pickle)
    model, (told, _) = opened.model, read_setup(opened.folder)
    encoder, decoder = model.get_encoder(), model.get_decoder()
    embedding = model.get_input_embeddings()
    shared = {id(value) for value in embedding.parameters()}
    languages = list(codes_of(opened.tokenizer) or languages_of(opened.tokenizer))
    return {
        "name": opened.name,
        "family": model.config.model_type,
        "architecture": type(model).__name__,
        "direction": [told.source_language, told.target_language] if told.target_language else None,
        "languages": languages,
        "vocabulary": len(opened.tokenizer),
        "max_length": told.max_tokens or opened.max_length,
        "parameters": sum(value.numel() for value in model.parameters()),
        "parts": [
            {"part": "embeddings", "parameters": sum(value.numel() for value in embedding.parameters())},
            {"part": "encoder", "blocks": _blocks(encoder), "parameters": _own(encoder, shared)},
            {"part": "decoder", "blocks": _blocks(decoder), "parameters": _own(decoder, shared)},
        ],
        "routes": _routes(opened),
    }


def render(description: dict[str, Any]) -> str:
    """Show a description as plain text."""
    direction = description["direction"]
    way = " → ".join(part or "?" for part in direction) if direction else None
    languages = description["languages"]
    longest = f", up to {description['max_length']:,} tokens" if description["max_length"] else ""
    lines = [
        f"{description['name']}  ({description['architecture']}, family {description['family']})",
        f"  reads       sentences{longest}; vocabulary {description['vocabulary']:,}",
        f"  translates  {way or (f'into {listed(languages)}' if languages else 'one way; which, its card says')}",
        f"  size        {description['parameters']:,} parameters",
        "",
    ]
    for part in description["parts"]:
        blocks = f"  {part['blocks']} blocks" if part.get("blocks") else ""
        lines.append(f"  {part['part']:<12} {part['parameters']:>14,}{blocks}")
    lines += ["", f"  {'route':<34} {'trains':>14}    share"]
    for route in description["routes"]:
        share = 100 * route["trainable"] / description["parameters"]
        lines.append(f"  {route['route']:<34} {route['trainable']:>14,} {share:>7.3g}%")
    lines += ["", f"  adapt it with: alih adapt PAIRS --task translation --model {description['name']}"]
    return "\n".join(lines)


def _routes(opened: Pretrained) -> list[dict[str, Any]]:
    model = opened.model
    total = sum(value.numel() for value in model.parameters())
    blocks = opened.block_names
    sizes = [sum(value.numel() for value in model.get_submodule(block).parameters()) for block in blocks]
    found = [
        {"route": f"finetune, top {count} of {len(blocks)} decoder blocks", "trainable": sum(sizes[-count:])}
        for count in range(1, len(blocks) + 1)
        if count.bit_count() == 1 or count == len(blocks)
    ]
    found.append({"route": "finetune all", "trainable": total})
    layers = [model.get_submodule(name) for name in _linear_layers(model)]
    rank = 8
    adapters = sum(rank * (layer.in_features + layer.out_features) for layer in layers if isinstance(layer, nn.Linear))
    if adapters:
        found.append({"route": f"lora, rank {rank}, all linear layers", "trainable": adapters})
    return found


def _linear_layers(model: nn.Module) -> list[str]:
    """Those of the blocks of encoder and decoder; the output layer left out."""
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and any(part.isdigit() for part in name.split("."))
    ]


def _blocks(stack: Any) -> int:
    for module in stack.children():
        if isinstance(module, nn.ModuleList) and len(module):
            return len(module)
    raise ModelError("its encoder or decoder has no list of blocks")


def _own(module: Any, shared: set[int]) -> int:
    return sum(value.numel() for value in module.parameters() if id(value) not in shared)
