"""A model without its weights: architecture and sizes from config.json alone, whatever the model's size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AutoModelForImageClassification, AutoModelForSequenceClassification
from transformers.models.auto.modeling_auto import MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING

from alih.errors import ModelError
from alih.pretrained.build import modality_of, read_config
from alih.pretrained.families import anatomy_of
from alih.pretrained.folder import ModelFolder, examine
from alih.pretrained.open import Pretrained
from alih.pretrained.quiet import quiet
from alih.pretrained.registration import register_all
from alih.pretrained.resolve import Source, resolve
from alih.task import Modality

_BYTES = {"float32": 4, "float16": 2, "bfloat16": 2, "float64": 8}


def outline(name: str | Path, *, revision: str | None = None) -> Pretrained:
    """Build a model from its configuration with tensors that have shapes and no data.

    Args:
        name: a built-in name, a folder with a config.json, that file, or a Hub id (its config.json is downloaded).
        revision: branch, tag or commit on the Hub.

    Raises:
        ModelError: there is no configuration, or none of a model that classifies texts or images.
    """
    register_all()
    path = Path(name)
    source = resolve(path.parent if path.name == "config.json" and path.is_file() else name, revision)
    with quiet():
        folder = _folder(source)
        config = read_config(folder, source.name)
        modality = modality_of(config, source.name)
        is_image = type(config) in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING
        auto: Any = AutoModelForImageClassification if is_image else AutoModelForSequenceClassification
        if getattr(config, "pad_token_id", None) is None:
            config.pad_token_id = 0
        stored = _BYTES.get(str(config.dtype).removeprefix("torch."), 4)
        try:
            with FakeTensorMode():
                model = auto.from_config(config, dtype=torch.float32)
                anatomy = anatomy_of(model)
        except ModelError:
            raise
        except Exception as error:
            raise ModelError(
                f"{source.name}: no model can be built from its config.json ({str(error).splitlines()[0][:200]})."
            ) from error
    longest = getattr(config, "max_position_embeddings", None) if modality is Modality.TEXT else None
    return Pretrained(
        name=source.name,
        source=source,
        model=model.eval(),
        processor=None,
        anatomy=anatomy,
        task=None,
        max_length=longest if isinstance(longest, int) and longest > 0 else None,
        bytes_on_disk=stored * sum(parameter.numel() for parameter in model.parameters()),
    )


def has_weights(name: str | Path) -> bool:
    """Whether a name is a local model whose weights are there (or may be on the Hub); False for a config.json alone."""
    path = Path(name)
    if path.name == "config.json" and path.is_file():
        return False
    if not path.is_dir():
        return True
    patterns = ("*.safetensors", "*.safetensors.index.json", "*.bin", "*/*.safetensors", "spec.json")
    return any(next(path.glob(pattern), None) is not None for pattern in patterns)


def _folder(source: Source) -> ModelFolder:
    path = source.path
    if path is None:
        try:
            path = Path(hf_hub_download(source.name, "config.json", revision=source.revision)).parent
        except Exception as error:
            why = str(error).splitlines()[0][:150]
            raise ModelError(
                f"{source.name}: its config.json is not in the local Hub cache and cannot be downloaded ({why}). Give "
                "the path of a config.json."
            ) from error
    return examine(path, source.name, weights_needed=False, to_adapt=False)
