"""Builds the model: configuration for the task, weights, and a new head where the old one does not fit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    AutoConfig,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    PreTrainedConfig,
    PreTrainedModel,
)
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING,
    MODEL_MAPPING,
)

from alih.errors import ModelError
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.families import anatomy_of
from alih.pretrained.folder import ModelFolder
from alih.pretrained.new_head import renew_head
from alih.pretrained.pooled import (
    ENCODERS_OF_PAIRS,
    AlihPooledConfig,
    AlihPooledForSequenceClassification,
    backbone_arguments,
    backbone_class,
)
from alih.pretrained.task_config import answers, classes_of, set_task
from alih.task import Modality, Task

#: Most characters of another library's message inside ours.
_LONGEST = 300


@dataclass(frozen=True)
class Built:
    """A model with its anatomy, and whether its head still has to be trained."""

    model: PreTrainedModel
    anatomy: Anatomy
    head_is_new: bool


def read_config(folder: ModelFolder, name: str) -> PreTrainedConfig:
    """Open the configuration.

    Raises:
        ModelError: a value in it is not of the kind that its architecture needs.
    """
    try:
        config: PreTrainedConfig = AutoConfig.from_pretrained(
            folder.path, trust_remote_code=False, local_files_only=True
        )
    except Exception as error:
        file = folder.path / "config.json"
        raise _in_words(
            error, name, f"{file} does not describe a model", "Correct the value, or copy the file again"
        ) from error
    return config


def modality_of(config: PreTrainedConfig, name: str) -> Modality:
    """Say whether a model of this configuration classifies texts or images.

    Raises:
        ModelError: neither.
    """
    kind = type(config)
    if kind in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING:
        return Modality.IMAGE
    if kind in MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING or config.model_type in ENCODERS_OF_PAIRS:
        return Modality.TEXT
    raise ModelError(
        f'{name}: models of type "{config.model_type}" classify neither texts nor images in transformers. Take a text '
        "encoder (BERT, RoBERTa, …), a language model (GPT-2, Llama, Qwen, …) or an image model (ViT, ResNet, …)."
    )


def can_pool(config: PreTrainedConfig) -> bool:
    """Tell whether the mean-pooled head can sit on a model of this configuration."""
    return not isinstance(config, AlihPooledConfig) and (
        config.model_type in ENCODERS_OF_PAIRS or (type(config) in MODEL_MAPPING and not config.is_encoder_decoder)
    )


def build(
    folder: ModelFolder,
    config: PreTrainedConfig,
    task: Task | None,
    *,
    name: str,
    pooled: bool,
    random_weights: bool,
    seed: int,
    tags: bool = False,
) -> Built:
    """Build the model for a task.

    Args:
        folder: where the weights are.
        config: the configuration in the folder, with the padding token set.
        task: what to predict; None keeps what the configuration says.
        name: what the user typed, for messages.
        pooled: put the mean-pooled head on the encoder.
        random_weights: the same architecture from scratch.
        seed: decides every new weight; the head's depend on nothing else.
        tags: the head reads every token.

    Raises:
        ModelError: weights that are missing, of other shapes, or cannot be read.
    """
    old = classes_of(config), config.problem_type
    if task is not None:
        set_task(config, task)
    torch.manual_seed(seed)
    try:
        if pooled:
            model, new, mismatched = _pooled(folder, config, random_weights)
        else:
            model, new, mismatched = _native(folder, config, random_weights, tags)
    except ModelError:
        raise
    except Exception as error:
        raise _in_words(
            error,
            name,
            f"its weights in {folder.path} cannot be loaded",
            "Check the sizes in config.json, or copy config.json and the weights again",
        ) from error
    anatomy = anatomy_of(model, new=new)
    _check_weights(model, anatomy, new, mismatched, name)
    keeps_head = not random_weights and not _in_parts(new, anatomy.head) and (task is None or answers(*old, task))
    if not keeps_head:
        renew_head(model, anatomy, seed)
    return Built(model.eval(), anatomy, head_is_new=not keeps_head)


def _native(
    folder: ModelFolder, config: PreTrainedConfig, random_weights: bool, tags: bool
) -> tuple[PreTrainedModel, set[str], dict[str, str]]:
    is_image = type(config) in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
    auto: Any = AutoModelForImageClassification if is_image else AutoModelForSequenceClassification
    auto = AutoModelForTokenClassification if tags else auto
    if hasattr(config, "use_cache"):
        config.use_cache = False  # a classifier reads a text once: keys and values kept for later are memory lost
    if random_weights:
        return auto.from_config(config, dtype=torch.float32), set(), {}
    model, report = read_weights(auto, folder, config, ignore_mismatched_sizes=True)
    return model, *_unread(report)


def _pooled(
    folder: ModelFolder, config: PreTrainedConfig, random_weights: bool
) -> tuple[PreTrainedModel, set[str], dict[str, str]]:
    auto: Any = backbone_class(config)
    arguments = backbone_arguments(config)
    missing: set[str] = set()
    mismatched: dict[str, str] = {}
    if random_weights:
        backbone = auto.from_config(config, dtype=torch.float32, **arguments)
    else:
        backbone, report = read_weights(auto, folder, config, ignore_mismatched_sizes=True, **arguments)
        missing, mismatched = _unread(report)
    attention = backbone.config._attn_implementation  # a configuration put inside another one forgets it
    pooled_config = AlihPooledConfig(backbone_config=backbone.config, pad_token_id=config.pad_token_id)
    pooled_config.id2label, pooled_config.label2id = config.id2label, config.label2id
    pooled_config.problem_type = config.problem_type
    pooled_config._attn_implementation = attention
    # The wrapper names the classes; a second list inside the backbone's configuration could only contradict it.
    backbone.config.problem_type = backbone.config.id2label = None
    backbone.config.num_labels = 2
    model = AlihPooledForSequenceClassification(pooled_config, backbone)
    new = {f"backbone.{key}" for key in missing} | {"classifier.weight", "classifier.bias"}
    return model, new, {f"backbone.{key}": shapes for key, shapes in mismatched.items()}


def read_weights(
    auto: Any, folder: ModelFolder, config: PreTrainedConfig, **arguments: Any
) -> tuple[PreTrainedModel, dict[str, Any]]:
    """Read a model as fp32, and what the files lacked: this folder alone, no code of it, no pickle unasked."""
    model, report = auto.from_pretrained(
        folder.path,
        config=config,
        dtype=torch.float32,
        use_safetensors=None if folder.pickled else True,
        weights_only=True,
        output_loading_info=True,
        trust_remote_code=False,
        local_files_only=True,
        **arguments,
    )
    return model, report


def _unread(report: dict[str, Any]) -> tuple[set[str], dict[str, str]]:
    """Names of weights that were not in the files, and of those whose shapes differ (with both shapes)."""
    mismatched = {key: f"{tuple(found)} instead of {tuple(wanted)}" for key, found, wanted in report["mismatched_keys"]}
    return set(report["missing_keys"]) | set(mismatched), mismatched


def _check_weights(
    model: PreTrainedModel, anatomy: Anatomy, new: set[str], mismatched: dict[str, str], name: str
) -> None:
    """Only the head may be new: anything else missing means that the files belong to another architecture."""
    state = {key for key, _ in model.named_parameters(remove_duplicate=False)}
    state |= {key for key, _ in model.named_buffers() if key.endswith(("running_mean", "running_var"))}
    lost = sorted(key for key in new & state if not _in_parts({key}, anatomy.head))
    if not lost:
        return
    wrong_shape = [key for key in lost if key in mismatched]
    if wrong_shape:
        raise ModelError(
            f"{name}: config.json and the weights disagree: {wrong_shape[0]} has shape {mismatched[wrong_shape[0]]}"
            f"{_and_more(wrong_shape)}. Copy config.json and the weights from the same model."
        )
    raise ModelError(
        f"{name}: the weights are not those of a {type(model).__name__}: {lost[0]}{_and_more(lost)} missing of "
        f"{len(state)}. Copy config.json and the weights from the same model."
    )


def _in_parts(names: set[str], paths: tuple[str, ...]) -> bool:
    return any(key.startswith(f"{path}.") for key in names for path in paths)


def _and_more(names: list[str]) -> str:
    return f" and {len(names) - 1} more" if len(names) > 1 else ""


def _in_words(error: Exception, name: str, what: str, remedy: str) -> ModelError:
    text = " ".join(str(error).split())
    kind = "" if isinstance(error, ModelError) else f"{type(error).__name__}: "
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return ModelError(f"{name}: {what} ({kind}{shown}). {remedy}.")
