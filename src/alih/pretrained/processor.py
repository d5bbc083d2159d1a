"""The processor beside a model: a text model's tokenizer and how long its texts may be, or an image processor."""

from __future__ import annotations

import importlib.util
from typing import Any

from PIL import Image
from transformers import AutoImageProcessor, AutoTokenizer, PreTrainedConfig, PreTrainedTokenizerBase

from alih.errors import ModelError
from alih.pretrained.folder import ModelFolder, json_object
from alih.pretrained.pooled import encoder_config
from alih.pretrained.prompted import AlihPromptedConfig
from alih.pretrained.timm_models import TIMM, timm_processor

# One of these must be there: without any, transformers quietly makes up a tokenizer with a handful of tokens.
_VOCABULARIES = (
    *("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer_config.json"),
    *("spiece.model", "sentencepiece.bpe.model", "spm.model", "tokenizer.model"),
)
_TOKENIZER_JSON = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
)
_IMAGE_FILES = ("preprocessor_config.json", "processor_config.json")
#: Families whose position numbers start behind the padding token's, so that so many places are lost.
_OFFSET_POSITIONS = frozenset({"roberta", "xlm-roberta", "camembert", "mpnet", "longformer"})
_UNLIMITED = 10**6


def load_tokenizer(folder: ModelFolder, config: PreTrainedConfig, name: str) -> PreTrainedTokenizerBase:
    """Load the tokenizer: padding and cutting on the right, a padding token set, and the model told of it.

    A causal language model often comes without a padding token; its end token then pads, in tokenizer and `config`
    alike (the classification head looks for the last token that is not padding).

    Raises:
        ModelError: no tokenizer, one that cannot be opened, or one that does not belong to the model.
    """
    present = [file for file in _VOCABULARIES if (folder.path / file).is_file()]
    if present in ([], ["tokenizer_config.json"]):
        raise ModelError(
            f"{name}: there is no tokenizer in {folder.path} (tokenizer.json, vocab.txt, …). Copy the tokenizer files "
            "of the model that it was trained from into the folder."
        )
    for file in _TOKENIZER_JSON:
        if (folder.path / file).is_file():
            json_object(folder.path / file, name)
    if any(folder.path.glob("*.spm")) and importlib.util.find_spec("sentencepiece") is None:
        raise ModelError(f"{name}: its tokenizer needs SentencePiece. Run: pip install 'alih[translation]'")
    only_pieces = not any((folder.path / file).is_file() for file in ("tokenizer.json", "vocab.txt", "vocab.json"))
    hint = "; a SentencePiece-only tokenizer needs: pip install sentencepiece tiktoken" if only_pieces else ""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder.path, trust_remote_code=False, local_files_only=True)
        tokenizer("a text to try it on")
        if tokenizer.model_max_length is not None:
            tokenizer.model_max_length = int(tokenizer.model_max_length)
    except Exception as error:
        raise ModelError(
            f"{name}: its tokenizer cannot be used: {', '.join(present)} in {folder.path} "
            f"({_first_line(error)}). Copy the tokenizer files again{hint}."
        ) from error
    inner = encoder_config(config)
    vocabulary = getattr(inner, "vocab_size", None)
    if isinstance(vocabulary, int) and len(tokenizer) > vocabulary:
        raise ModelError(
            f"{name}: the tokenizer knows {len(tokenizer):,} tokens, the model only {vocabulary:,}: they belong to two "
            "different models. Put the model's own tokenizer files into the folder."
        )
    tokenizer.padding_side = tokenizer.truncation_side = "right"
    if tokenizer.pad_token is None:
        token = tokenizer.eos_token or tokenizer.bos_token or tokenizer.unk_token
        if token is None:
            raise ModelError(
                f"{name}: its tokenizer has no token to pad with (no pad, end, start or unknown token). Add "
                '"pad_token" to tokenizer_config.json, naming a token of the vocabulary.'
            )
        tokenizer.pad_token = token
    for part in {id(part): part for part in (config, inner)}.values():
        known = getattr(part, "pad_token_id", None)
        # Where positions are counted from the padding token's number, changing it would shift them all.
        if known is None or inner.model_type not in _OFFSET_POSITIONS:
            part.pad_token_id = tokenizer.pad_token_id
    loaded: PreTrainedTokenizerBase = tokenizer
    return loaded


def longest_text(tokenizer: PreTrainedTokenizerBase, config: PreTrainedConfig, folder: ModelFolder) -> int | None:
    """Most tokens a text may have: the least of what tokenizer, position table and sentence-transformers allow.

    None where nothing limits it (T5's relative positions).
    """
    limits = [tokenizer.model_max_length, folder.max_tokens]
    if isinstance(config, AlihPromptedConfig):
        limits.append(config.longest)
    inner = encoder_config(config)
    positions = getattr(inner, "max_position_embeddings", None)
    computed = inner.model_type == "alih-transformer" and inner.positions != "learned"
    if isinstance(positions, int) and positions > 0 and not computed:
        # create_position_ids_from_input_ids: the first token has position padding_idx + 1.
        lost = (inner.pad_token_id or 0) + 1 if inner.model_type in _OFFSET_POSITIONS else 0
        limits.append(positions - lost)
    known = [int(limit) for limit in limits if limit is not None and 0 < limit < _UNLIMITED]
    return min(known, default=None)


def load_image_processor(folder: ModelFolder, name: str) -> Any:
    """Load the image processor, always the one that works through PIL.

    Raises:
        ModelError: there is none, or it cannot be opened or used.
    """
    present = [file for file in _IMAGE_FILES if (folder.path / file).is_file()]
    if folder.model_type == TIMM:
        return timm_processor(folder.config, name)
    if not present:
        raise ModelError(
            f"{name}: there is no preprocessor_config.json in {folder.path}, so it is not known how its images are "
            "resized and normalised. Copy it from the model that this one was trained from."
        )
    for file in present:
        json_object(folder.path / file, name)
    try:
        processor = AutoImageProcessor.from_pretrained(
            folder.path, backend="pil", trust_remote_code=False, local_files_only=True
        )
        processor(images=[Image.new("RGB", (40, 30))], return_tensors="np")
    except Exception as error:
        raise ModelError(
            f"{name}: its image processor cannot be used: {present[0]} in {folder.path} ({_first_line(error)}). Copy "
            "it again from the model that this one was trained from."
        ) from error
    return processor


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
