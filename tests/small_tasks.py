"""Tiny models and tiny labelled data, which whole comparisons run on within seconds."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BertConfig,
    BertModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from alih.vision.configuration import AlihResNetConfig
from alih.vision.registration import image_processor
from alih.vision.resnet import AlihResNetForImageClassification

#: One learning rate for every route: what is tested is not how well they learn.
RATES = {"transfer": 1e-2, "finetune": 1e-2, "lora": 1e-2, "scratch": 1e-2}

GOOD = ["good", "great", "fine", "lovely", "nice", "superb", "warm", "bright"]
BAD = ["bad", "awful", "poor", "dull", "nasty", "horrid", "cold", "dark"]
FILLER = [
    "the",
    "a",
    "room",
    "food",
    "service",
    "was",
    "and",
    "very",
    "quite",
    "place",
    "staff",
    "it",
    "we",
    "had",
    "there",
]
_SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]


def review(good: bool, generator: random.Random, words: int = 5) -> str:
    """A text of filler words and two that tell what it is."""
    text = [generator.choice(FILLER) for _ in range(generator.randint(2, words))]
    return " ".join([*text, *generator.sample(GOOD if good else BAD, 2), str(generator.randint(0, 999))])


def table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def reviews(path: Path, count: int = 90, seed: int = 0) -> Path:
    generator = random.Random(seed)
    rows = [(review(bool(n % 2), generator), ("negative", "positive")[n % 2]) for n in range(count)]
    return table(path, ("text", "label"), rows)


def prices(path: Path, count: int = 90) -> Path:
    """Texts whose price, around 150,000, follows from how many of its words are good."""
    generator = random.Random(1)
    rows = []
    for number in range(count):
        good = number % 6
        words = ["lovely"] * good + ["awful"] * (5 - good) + [generator.choice(FILLER) for _ in range(2)]
        rows.append((f"{' '.join(words)} {number}", 100_000.5 + 20_000 * good + generator.randint(-1000, 1000)))
    return table(path, ("text", "price"), rows)


def pictures(folder: Path, count: int = 20, size: int = 16) -> Path:
    """Pictures of two classes: bright at the top, or at the bottom."""
    generator = np.random.default_rng(0)
    for number in range(count):
        for name in ("top", "bottom"):
            pixels = generator.integers(0, 120, (size, size), dtype=np.uint8)
            half = slice(0, size // 2) if name == "top" else slice(size // 2, size)
            pixels[half] += 120
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return folder


def _tokenizer(*, framed: bool) -> PreTrainedTokenizerFast:
    """A tokenizer that knows the words above; `framed`: it puts [CLS] and [SEP] around a text."""
    vocabulary = {word: number for number, word in enumerate([*_SPECIAL, *GOOD, *BAD, *FILLER])}
    backend = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    if framed:
        backend.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]",
            pair="[CLS] $A [SEP] $B:1 [SEP]:1",
            special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]", sep_token="[SEP]"
    )


def bert(folder: Path) -> Path:
    """A random BERT of three small blocks without dropout, whose tokenizer knows the words above."""
    tokenizer = _tokenizer(framed=True)
    torch.manual_seed(0)
    model = BertModel(
        BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=16,
            num_hidden_layers=3,
            num_attention_heads=2,
            intermediate_size=24,
            max_position_embeddings=48,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            pad_token_id=0,
        )
    )
    return _saved(model, tokenizer, folder)


def gpt2(folder: Path) -> Path:
    """A random GPT-2 of two small blocks without dropout."""
    tokenizer = _tokenizer(framed=False)
    torch.manual_seed(0)
    kept = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "pad_token_id": 0, "bos_token_id": 2}
    config = GPT2Config(
        vocab_size=len(tokenizer), n_positions=48, n_embd=16, n_layer=2, n_head=2, eos_token_id=3, **kept
    )
    return _saved(GPT2LMHeadModel(config), tokenizer, folder)


def llama(folder: Path) -> Path:
    """A random Llama of two small blocks, whose queries share keys and values."""
    tokenizer = _tokenizer(framed=False)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=24,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=48,
        pad_token_id=0,
        bos_token_id=2,
        eos_token_id=3,
    )
    return _saved(LlamaForCausalLM(config), tokenizer, folder)


def _saved(model: PreTrainedModel, tokenizer: PreTrainedTokenizerFast, folder: Path) -> Path:
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)  # initial weights are too small for a word to show
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def resnet(folder: Path) -> Path:
    """A random ResNet of four small blocks, with 3 classes of its own."""
    torch.manual_seed(0)
    config = AlihResNetConfig(hidden_sizes=(4, 8), blocks_per_stage=2, num_labels=3)
    AlihResNetForImageClassification(config).save_pretrained(folder)
    image_processor().save_pretrained(folder)
    return folder
