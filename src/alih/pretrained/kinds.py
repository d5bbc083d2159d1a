"""What a model is, by its configuration: which kind, and what its weights can be opened as."""

from __future__ import annotations

from typing import Any, Literal

from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING,
    PreTrainedConfig,
)

from alih.errors import ModelError
from alih.pretrained.folder import ModelFolder
from alih.pretrained.pooled import ENCODERS_OF_PAIRS, AlihPooledConfig
from alih.pretrained.prompted import AlihPromptedConfig

#: "encoder": of texts, with a classifier on it or without; "causal": a decoder-only language model; "seq2seq": an
#: encoder and a decoder that writes; "embedding": a sentence-transformers folder; "image": reads pictures; "prompted":
#: a language model that classifies inside a prompt.
Kind = Literal["encoder", "causal", "seq2seq", "embedding", "image", "prompted"]
#: "classifier": with the architecture's classification head, or a new one; "tagger": the same, with a head that reads
#: every token. The rest are opened as they were trained:
#: "causal", "masked" and "seq2seq" with their output layer, "cross-encoder" with the head that its weights have,
#: "encoder" without any head.
Form = Literal["classifier", "tagger", "cross-encoder", "causal", "masked", "seq2seq", "encoder"]
#: Sequence-to-sequence families that are known to work, for messages.
TRANSLATORS = "Marian, T5, BART, mBART, M2M-100, NLLB and alih-transformer"


def kind_of(config: PreTrainedConfig, folder: ModelFolder) -> Kind:
    """What a model is, by its configuration and the files beside it."""
    if isinstance(config, AlihPromptedConfig):
        return "prompted"
    if type(config) in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING:
        return "image"
    if folder.pools and not _named(config).endswith("ForSequenceClassification"):
        return "embedding"
    form = trained_as(config)
    return form if form == "causal" or form == "seq2seq" else "encoder"


def trained_as(config: PreTrainedConfig) -> Literal["causal", "masked", "seq2seq", "encoder"]:
    """What the class that the configuration names was trained to do; "encoder" for heads that write no text."""
    named = _named(config)
    if isinstance(config, AlihPooledConfig):
        return "encoder"
    if config.is_encoder_decoder:
        writing = named.endswith(("ForConditionalGeneration", "MTModel", "LMHeadModel"))
        return "seq2seq" if writing and type(config) in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING else "encoder"
    if names_causal(config):
        return "causal"
    if named.endswith(("ForMaskedLM", "ForPreTraining")) and type(config) in MODEL_FOR_MASKED_LM_MAPPING:
        return "masked"
    return "encoder"


def can_be_causal(config: PreTrainedConfig) -> bool:
    """Whether a configuration is a causal language model's; encoders, and classifiers made of one, write nothing."""
    is_other = _named(config).endswith(("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering"))
    is_encoder = type(config) in MODEL_FOR_MASKED_LM_MAPPING and not getattr(config, "is_decoder", False)
    if is_other or is_encoder or config.is_encoder_decoder:
        return False
    return type(config) in MODEL_FOR_CAUSAL_LM_MAPPING


def names_causal(config: PreTrainedConfig) -> bool:
    """Whether it moreover names a class that writes, so that the weights of its output layer are there."""
    return can_be_causal(config) and _named(config).endswith(("ForCausalLM", "LMHeadModel"))


def check_form(config: PreTrainedConfig, form: Form, name: str) -> None:
    """Check that a model can be opened as what a task needs.

    Args:
        config: the model's.
        form: what is asked for.
        name: what the user typed, for messages.

    Raises:
        ModelError: it cannot.
    """
    kind: Any = type(config)
    if form == "causal" and not can_be_causal(config):
        raise ModelError(
            f"{name}: a model of the kind {config.model_type} writes no text. Take a causal language model "
            "(GPT-2, Llama, Qwen, …) or alih/lm-small."
        )
    if form == "seq2seq" and not (config.is_encoder_decoder and kind in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING):
        raise ModelError(
            f"{name}: a model of the kind {config.model_type} does not translate. Take one with an encoder and "
            f"a decoder: {TRANSLATORS}; or leave out --model to train the paper's Transformer from scratch."
        )
    if form == "tagger" and (config.is_encoder_decoder or kind not in MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING):
        raise ModelError(
            f"{name}: models of the kind {config.model_type} tag no tokens in transformers. Take a text encoder "
            "(BERT, DistilBERT, RoBERTa, DeBERTa, …) or alih/minilm."
        )
    has_decoder = config.is_encoder_decoder and config.model_type not in ENCODERS_OF_PAIRS
    if form == "encoder" and (has_decoder or trained_as(config) == "seq2seq"):
        raise ModelError(f"{name}: has a decoder, so it is no encoder. Take a sentence-transformers model.")
    if form == "encoder" and isinstance(config, AlihPromptedConfig):
        raise ModelError(f"{name}: is a language model inside a prompt. Open the language model that it was made from.")


def _named(config: PreTrainedConfig) -> str:
    return str((config.architectures or [""])[0])
