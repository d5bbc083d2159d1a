"""The recipe of the built-in vision models: read 62 characters in many fonts, pictures drawn as they are needed."""

from __future__ import annotations

import json
import math
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import PreTrainedModel

from alih.errors import OptionError
from alih.progress import Progress
from alih.vision.configuration import AlihResNetConfig, AlihVggConfig
from alih.vision.glyphs import CHARACTERS, HELD_OUT_FAMILIES, TRAINING_FAMILIES
from alih.vision.pictures import SIDE, Pictures, normalised
from alih.vision.registration import image_processor
from alih.vision.resnet import AlihResNetForImageClassification
from alih.vision.vgg import AlihVggForImageClassification
from recipes.pictures.card import write_card
from recipes.pictures.digits import digits_features, digits_pixels, digits_scores

Architecture = Literal["resnet-small", "vgg-small"]

# Steps that took 12 to 15 minutes on one core of the machine the shipped weights were made on.
_STEPS: dict[str, int] = {"resnet-small": 3000, "vgg-small": 4000}
_PEAK_RATE: dict[str, float] = {"resnet-small": 0.2, "vgg-small": 0.05}
_KEEP_EVERY = 50  # steps between two checkpoints: what a cut costs at most
_EVALUATION_SEED = -2  # no training seed draws this series
_EVALUATION_PICTURES = 6200

# Pairs that differ in size or not at all once size varies; counted as one class in the folded accuracy.
_LOOK_ALIKE = str.maketrans("CKOPSUVWXZ0IL1", "ckopsuvwxzolll")


def pretrain_glyphs(
    architecture: Architecture,
    output: Path | str,
    *,
    seed: int = 0,
    steps: int | None = None,
    batch_size: int = 128,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train one of the built-in models from nothing and write it as a Hugging Face folder with its model card.

    Interrupted, it keeps a checkpoint in the folder; the same call goes on from there and, on the same machine and
    number of threads, ends with the same weights as an uninterrupted one.

    Args:
        architecture: "resnet-small" (ResNet-20, 0.27 million parameters) or "vgg-small" (0.59 million).
        output: folder to write.
        seed: of the initial weights and of the series of pictures.
        steps: batches to train on; None takes the recipe's number.
        batch_size: pictures a step.
        progress: where to report.

    Returns:
        Settings, pictures seen, parameters, and figures: accuracy and folded accuracy (look-alikes such as o, O and 0
        counted as one) on fresh pictures of the training fonts and of held-out fonts; under "digits" what the frozen
        features are worth on real scans (`recipes.pictures.digits`).

    Raises:
        OptionError: an unknown architecture, numbers below 1, or a folder with another recipe's checkpoint.
    """
    if architecture not in _STEPS:
        raise OptionError(f"architecture {architecture}: choose from {', '.join(_STEPS)}")
    steps = _STEPS[architecture] if steps is None else steps
    if steps < 1 or batch_size < 2:
        raise OptionError(f"--steps {steps}, --batch-size {batch_size}: give at least 1 step and 2 pictures a batch")
    progress = progress or Progress()
    recipe = {"architecture": architecture, "seed": seed, "steps": steps, "batch_size": batch_size}
    torch.manual_seed(seed)
    model = build(architecture)
    initial = digits_features(model)
    with progress.step("drawing the fonts", 2) as advance:
        pictures = Pictures(TRAINING_FAMILIES)
        advance(1)
        unseen = Pictures(HELD_OUT_FAMILIES)
        advance(1)
    _train(model, pictures, Path(output), recipe, progress)
    figures = recipe | {
        "pictures": steps * batch_size,
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        **_scores(model, pictures, "training_fonts"),
        **_scores(model, unseen, "held_out_fonts"),
        "digits": {
            "pre-trained": digits_scores(digits_features(model)),
            "random weights": digits_scores(initial),
            "pixels": digits_scores(digits_pixels()),
        },
    }
    model.save_pretrained(output)
    image_processor(SIDE).save_pretrained(output)
    write_card(Path(output), figures)
    shutil.rmtree(_checkpoint(Path(output)), ignore_errors=True)
    return figures


def build(architecture: Architecture) -> PreTrainedModel:
    """The architecture with initial weights drawn from torch's global generator, its classes the 62 characters."""
    config = (AlihResNetConfig if architecture == "resnet-small" else AlihVggConfig)(
        id2label=dict(enumerate(CHARACTERS)),
        label2id={character: number for number, character in enumerate(CHARACTERS)},
        problem_type="single_label_classification",
    )
    if isinstance(config, AlihResNetConfig):
        return AlihResNetForImageClassification(config)
    return AlihVggForImageClassification(config)


def _train(
    model: PreTrainedModel, pictures: Pictures, output: Path, recipe: dict[str, Any], progress: Progress
) -> None:
    """SGD with Nesterov momentum under one cycle of the learning rate; checkpoints as it goes.

    A loop of its own, not `alih.training.loop`: that one stands above this layer and runs epochs over stored examples
    with validation; here every batch is drawn once and thrown away, and a step is known by its number alone.
    """
    steps, size = recipe["steps"], recipe["batch_size"]
    module: nn.Module = model
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0, momentum=0.9, nesterov=True, weight_decay=5e-4)
    done = _resume(model, optimizer, output, recipe, progress)
    model.train()
    rate = _one_cycle(_PEAK_RATE[recipe["architecture"]], steps)
    with progress.step(f"pre-training {recipe['architecture']}", steps - done, "steps") as advance:
        for step in range(done, steps):
            drawn, labels = pictures.draw(2 * recipe["seed"], np.arange(step * size, (step + 1) * size))
            for group in optimizer.param_groups:
                group["lr"] = rate(step)
            loss = nn.functional.cross_entropy(model(pixel_values=normalised(drawn)).logits, labels)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimizer.step()
            advance(1)
            if (step + 1) % _KEEP_EVERY == 0:
                _keep(model, optimizer, output, recipe | {"done": step + 1, "loss": loss.item()})


def _one_cycle(peak: float, steps: int) -> Callable[[int], float]:
    """Linear warm-up over 15 % of the steps, then half a cosine to zero (Smith and Topin 2018, arXiv 1708.07120)."""
    warm = max(1, round(0.15 * steps))

    def rate(step: int) -> float:
        if step < warm:
            return peak * (step + 1) / warm
        return peak * 0.5 * (1.0 + math.cos(math.pi * (step - warm) / max(1, steps - warm)))

    return rate


def _checkpoint(output: Path) -> Path:
    return output / "checkpoint"


def _keep(model: nn.Module, optimizer: torch.optim.Optimizer, output: Path, state: dict[str, Any]) -> None:
    """Write the checkpoint so that a cut at any moment leaves a whole one: one file, replaced at once."""
    folder = _checkpoint(output)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {f"model.{name}": tensor.contiguous() for name, tensor in model.state_dict().items()}
    for name, parameter in model.named_parameters():
        tensors[f"momentum.{name}"] = optimizer.state[parameter]["momentum_buffer"].contiguous()
    save_file(tensors, folder / "writing.safetensors", metadata={"state": json.dumps(state)})
    os.replace(folder / "writing.safetensors", folder / "state.safetensors")


def _resume(
    model: nn.Module, optimizer: torch.optim.Optimizer, output: Path, recipe: dict[str, Any], progress: Progress
) -> int:
    """Load the checkpoint into model and optimiser where there is one; gives the steps already done."""
    file = _checkpoint(output) / "state.safetensors"
    if not file.exists():
        return 0
    state = _state_of(file)
    kept = {name: state.get(name) for name in recipe}
    if kept != recipe:
        raise OptionError(
            f"{file.parent} keeps an unfinished run of another recipe ({kept}); "
            "finish it with the same options, delete that folder, or give another --output"
        )
    tensors = load_file(file)
    model.load_state_dict({n.removeprefix("model."): t for n, t in tensors.items() if n.startswith("model.")})
    for name, parameter in model.named_parameters():
        buffer = torch.empty_like(parameter).copy_(tensors[f"momentum.{name}"])  # keeps the parameter's memory format
        optimizer.state[parameter]["momentum_buffer"] = buffer.detach()
    done = int(state["done"])
    progress.say(f"going on from step {done} of {recipe['steps']}, kept in {file.parent}")
    return done


def _state_of(file: Path) -> dict[str, Any]:
    from safetensors import safe_open

    with safe_open(file, framework="pt") as opened:
        state: dict[str, Any] = json.loads(opened.metadata()["state"])
    return state


@torch.no_grad()
def _scores(model: PreTrainedModel, pictures: Pictures, name: str) -> dict[str, float]:
    """Accuracy on pictures never trained on, plain and folded."""
    count = _EVALUATION_PICTURES
    folded = torch.tensor([CHARACTERS.index(c.translate(_LOOK_ALIKE)) for c in CHARACTERS])
    model.train(False)
    right = right_folded = 0
    for start in range(0, count, 200):
        drawn, labels = pictures.draw(_EVALUATION_SEED, np.arange(start, min(start + 200, count)))
        predicted = model(pixel_values=normalised(drawn)).logits.argmax(dim=1)
        right += int((predicted == labels).sum())
        right_folded += int((folded[predicted] == folded[labels]).sum())
    return {f"accuracy_{name}": right / count, f"folded_accuracy_{name}": right_folded / count}
