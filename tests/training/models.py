"""Tiny models with random weights, one for each family, and batches for them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import torch
import transformers as hf
from torch import Tensor

from alih.data.batch import EncodedImages, EncodedTexts
from alih.pretrained.families import anatomy_of
from alih.pretrained.open import Pretrained
from alih.pretrained.pooled import AlihPooledConfig, AlihPooledForSequenceClassification
from alih.vision.configuration import AlihResNetConfig, AlihVggConfig
from alih.vision.resnet import AlihResNetForImageClassification
from alih.vision.vgg import AlihVggForImageClassification

VOCABULARY, WIDTH, CLASSES, IMAGE = 50, 32, 3, 32
_TEXT: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "num_labels": CLASSES,
    "pad_token_id": 1,
}
_NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}


def _deberta() -> hf.PreTrainedModel:
    more = {"relative_attention": True, "position_buckets": 8, "norm_rel_ebd": "layer_norm", "conv_kernel_size": 3}
    types = {"pos_att_type": ["p2c", "c2p"], "share_att_key": True, "position_biased_input": False}
    return hf.DebertaV2ForSequenceClassification(hf.DebertaV2Config(**_TEXT, **_NO_DROPOUT, **more, **types))


def _t5() -> hf.PreTrainedModel:
    config = hf.T5Config(
        vocab_size=VOCABULARY, d_model=WIDTH, d_kv=8, d_ff=48, num_layers=3, num_heads=4, dropout_rate=0.0
    )
    return AlihPooledForSequenceClassification(
        AlihPooledConfig(backbone_config=config.to_dict(), num_labels=CLASSES, classifier_dropout=0.0)
    )


def _decoder(config: Callable[..., Any], model: Callable[..., Any], **more: Any) -> Callable[[], hf.PreTrainedModel]:
    return lambda: model(config(**{**_TEXT, "num_key_value_heads": 2, **more}))


TEXT_MODELS: dict[str, Callable[[], hf.PreTrainedModel]] = {
    "bert": lambda: hf.BertForSequenceClassification(hf.BertConfig(**_TEXT, **_NO_DROPOUT)),
    "distilbert": lambda: hf.DistilBertForSequenceClassification(
        hf.DistilBertConfig(
            vocab_size=VOCABULARY, dim=WIDTH, n_layers=3, n_heads=4, hidden_dim=48, num_labels=CLASSES, dropout=0.0,
            attention_dropout=0.0, seq_classif_dropout=0.0, max_position_embeddings=64,
        )
    ),
    "roberta": lambda: hf.RobertaForSequenceClassification(hf.RobertaConfig(**_TEXT, **_NO_DROPOUT)),
    "deberta-v2": _deberta,
    "gpt2": lambda: hf.GPT2ForSequenceClassification(
        hf.GPT2Config(
            vocab_size=VOCABULARY, n_embd=WIDTH, n_layer=3, n_head=4, n_positions=64, num_labels=CLASSES,
            pad_token_id=1, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        )
    ),
    "llama": _decoder(hf.LlamaConfig, hf.LlamaForSequenceClassification),
    "qwen2": _decoder(hf.Qwen2Config, hf.Qwen2ForSequenceClassification),
    "qwen3": _decoder(hf.Qwen3Config, hf.Qwen3ForSequenceClassification, head_dim=8),
    "t5": _t5,
    "electra (measured or known)": lambda: hf.ElectraForSequenceClassification(
        hf.ElectraConfig(**_TEXT, **_NO_DROPOUT, embedding_size=16)
    ),
    "mpnet": lambda: hf.MPNetForSequenceClassification(hf.MPNetConfig(**_TEXT, **_NO_DROPOUT)),
}  # fmt: skip

IMAGE_MODELS: dict[str, Callable[[], hf.PreTrainedModel]] = {
    "vit": lambda: hf.ViTForImageClassification(
        hf.ViTConfig(
            image_size=IMAGE, patch_size=8, hidden_size=WIDTH, num_hidden_layers=3, num_attention_heads=4,
            intermediate_size=48, num_labels=CLASSES, **_NO_DROPOUT,
        )
    ),
    "convnext": lambda: hf.ConvNextForImageClassification(
        hf.ConvNextConfig(
            image_size=IMAGE, patch_size=2, hidden_sizes=[8, 16], depths=[2, 2], num_stages=2, num_labels=CLASSES
        )
    ),
    "resnet": lambda: hf.ResNetForImageClassification(
        hf.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[2, 2], layer_type="basic", num_labels=CLASSES)
    ),
    "alih-resnet": lambda: AlihResNetForImageClassification(AlihResNetConfig(num_labels=CLASSES)),
    "alih-vgg": lambda: AlihVggForImageClassification(AlihVggConfig(num_labels=CLASSES)),
}  # fmt: skip

MODELS = {**TEXT_MODELS, **IMAGE_MODELS}


def make(name: str, seed: int = 0) -> Pretrained:
    """A model in evaluation mode with its anatomy; random weights, and random running statistics."""
    torch.manual_seed(seed)
    model = MODELS[name]().eval()
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d) and module.running_mean is not None:
            module.running_mean.normal_(0, 0.1)
    return cast("Pretrained", SimpleNamespace(name=name, model=model, processor=None, anatomy=anatomy_of(model)))


def texts(count: int = 12, seed: int = 0, *, equal: bool = False) -> EncodedTexts:
    """Random texts of 3 to 12 tokens (all of 8, if equal); ids 0 to 2 stay unused: padding and ends of texts."""
    random = np.random.default_rng(seed)
    lengths = np.full(count, 8) if equal else random.integers(3, 13, count)
    ids = random.integers(3, VOCABULARY, int(lengths.sum())).astype(np.int32)
    return EncodedTexts(ids, np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64), None, 1)


def images(count: int = 6, seed: int = 0) -> EncodedImages:
    """Random pictures, already processed."""
    pixels = np.random.default_rng(seed).normal(size=(count, 3, IMAGE, IMAGE)).astype(np.float32)
    return EncodedImages(lambda **_: {}, list(pixels), [""] * count, pixels, (3, IMAGE, IMAGE))


def examples_for(name: str) -> EncodedTexts | EncodedImages:
    """Examples of the kind that the model reads."""
    return texts() if name in TEXT_MODELS else images()


def whole_logits(pretrained: Pretrained, batch: dict[str, Tensor]) -> Tensor:
    """What the model itself says of a batch."""
    return cast("Tensor", pretrained.model(**batch).logits)
