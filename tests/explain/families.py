"""Tiny random models of every family, and a tokenizer that they share."""

from __future__ import annotations

from typing import Any

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    BertConfig,
    BertForMaskedLM,
    DistilBertConfig,
    DistilBertModel,
    ElectraConfig,
    ElectraModel,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    MarianConfig,
    MarianMTModel,
    MistralConfig,
    MistralForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
    RobertaConfig,
    RobertaForMaskedLM,
    T5Config,
    T5ForConditionalGeneration,
)

from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.model import AlihTransformerForConditionalGeneration

_SPECIAL = ["<pad>", "<s>", "</s>", "<unk>", "<mask>"]
WORDS = [*_SPECIAL, "the", "cat", "sat", "on", "a", "mat", "and", "dog", "ran", "far", "away"]
V = len(WORDS)
_BERT = {
    "vocab_size": V,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
    "pad_token_id": 0,
}
_LLAMA = {**_BERT, "num_key_value_heads": 2, "head_dim": 4, "bos_token_id": 1, "eos_token_id": 2}
_MARIAN = {
    "vocab_size": V,
    "d_model": 16,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 4,
    "decoder_attention_heads": 4,
    "encoder_ffn_dim": 24,
    "decoder_ffn_dim": 24,
    "max_position_embeddings": 40,
    "pad_token_id": 0,
    "eos_token_id": 2,
    "decoder_start_token_id": 0,
    "forced_eos_token_id": None,
    "init_std": 0.3,
}
_OURS = {"vocab_size": V, "d_model": 16, "layers": 2, "heads": 4, "d_ff": 24}

FAMILIES: dict[str, tuple[Any, Any]] = {
    "bert": (BertForMaskedLM, BertConfig(**_BERT)),
    "roberta": (RobertaForMaskedLM, RobertaConfig(**_BERT)),
    "electra": (ElectraModel, ElectraConfig(**_BERT, embedding_size=8)),
    "distilbert": (
        DistilBertModel,
        DistilBertConfig(
            vocab_size=V, dim=16, n_layers=2, n_heads=4, hidden_dim=24, max_position_embeddings=40, pad_token_id=0
        ),
    ),
    "gpt2": (
        GPT2LMHeadModel,
        GPT2Config(vocab_size=V, n_embd=16, n_layer=2, n_head=4, n_positions=40, bos_token_id=1, eos_token_id=2),
    ),
    "llama": (LlamaForCausalLM, LlamaConfig(**_LLAMA)),
    "mistral": (MistralForCausalLM, MistralConfig(**_LLAMA, sliding_window=3)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**{k: v for k, v in _LLAMA.items() if k != "head_dim"})),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**{**_LLAMA, "head_dim": 8})),
    "marian": (MarianMTModel, MarianConfig(**_MARIAN, scale_embedding=True)),
    "bart": (BartForConditionalGeneration, BartConfig(**_MARIAN)),
    "t5": (
        T5ForConditionalGeneration,
        T5Config(
            vocab_size=V,
            d_model=16,
            d_kv=8,
            d_ff=24,
            num_layers=2,
            num_heads=4,
            pad_token_id=0,
            eos_token_id=2,
            decoder_start_token_id=0,
        ),
    ),
    "alih-transformer": (AlihTransformerForConditionalGeneration, AlihTransformerConfig(**_OURS)),
    "alih-transformer-learned": (
        AlihTransformerForConditionalGeneration,
        AlihTransformerConfig(**_OURS, positions="learned", norm_first=True),
    ),
    "alih-transformer-rotary": (
        AlihTransformerForConditionalGeneration,
        AlihTransformerConfig(**_OURS, positions="rotary"),
    ),
}


def tokenizer(*, ends: bool = True) -> PreTrainedTokenizerFast:
    """Words to numbers; a text ends with </s> if wanted."""
    inner = Tokenizer(models.WordLevel({word: number for number, word in enumerate(WORDS)}, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    if ends:
        inner.post_processor = processors.TemplateProcessing(single="$A </s>", special_tokens=[("</s>", 2)])
    return PreTrainedTokenizerFast(
        tokenizer_object=inner,
        pad_token="<pad>",
        bos_token="<s>",
        eos_token="</s>",
        unk_token="<unk>",
        mask_token="<mask>",
    )


def build(family: str) -> PreTrainedModel:
    """The tiny model of a family, in evaluation mode, its weights large enough that attention is not flat."""
    made, config = FAMILIES[family]
    torch.manual_seed(0)
    model: PreTrainedModel = made(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() == 2 and ("embed" not in name or "project" in name):
                parameter.mul_(6)
    return model.eval()
