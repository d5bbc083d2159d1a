"""Toy languages, and tiny random translators in folders, for tests."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoModelForSeq2SeqLM,
    M2M100Config,
    MarianConfig,
    NllbTokenizer,
    PreTrainedConfig,
    PreTrainedTokenizerFast,
    T5Config,
)

ENGLISH = ["one", "two", "three", "four", "five", "six", "seven"]
INDONESIAN = ["satu", "dua", "tiga", "empat", "lima", "enam", "tujuh"]
_SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<mask>"]
WORDS = [*_SPECIAL, ">>id<<", ">>en<<", *ENGLISH, *INDONESIAN]


def numbers(count: int, longest: int = 5, seed: int = 0, shortest: int = 1) -> list[tuple[str, str]]:
    """Different sequences of number words, in English and in Indonesian."""
    chooser = random.Random(seed)
    found: dict[tuple[int, ...], None] = {}
    while len(found) < count:
        found[tuple(chooser.choices(range(7), k=chooser.randint(shortest, longest)))] = None
    return [(" ".join(ENGLISH[i] for i in one), " ".join(INDONESIAN[i] for i in one)) for one in found]


def write_table(path: Path, pairs: list[tuple[str, str]], header: tuple[str, str] = ("en", "id")) -> Path:
    path.write_text("".join(f"{a}\t{b}\n" for a, b in [header, *pairs]), encoding="utf-8")
    return path


def write_folder(path: Path, **splits: list[tuple[str, str]]) -> Path:
    """Files train.en, train.id, …, aligned line by line."""
    path.mkdir()
    for split, pairs in splits.items():
        for side, ending in enumerate(("en", "id")):
            (path / f"{split}.{ending}").write_text("".join(f"{pair[side]}\n" for pair in pairs), encoding="utf-8")
    return path


def tokenizer(words: list[str] = WORDS) -> PreTrainedTokenizerFast:
    """A token a word; a sentence ends with </s>."""
    inner = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    inner.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )


def marian(**changes: Any) -> MarianConfig:
    values: dict[str, Any] = {
        "vocab_size": len(WORDS),
        "d_model": 32,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 2,
        "decoder_attention_heads": 2,
        "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "forced_eos_token_id": 2,
        "decoder_start_token_id": 0,
        "dropout": 0.0,
        "init_std": 0.1,
        "scale_embedding": True,
    }
    return MarianConfig(**{**values, **changes})


def t5(**changes: Any) -> T5Config:
    values: dict[str, Any] = {
        "vocab_size": len(WORDS),
        "d_model": 32,
        "d_kv": 16,
        "d_ff": 64,
        "num_layers": 2,
        "num_heads": 2,
        "dropout_rate": 0.0,
        "pad_token_id": 0,
        "eos_token_id": 2,
        "decoder_start_token_id": 0,
    }
    return T5Config(**{**values, **changes})


def save(folder: Path, config: PreTrainedConfig, words: list[str] = WORDS) -> Path:
    """A random model with its tokenizer."""
    torch.manual_seed(0)
    AutoModelForSeq2SeqLM.from_config(config).save_pretrained(folder)
    tokenizer(words).save_pretrained(folder)
    return folder


def save_nllb(folder: Path) -> Path:
    """A random M2M-100 model with NLLB's tokenizer, of two languages."""
    words = ["<s>", "<pad>", "</s>", "<unk>", *(f"▁{word}" for word in (*ENGLISH, *INDONESIAN))]
    letters = sorted({letter for word in words[4:] for letter in word})
    vocabulary = {word: number for number, word in enumerate([*words, *(one for one in letters if one not in words)])}
    made = NllbTokenizer(vocabulary, [], extra_special_tokens=["eng_Latn", "ind_Latn"])
    torch.manual_seed(0)
    config = M2M100Config(
        vocab_size=len(made),
        d_model=32,
        encoder_layers=1,
        decoder_layers=1,
        encoder_attention_heads=2,
        decoder_attention_heads=2,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=64,
        pad_token_id=made.pad_token_id,
        bos_token_id=made.bos_token_id,
        eos_token_id=made.eos_token_id,
        decoder_start_token_id=made.eos_token_id,
    )
    AutoModelForSeq2SeqLM.from_config(config).save_pretrained(folder)
    made.save_pretrained(folder)
    return folder
