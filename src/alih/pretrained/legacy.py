"""Single checkpoint files of older code: a CIFAR ResNet, a torchvision or timm VGG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel

from alih.errors import ModelError
from alih.pretrained.families import anatomy_of
from alih.pretrained.new_head import renew_head
from alih.pretrained.task_config import answers, classes_of, set_task
from alih.task import Modality, Task
from alih.vision.convert import read_legacy_checkpoint


def load_legacy(
    path: Path, name: str, task: Task | None, *, seed: int, random_weights: bool, allow_pickle: bool
) -> tuple[PreTrainedModel, Any, bool]:
    """Convert a checkpoint file and give it a head for the task.

    Returns:
        The model in eval mode, its image processor, and whether the head is new.

    Raises:
        ModelError: it is a pickle and those were not allowed, no network that is known, or the data are texts.
    """
    if path.suffix != ".safetensors" and not allow_pickle:
        raise ModelError(
            f"{name}: a single checkpoint file is a pickle, and a pickle can run code when it is opened. If you trust "
            "where it comes from, add --allow-pickle (allow_pickle=True): it is then read as tensors only."
        )
    if task is not None and task.modality is not Modality.IMAGE:
        raise ModelError(f"{name} is read as an image model, but the data are {task.modality.value}s.")
    converted = read_legacy_checkpoint(path)
    model = converted.model
    old = classes_of(model.config), model.config.problem_type
    keeps_head = not random_weights and (task is None or answers(*old, task))
    if keeps_head:
        return model.eval(), converted.processor, False
    if task is not None:
        set_task(model.config, task)
    torch.manual_seed(seed)
    fresh = type(model)(model.config)
    anatomy = anatomy_of(fresh)
    if not random_weights:
        heads = tuple(f"{part}." for part in anatomy.head)
        body = {key: tensor for key, tensor in model.state_dict().items() if not key.startswith(heads)}
        fresh.load_state_dict(body, strict=False)
    renew_head(fresh, anatomy, seed)
    return fresh.eval(), converted.processor, True
