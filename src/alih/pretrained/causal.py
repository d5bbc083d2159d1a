"""Which configurations are a causal language model's, and how its weights are opened."""

from __future__ import annotations

from typing import Any

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
)

from alih.errors import ModelError
from alih.pretrained.folder import ModelFolder


def writes(config: PreTrainedConfig) -> bool:
    """Whether a configuration is a causal language model's; encoders, and classifiers made of one, write nothing."""
    named = (config.architectures or [""])[0]
    is_other = named.endswith(("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering"))
    is_encoder = type(config) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(config, "is_decoder", False)
    if is_other or is_encoder or config.is_encoder_decoder:
        return False
    return type(config) in MODEL_FOR_CAUSAL_LM_MAPPING


def says_it_writes(config: PreTrainedConfig) -> bool:
    """Whether it moreover names a class that writes, so that the weights of its output are there."""
    return writes(config) and (config.architectures or [""])[0].endswith(("ForCausalLM", "LMHeadModel"))


def load_causal(folder: ModelFolder, config: PreTrainedConfig, name: str) -> PreTrainedModel:
    """Read the weights of a causal language model: fp32, on the CPU, in evaluation mode.

    Args:
        folder: its files.
        config: its configuration.
        name: what the user typed, for messages.

    Raises:
        ModelError: they cannot be opened, or some are missing.
    """
    auto: Any = AutoModelForCausalLM
    try:
        model, report = auto.from_pretrained(
            folder.path,
            config=config,
            output_loading_info=True,
            dtype=torch.float32,
            use_safetensors=None if folder.pickled else True,
            weights_only=True,
            local_files_only=True,
            trust_remote_code=False,
        )
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0][:160]
        raise ModelError(
            f"{name}: its weights cannot be opened ({type(error).__name__}: {first}). Copy the model again."
        ) from error
    missing = sorted(key for key in report["missing_keys"] if "lm_head" not in key)
    if missing:
        raise ModelError(
            f"{name}: {len(missing):,} weights are missing from its files (first: {missing[0]}), so it cannot write. "
            "Copy the model again."
        )
    built: PreTrainedModel = model
    built.train(False)
    return built
