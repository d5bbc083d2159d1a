"""Tiny random models of every family, for tests: a few thousand parameters each."""

from __future__ import annotations

import string
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoConfig,
    AutoModelForImageClassification,
    AutoModelForSequenceClassification,
    BertConfig,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from alih.pretrained.pooled import AlihPooledConfig
from alih.vision.configuration import AlihResNetConfig, AlihVggConfig
from alih.vision.registration import image_processor

VOCABULARY = 40
CLASSES = 3
_WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.ascii_lowercase]

ALL_ENCODER = {
    "hidden_size": 16,
    "num_hidden_layers": 3,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "vocab_size": VOCABULARY,
    "max_position_embeddings": 32,
    "pad_token_id": 0,
}
_OFFSET = {**ALL_ENCODER, "pad_token_id": 1, "type_vocab_size": 1}
_DECODER = {**ALL_ENCODER, "num_key_value_heads": 1, "head_dim": 8, "bos_token_id": 2, "eos_token_id": 3}


def bert(**changes: Any) -> BertConfig:
    return BertConfig(**{**ALL_ENCODER, **changes})


def _of(model_type: str, **values: Any) -> PreTrainedConfig:
    return AutoConfig.for_model(model_type, **values)


TEXT: dict[str, Callable[[], PreTrainedConfig]] = {
    "bert": bert,
    "distilbert": lambda: _of(
        "distilbert", dim=16, n_layers=3, n_heads=2, hidden_dim=24, vocab_size=VOCABULARY, max_position_embeddings=32
    ),
    "roberta": lambda: _of("roberta", **_OFFSET),
    "xlm-roberta": lambda: _of("xlm-roberta", **_OFFSET),
    "camembert": lambda: _of("camembert", **_OFFSET),
    "mpnet": lambda: _of("mpnet", **{**ALL_ENCODER, "pad_token_id": 1}),
    "electra": lambda: _of("electra", embedding_size=8, **ALL_ENCODER),
    "electra without projection": lambda: _of("electra", embedding_size=16, **ALL_ENCODER),
    "deberta-v2": lambda: _of(
        "deberta-v2",
        relative_attention=True,
        position_buckets=4,
        norm_rel_ebd="layer_norm",
        share_att_key=True,
        pos_att_type=["p2c", "c2p"],
        position_biased_input=False,
        **ALL_ENCODER,
    ),
    "deberta-v2 with convolution": lambda: _of(
        "deberta-v2",
        relative_attention=True,
        pos_att_type=["p2c", "c2p"],
        conv_kernel_size=3,
        conv_act="gelu",
        **ALL_ENCODER,
    ),
    "gpt2": lambda: _of("gpt2", n_embd=16, n_layer=3, n_head=2, n_positions=32, vocab_size=VOCABULARY, pad_token_id=0),
    "llama": lambda: _of("llama", **_DECODER),
    "mistral": lambda: _of("mistral", **_DECODER),
    "qwen2": lambda: _of("qwen2", **{k: v for k, v in _DECODER.items() if k != "head_dim"}),
    "qwen3": lambda: _of("qwen3", **_DECODER),
    "pooled bert": lambda: AlihPooledConfig(backbone_config=bert(), pad_token_id=0),
    "pooled roberta": lambda: AlihPooledConfig(backbone_config=_of("roberta", **_OFFSET), pad_token_id=1),
    "pooled deberta-v2": lambda: AlihPooledConfig(backbone_config=TEXT["deberta-v2"](), pad_token_id=0),
    "pooled t5": lambda: AlihPooledConfig(
        backbone_config=_of(
            "t5", d_model=16, d_kv=8, d_ff=24, num_layers=3, num_heads=2, vocab_size=VOCABULARY, pad_token_id=0
        ),
        pad_token_id=0,
    ),
    "pooled gpt2": lambda: AlihPooledConfig(backbone_config=TEXT["gpt2"](), pad_token_id=0),
}
_STAGES = {"num_channels": 3, "hidden_sizes": [8, 16], "depths": [2, 2]}
IMAGE: dict[str, Callable[[], PreTrainedConfig]] = {
    "vit": lambda: _of(
        "vit",
        hidden_size=16,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=24,
        image_size=32,
        patch_size=8,
    ),
    "convnext": lambda: _of("convnext", num_stages=2, **_STAGES),
    "convnextv2": lambda: _of("convnextv2", num_stages=2, **_STAGES),
    "resnet": lambda: _of("resnet", embedding_size=8, layer_type="basic", **_STAGES),
    "resnet with bottlenecks": lambda: _of("resnet", embedding_size=8, layer_type="bottleneck", **_STAGES),
    "alih-resnet": lambda: AlihResNetConfig(hidden_sizes=(4, 8), blocks_per_stage=2),
    "alih-vgg": lambda: AlihVggConfig(layout=(4, "M", 8, 8, "M")),
    "alih-vgg with hidden layers": lambda: AlihVggConfig(layout=(4, "M", 8, 8, "M"), neck_sizes=(12, 12)),
}


def build(config: PreTrainedConfig, *, classes: int = CLASSES, seed: int = 0) -> PreTrainedModel:
    """A random classifier of this configuration, in eval mode."""
    torch.manual_seed(seed)
    config.num_labels = classes
    is_text = not hasattr(config, "num_channels")
    auto: Any = AutoModelForSequenceClassification if is_text else AutoModelForImageClassification
    model: PreTrainedModel = auto.from_config(config)
    with torch.no_grad():
        # Larger than initial values, biases and norms included: a part that is left out then shows in the logits.
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.2)
    return model.eval()


def batch(model: PreTrainedModel) -> dict[str, torch.Tensor]:
    """Four inputs; texts of different lengths, padded on the right."""
    generator = torch.Generator().manual_seed(1)
    if model.main_input_name == "pixel_values":
        return {"pixel_values": torch.randn((4, 3, 32, 32), generator=generator)}
    pad = model.config.pad_token_id
    ids = torch.randint(5, VOCABULARY, (4, 9), generator=generator)
    mask = torch.arange(9)[None] < torch.tensor([9, 6, 3, 1])[:, None]
    return {"input_ids": torch.where(mask, ids, pad), "attention_mask": mask.long()}


def tokenizer(**changes: Any) -> PreTrainedTokenizerFast:
    """A tokenizer that knows single letters."""
    backend = Tokenizer(models.WordLevel({word: i for i, word in enumerate(_WORDS)}, unk_token="[UNK]"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **{**special, **changes})


def save(model: PreTrainedModel, folder: Path) -> Path:
    """Write a model and a processor that fits it."""
    model.save_pretrained(folder)
    if model.main_input_name == "pixel_values":
        image_processor().save_pretrained(folder)
    else:
        tokenizer().save_pretrained(folder)
    return folder
