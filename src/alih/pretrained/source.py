"""Loads pre-trained models by name, with a head for the task, their processor and their anatomy."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from safetensors import SafetensorError
from transformers import PreTrainedConfig, PreTrainedModel

from alih.errors import ModelError
from alih.pretrained.anatomy import Anatomy
from alih.pretrained.build import build, can_pool, modality_of, read_config
from alih.pretrained.builtin import BUILT_IN, verify
from alih.pretrained.causal import load_causal, says_it_writes
from alih.pretrained.families import anatomy_of
from alih.pretrained.folder import ModelFolder, examine
from alih.pretrained.hub import fetch
from alih.pretrained.legacy import load_legacy
from alih.pretrained.pairs import set_apart
from alih.pretrained.pooled import ENCODERS_OF_PAIRS
from alih.pretrained.processor import load_image_processor, load_tokenizer, longest_text
from alih.pretrained.prompted import AlihPromptedConfig, AlihPromptedForSequenceClassification
from alih.pretrained.quiet import quiet
from alih.pretrained.registration import register_all
from alih.pretrained.resolve import Source, commit_of, resolve
from alih.pretrained.task_config import task_of
from alih.quantize.model import quantized_layers
from alih.quantize.storage import save_quantized
from alih.task import Modality, Task

__all__ = ["BUILT_IN", "Pooling", "Pretrained", "Source", "default_model", "load", "resolve"]

#: How a text's tokens become one vector: as the architecture's own head does, by their mean, or whichever suits.
Pooling = Literal["auto", "native", "mean"]


@dataclass
class Pretrained:
    """A pre-trained model, ready to be adapted or used.

    Args:
        name: as the user typed it.
        source: where it came from.
        model: in eval mode, fp32, on the CPU.
        processor: its tokenizer or its image processor.
        anatomy: where its parts are.
        task: what its head predicts; None where it was loaded for no task and its head was never trained.
        max_length: most tokens a text may have; None for images, and where nothing limits it.
        head_is_new: the head has yet to be trained; False where it came with the weights.
        licence: as the model card states it.
        bytes_on_disk: size of the weight files.
        writes: the weights are a causal language model's, so that it can be prompted; see `language_model`.
    """

    name: str
    source: Source
    model: PreTrainedModel
    processor: Any
    anatomy: Anatomy
    task: Task | None
    max_length: int | None
    head_is_new: bool = True
    licence: str | None = None
    bytes_on_disk: int = 0
    writes: bool = False

    @property
    def is_prompted(self) -> bool:
        """A language model inside a prompt: nothing of it trains any more."""
        return isinstance(self.model, AlihPromptedForSequenceClassification)

    def save(self, folder: Path | str) -> None:
        """Write model and processor as a plain Hugging Face folder (safetensors), which the Auto classes open.

        One with quantised layers is opened after `import alih`; see `alih.quantize.storage`.

        Raises:
            ModelError: the folder cannot be written.
        """
        try:
            with quiet():
                if quantized_layers(self.model):
                    save_quantized(self.model, Path(folder))
                else:
                    self.model.save_pretrained(folder)
                self.processor.save_pretrained(folder)
        except Exception as error:
            # What the system refuses, safetensors says in an error of its own, and tokenizers in a bare Exception.
            if isinstance(error, OSError | SafetensorError) or type(error) is Exception:
                raise ModelError(
                    f"{folder}: the model cannot be written ({error}). Make room, or choose a folder that may be "
                    "written to."
                ) from error
            raise


def default_model(task: Task) -> str:
    """The built-in model to start from, where the user names none."""
    return "alih/minilm" if task.modality is Modality.TEXT else "alih/resnet-small"


def load(
    name: str | Path,
    task: Task | None = None,
    *,
    random_weights: bool = False,
    seed: int = 0,
    allow_pickle: bool = False,
    revision: str | None = None,
    pooling: Pooling = "auto",
) -> Pretrained:
    """Load a pre-trained model and give it a head for the task.

    A head that the model already has is kept where its classes are the task's; `Pretrained.head_is_new` says so.

    Args:
        name: a built-in name, a folder, or a Hub id.
        task: what to predict; None takes the model as it is.
        random_weights: the same architecture from scratch, to measure what pre-training was worth.
        seed: decides the new weights; the new head's depend on nothing else.
        allow_pickle: also read pickled weights, as tensors only.
        revision: branch, tag or commit on the Hub.
        pooling: "mean" puts a mean-pooled head on a text encoder, "native" takes the architecture's own; "auto" takes
            the mean for sentence-transformers models that were made with it and for T5's encoder.

    Raises:
        ModelError: nothing usable is there; the message says what to do.
    """
    register_all()
    source = resolve(name, revision)
    with quiet():
        if source.kind == "file" and source.path is not None:
            model, processor, head_is_new = load_legacy(
                source.path, source.name, task, seed=seed, random_weights=random_weights, allow_pickle=allow_pickle
            )
            if task is None and not head_is_new:
                task = task_of(model.config, Modality.IMAGE)
            size = source.path.stat().st_size
            return Pretrained(
                source.name, source, model, processor, anatomy_of(model), task, None, head_is_new, None, size
            )
        path = source.path or fetch(source, allow_pickle=allow_pickle)
        source = replace(source, commit=commit_of(path))
        folder = examine(
            path, source.name, allow_pickle=allow_pickle, weights_needed=not random_weights, to_adapt=task is not None
        )
        if source.kind == "built-in" and not random_weights:
            verify(source.name, path)
        config = read_config(folder, source.name)
        written = says_it_writes(config)
        if task is not None and isinstance(config, AlihPromptedConfig):
            raise ModelError(
                f"{source.name}: is a language model inside a prompt, of which nothing trains. Adapt the language "
                "model that it was made from."
            )
        modality = modality_of(config, source.name)
        _check_modality(source.name, modality, task)
        pooled = _pools(config, folder, modality, pooling, source.name)
        if modality is Modality.TEXT:
            processor = load_tokenizer(folder, config, source.name)
            if written and task is not None and task.pair:
                set_apart(processor)
            max_length = longest_text(processor, config, folder)
        else:
            processor, max_length = load_image_processor(folder, source.name), None
        built = build(folder, config, task, name=source.name, pooled=pooled, random_weights=random_weights, seed=seed)
    if max_length is not None:
        processor.model_max_length = max_length  # so that a saved folder remembers it
    return Pretrained(
        name=source.name,
        source=source,
        model=built.model,
        processor=processor,
        anatomy=built.anatomy,
        task=task if task is not None or built.head_is_new else task_of(built.model.config, modality),
        max_length=max_length,
        head_is_new=built.head_is_new,
        licence=folder.licence,
        bytes_on_disk=folder.nbytes,
        writes=written and not random_weights,
    )


def language_model(pretrained: Pretrained, *, allow_pickle: bool = False) -> Pretrained:
    """The causal language model that a classifier was made from, with a tokenizer of its own; see `Pretrained.writes`.

    Args:
        pretrained: loaded for a task; its model is not touched.
        allow_pickle: also read pickled weights, as tensors only.

    Raises:
        ModelError: its weights cannot be opened, or some are missing.
    """
    source = pretrained.source
    path = source.path or fetch(source, allow_pickle=allow_pickle)
    with quiet():
        folder = examine(path, source.name, allow_pickle=allow_pickle, weights_needed=True, to_adapt=False)
        config: Any = read_config(folder, source.name)
        config.pad_token_id = pretrained.processor.pad_token_id
        model = load_causal(folder, config, source.name)
    return replace(pretrained, model=model, processor=copy.deepcopy(pretrained.processor))


def _check_modality(name: str, modality: Modality, task: Task | None) -> None:
    if task is not None and task.modality is not modality:
        raise ModelError(
            f"{name} reads {modality.value}s, but the data are {task.modality.value}s. Leave --model out to start from "
            f"{default_model(task)}, or name another model for {task.modality.value}s."
        )


def _pools(config: PreTrainedConfig, folder: ModelFolder, modality: Modality, pooling: Pooling, name: str) -> bool:
    """Decide on the mean-pooled head."""
    only_pooled = config.model_type in ENCODERS_OF_PAIRS
    if pooling == "native" and only_pooled:
        raise ModelError(f"{name}: T5's encoder has no classification head of its own; leave out --pooling native.")
    if pooling == "mean" and (
        modality is Modality.IMAGE or not (can_pool(config) or config.model_type == "alih-pooled")
    ):
        raise ModelError(f"{name}: --pooling mean is for text encoders; leave it out for this model.")
    if pooling == "auto":
        return only_pooled or (folder.mean_pooled and can_pool(config))
    return pooling == "mean" and can_pool(config)
