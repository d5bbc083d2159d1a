"""Opens a text model as it was trained (language-model head kept), with attention that can be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from transformers import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING,
    MODEL_FOR_MASKED_LM_MAPPING,
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from alih.compare.adapted import model_folder
from alih.errors import ModelError
from alih.pretrained.build import read_config
from alih.pretrained.builtin import verify
from alih.pretrained.folder import ModelFolder, examine
from alih.pretrained.hub import fetch
from alih.pretrained.pooled import AlihPooledConfig, AlihPooledForSequenceClassification
from alih.pretrained.processor import load_tokenizer, longest_text
from alih.pretrained.quiet import quiet
from alih.pretrained.registration import register_all
from alih.pretrained.resolve import resolve

#: What the model does with a text: turns it into vectors, fills masks, goes on writing, or writes another text.
Kind = Literal["encoder", "masked", "causal", "translator"]
#: Said where attention cannot be captured.
FAMILIES = "BERT, DistilBERT, RoBERTa, ELECTRA, GPT-2, Llama, Mistral, Qwen, Marian, BART, T5 and alih-transformer"


@dataclass(frozen=True)
class Opened:
    """A model to look into.

    Args:
        name: as the user typed it.
        model: in evaluation mode, fp32, on the CPU, attention computed in the open ("eager").
        tokenizer: its tokenizer.
        kind: what it does with a text.
        max_length: most tokens that it takes; None where nothing limits it.
    """

    name: str
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    kind: Kind
    max_length: int | None


def open_model(name: str | Path, *, revision: str | None = None, allow_pickle: bool = False) -> Opened:
    """Open a model by built-in name, run folder, folder or Hub id.

    Raises:
        ModelError: nothing usable is there, or it reads no texts; the message says what to do.
        RunError: a run folder without a model.
    """
    register_all()
    given = Path(name).expanduser()
    if (given / "spec.json").is_file() or (given.name == "last" and given.exists()):
        name = str(model_folder(given))  # a run folder
    source = resolve(name, revision)
    if source.kind == "file":
        raise ModelError(f"{name}: is a file. alih explain takes a built-in name, a run or model folder, or a Hub id.")
    with quiet():
        path = source.path or fetch(source, allow_pickle=allow_pickle)
        folder = examine(path, source.name, allow_pickle=allow_pickle)
        if source.kind == "built-in":
            verify(source.name, path)
        config = read_config(folder, source.name)
        if type(config) in MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING:
            raise ModelError(
                f"{source.name} reads pictures, and alih explain shows how a model reads a text. Name a text model, "
                f"for example alih/minilm; what is inside this one says: alih inspect {source.name}"
            )
        tokenizer = load_tokenizer(folder, config, source.name)
        most = longest_text(tokenizer, config, folder)
        model, kind = _build(folder, config, source.name)
    return Opened(source.name, model.eval(), tokenizer, kind, most)


def kind_of(model: PreTrainedModel) -> Kind:
    """What a model that is there already does with a text, by the mapping its class is in."""
    config: Any = type(model.config)
    made: Any = type(model)
    mappings: tuple[tuple[Kind, Any], ...] = (
        ("translator", MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING),
        ("causal", MODEL_FOR_CAUSAL_LM_MAPPING),
        ("masked", MODEL_FOR_MASKED_LM_MAPPING),
    )
    for kind, mapping in mappings:
        if config in mapping and mapping[config] is made:
            return kind
    return "encoder"


def _build(folder: ModelFolder, config: PreTrainedConfig, name: str) -> tuple[PreTrainedModel, Kind]:
    auto, kind = _auto(config)
    options: dict[str, Any] = {
        "config": config,
        "dtype": torch.float32,
        "attn_implementation": "eager",
        "local_files_only": True,
        "trust_remote_code": False,
    }
    try:
        built = auto.from_pretrained(folder.path, **options)
    except Exception as error:
        first = str(error).strip().splitlines()
        raise ModelError(
            f"{name}: its weights cannot be opened for explaining ({type(error).__name__}: "
            f"{first[0][:160] if first else ''}). Models that work: {FAMILIES}."
        ) from error
    if isinstance(built, AlihPooledForSequenceClassification):
        built = built.backbone
        built.set_attn_implementation("eager")
    model: PreTrainedModel = built
    if config.is_encoder_decoder and kind != "translator":
        raise ModelError(f"{name}: an encoder–decoder that cannot write. Models that work: {FAMILIES}.")
    return model, kind


def _auto(config: PreTrainedConfig) -> tuple[Any, Kind]:
    """The class to open a model with: a language model's where its weights are one's, or else the bare model's."""
    if isinstance(config, AlihPooledConfig):
        return AutoModelForSequenceClassification, "encoder"  # an adapted model: its backbone is what is shown
    made = (config.architectures or [""])[0]
    if config.is_encoder_decoder and type(config) in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING:
        return AutoModelForSeq2SeqLM, "translator"
    if made.endswith(("ForCausalLM", "LMHeadModel")):
        return AutoModelForCausalLM, "causal"
    if made.endswith(("ForMaskedLM", "ForPreTraining")) and type(config) in MODEL_FOR_MASKED_LM_MAPPING:
        return AutoModelForMaskedLM, "masked"
    return AutoModel, "encoder"
