"""Trains a tokenizer on the user's own texts: byte-pair encoding or a unigram model; neither loses anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from alih.errors import DataError, OptionError

Kind = Literal["bpe", "unigram"]
PAD, BOS, EOS, UNK, MASK = "<pad>", "<s>", "</s>", "<unk>", "<mask>"
_SPECIAL = [PAD, BOS, EOS, UNK, MASK]
_BYTES = [f"<0x{byte:02X}>" for byte in range(256)]
#: What no text can do without: special tokens and bytes.
SMALLEST = 256 + len(_SPECIAL)
_DIGITS = pre_tokenizers.Digits(individual_digits=True)


def learn(texts: Sequence[str], kind: Kind, size: int) -> PreTrainedTokenizerFast:
    """Train a tokenizer; numbers are cut into digits, and what the vocabulary lacks falls apart into bytes.

    Args:
        texts: what to cut well.
        kind: "bpe": byte-pair encoding over bytes (Sennrich et al. 2016, arXiv 1508.07909; GPT-2's form); "unigram":
            the likeliest pieces of a unigram model (Kudo 2018, arXiv 1804.10959; T5's and XLM-R's form).
        size: most tokens, special ones and bytes included.

    Raises:
        OptionError: a size that has no room for the bytes.
        DataError: there is no text.
    """
    if size <= SMALLEST:
        raise OptionError(f"--size {size}: 256 bytes and {len(_SPECIAL)} special tokens come first; give more.")
    if not any(text.strip() for text in texts):
        raise DataError("the corpus holds no text. Name a file with one text a line, or a table and its column --text.")
    tokenizer = _bpe(texts, size) if kind == "bpe" else _unigram(texts, size)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        bos_token=BOS,
        eos_token=EOS,
        unk_token=UNK,
        mask_token=MASK,
        clean_up_tokenization_spaces=False,
    )


def save(tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write a tokenizer as a folder that AutoTokenizer opens.

    Raises:
        OptionError: the folder is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"--output {folder}: is a file. Name a folder.")
    tokenizer.save_pretrained(folder)


def _bpe(texts: Sequence[str], size: int) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([_DIGITS, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=size,
        special_tokens=_SPECIAL,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer, length=len(texts))
    return tokenizer


def _unigram(texts: Sequence[str], size: int) -> Tokenizer:
    spaces = normalizers.Replace(" ", "▁")
    cutter = pre_tokenizers.Sequence([_DIGITS, pre_tokenizers.Split(Regex("▁?[^▁\\s]+|▁|\\s+"), "isolated")])
    learner = Tokenizer(models.Unigram())
    learner.normalizer, learner.pre_tokenizer = spaces, cutter
    trainer = trainers.UnigramTrainer(
        vocab_size=size - SMALLEST + 1, unk_token=UNK, special_tokens=[UNK], show_progress=False
    )
    try:
        learner.train_from_iterator(texts, trainer, length=len(texts))
    except Exception as error:  # the library raises plain exceptions
        raise DataError(f"the corpus is too small for a unigram model of {size} tokens ({error}).") from error
    pieces = [(piece, score) for piece, score in json.loads(learner.to_str())["model"]["vocab"] if piece != UNK]
    least = min((score for _, score in pieces), default=0.0) - 10  # bytes are the last resort
    vocabulary = [*((token, 0.0) for token in _SPECIAL), *((byte, least) for byte in _BYTES), *pieces]
    tokenizer = Tokenizer(models.Unigram(vocabulary, unk_id=_SPECIAL.index(UNK), byte_fallback=True))
    tokenizer.normalizer, tokenizer.pre_tokenizer = spaces, cutter
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.add_special_tokens(_SPECIAL)
    return tokenizer
