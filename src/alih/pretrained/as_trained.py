"""Weights opened as they were trained: language models with their output layer, encoders without a head."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
)

from alih.errors import ModelError
from alih.pretrained.build import read_weights
from alih.pretrained.folder import ModelFolder
from alih.pretrained.kinds import Form
from alih.pretrained.pooled import AlihPooledConfig, backbone_class

#: What a model of each form cannot do with weights missing, and what to do about it.
_WITHOUT = {
    "causal": ("write", "Copy the model again."),
    "masked": ("fill masks", "Copy the model again."),
    "seq2seq": ("translate", "Copy the model again, or take one that was trained to write."),
    "cross-encoder": ("score", "Copy the model again."),
    "encoder": ("be used", "Copy the model again, or take one whose config.json is that of its weights."),
}
#: Positions that are computed rather than read, and what an encoder's own pooler would make: no vector here is it.
_NOT_READ = {"seq2seq": ("embed_positions", "final_logits_bias"), "encoder": ("pooler",), "masked": ("pooler",)}


def load_as_trained(
    folder: ModelFolder, config: PreTrainedConfig, form: Form, name: str
) -> tuple[PreTrainedModel, bool]:
    """Read the weights: fp32, on the CPU, in evaluation mode.

    Args:
        folder: the model's files.
        config: its configuration.
        form: any but "classifier".
        name: what the user typed, for messages.

    Returns:
        The model, and whether a cross-encoder's head was missing from the files, so that it is random.

    Raises:
        ModelError: they cannot be opened, or some are missing.
    """
    auto = _auto(config, form)
    try:
        model, report = read_weights(auto, folder, config)
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0][:160]
        raise ModelError(
            f"{name}: its weights cannot be opened ({type(error).__name__}: {first}). Copy the model again."
        ) from error
    ignored = _NOT_READ.get(form, ())
    lost = report["missing_keys"] - _tied(model, report["missing_keys"])
    missing = sorted(key for key in lost if not any(part in key for part in ignored))
    head = [key for key in missing if form == "cross-encoder" and not key.startswith(f"{model.base_model_prefix}.")]
    if len(missing) > len(head):
        cannot, remedy = _WITHOUT[form]
        raise ModelError(
            f"{name}: {len(missing):,} weights are missing from its files (first: {missing[0]}), so it cannot "
            f"{cannot}. {remedy}"
        )
    return _bare(model, form).eval(), bool(head)


def random_as_trained(config: PreTrainedConfig, form: Form, seed: int) -> PreTrainedModel:
    """The same architecture with random weights, which `seed` decides."""
    torch.manual_seed(seed)
    model: PreTrainedModel = _bare(_auto(config, form).from_config(config, dtype=torch.float32), form).eval()
    return model


def _auto(config: PreTrainedConfig, form: Form) -> Any:
    if form == "encoder":
        # An adapted classifier's encoder lies inside it.
        return AutoModelForSequenceClassification if isinstance(config, AlihPooledConfig) else backbone_class(config)
    autos: dict[str, Any] = {
        "causal": AutoModelForCausalLM,
        "masked": AutoModelForMaskedLM,
        "seq2seq": AutoModelForSeq2SeqLM,
        "cross-encoder": AutoModelForSequenceClassification,
    }
    return autos[form]


def _bare(model: Any, form: Form) -> PreTrainedModel:
    bare: PreTrainedModel = model
    if form == "encoder" and isinstance(model.config, AlihPooledConfig):
        bare = model.backbone
    return bare


def _tied(model: PreTrainedModel, missing: set[str]) -> set[str]:
    """Of the missing names those of tensors that came under another name: an output layer that is the embeddings."""
    names: dict[int, set[str]] = {}
    for name, parameter in model.named_parameters(remove_duplicate=False):
        names.setdefault(id(parameter), set()).add(name)
    return {name for same in names.values() if not same <= missing for name in same & missing}
