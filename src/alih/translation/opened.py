"""Opens a model that turns one text into another: built in, a run or model folder, or a Hub id."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import (
    MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING,
    AutoModelForSeq2SeqLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from alih.compare.adapted import model_folder
from alih.errors import ModelError
from alih.pretrained.build import read_config
from alih.pretrained.builtin import BUILT_IN, verify
from alih.pretrained.folder import ModelFolder, examine
from alih.pretrained.hub import fetch
from alih.pretrained.processor import load_tokenizer, longest_text
from alih.pretrained.quiet import quiet
from alih.pretrained.registration import register_all
from alih.pretrained.resolve import resolve

#: Models that are known to work, for messages.
FAMILIES = "Marian, T5, BART, mBART, M2M-100, NLLB and alih-transformer"


@dataclass(frozen=True)
class Opened:
    """A sequence-to-sequence model.

    Args:
        name: as the user typed it.
        folder: where it lies.
        model: in evaluation mode, fp32, on the CPU.
        tokenizer: its tokenizer.
        max_length: most tokens that it takes; None where nothing limits it.
    """

    name: str
    folder: Path
    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    max_length: int | None

    @property
    def decoder_blocks(self) -> list[str]:
        """Names of the decoder's blocks, bottom to top.

        Raises:
            ModelError: they are not where a decoder has them.
        """
        decoder = self.model.get_decoder()
        name = next(name for name, module in self.model.named_modules() if module is decoder)
        for child, module in decoder.named_children():
            if isinstance(module, nn.ModuleList) and len(module):
                return [f"{name}.{child}.{number}" for number in range(len(module))]
        raise ModelError(f"{self.name}: its decoder has no list of blocks, so --blocks means nothing here.")


def seq2seq_config(name: str | Path, revision: str | None = None, *, allow_pickle: bool = False) -> ModelFolder:
    """Find the model and check that it turns texts into texts; no weights are read.

    Raises:
        ModelError: nothing usable is there, or it is another kind of model.
        RunError: a run folder without a model.
    """
    register_all()
    given = Path(name).expanduser()
    if (given / "spec.json").is_file() or (given.name == "last" and given.exists()):
        name = str(model_folder(given))
    source = resolve(name, revision)
    if source.kind == "file":
        raise ModelError(f"{name}: is a file. Give a built-in name, a run or model folder, or a Hub id.")
    path = source.path or fetch(source, allow_pickle=allow_pickle)
    folder = examine(path, source.name, allow_pickle=allow_pickle)
    config = read_config(folder, source.name)
    if type(config) not in MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM_MAPPING or not config.is_encoder_decoder:
        raise ModelError(
            f"{source.name}: a model of the kind {folder.model_type} does not translate. Take one with an encoder and "
            f"a decoder: {FAMILIES}; or leave out --model to train the paper's Transformer from scratch."
        )
    if source.kind == "built-in":
        verify(source.name, path)
    return folder


def open_seq2seq(name: str | Path, revision: str | None = None, *, allow_pickle: bool = False) -> Opened:
    """Open a model with its tokenizer.

    Raises:
        ModelError: as for `seq2seq_config`, or weights or tokenizer cannot be opened.
    """
    with quiet():
        folder = seq2seq_config(name, revision, allow_pickle=allow_pickle)
        config = read_config(folder, str(name))
        if any(folder.path.glob("*.spm")) and importlib.util.find_spec("sentencepiece") is None:
            raise ModelError(f"{name}: its tokenizer needs SentencePiece. Run: pip install 'alih[translation]'")
        tokenizer = load_tokenizer(folder, config, str(name))
        return Opened(
            str(name), folder.path, _weights(folder, config, str(name)), tokenizer, _longest(tokenizer, config, folder)
        )


def is_translator(name: str | Path) -> bool:
    """Whether a run, folder or built-in name holds a model that translates; False where nothing can be told."""
    given = Path(name).expanduser()
    try:
        if str(name) in BUILT_IN:
            folder = BUILT_IN[str(name)].locate()
        elif given.exists():
            folder = model_folder(given)
        else:
            return False
        register_all()
        config = read_config(examine(folder, str(name), weights_needed=False), str(name))
    except Exception:  # whatever is wrong with it is said by the command that opens it
        return False
    written = (config.architectures or [""])[0]
    is_writer = written.endswith(("ForConditionalGeneration", "MTModel", "LMHeadModel"))
    return config.is_encoder_decoder and is_writer


def _weights(folder: ModelFolder, config: PreTrainedConfig, name: str) -> PreTrainedModel:
    options: dict[str, Any] = {"dtype": torch.float32, "local_files_only": True, "trust_remote_code": False}
    try:
        model, report = AutoModelForSeq2SeqLM.from_pretrained(
            folder.path, config=config, output_loading_info=True, **options
        )
    except Exception as error:
        first = str(error).strip().splitlines()
        raise ModelError(
            f"{name}: its weights cannot be opened ({type(error).__name__}: {first[0][:160] if first else ''}). Copy "
            "the model again."
        ) from error
    tied = ("lm_head", "embed_tokens", "embed_positions", "final_logits_bias", "shared")
    missing = sorted(key for key in report["missing_keys"] if not any(part in key for part in tied))
    if missing:
        raise ModelError(
            f"{name}: {len(missing):,} weights are missing from its files (first: {missing[0]}), so it cannot "
            "translate. Copy the model again, or take one that was trained to write."
        )
    built: PreTrainedModel = model
    built.eval()
    return built


def _longest(tokenizer: PreTrainedTokenizerBase, config: PreTrainedConfig, folder: ModelFolder) -> int | None:
    """What limits a text: position tables, except where positions are computed."""
    if config.model_type == "alih-transformer" and getattr(config, "positions", "") != "learned":
        told = tokenizer.model_max_length
        return int(told) if told is not None and 0 < told < 10**6 else None
    return longest_text(tokenizer, config, folder)
