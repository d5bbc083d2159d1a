"""The whole way – calibrate, quantise, adapt, merge, save, open – on the architectures that models come in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from torch import Tensor

from alih.quantize.model import add_qalora, merge_qalora, quantize_model
from alih.quantize.storage import load_quantized, save_quantized

from .tiny import token_ids, train_adapters

_SIZES: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "vocab_size": 50,
}
_LM, _CLASSES = hf.AutoModelForCausalLM, hf.AutoModelForSequenceClassification
_T5 = {"d_model": 32, "d_ff": 48, "num_layers": 2, "num_heads": 2, "d_kv": 16, "vocab_size": 50, "pad_token_id": 0}
_VIT = {**_SIZES, "image_size": 16, "patch_size": 8}
_VIT.pop("vocab_size")
#: Class, configuration, Auto class, and the number of linear layers in blocks.
_CASES: list[tuple[Any, Any, Any, int]] = [
    (hf.GPT2LMHeadModel, hf.GPT2Config(n_layer=2, n_embd=32, n_head=2, vocab_size=50), _LM, 8),
    (hf.LlamaForCausalLM, hf.LlamaConfig(**_SIZES, num_key_value_heads=1), _LM, 14),
    (hf.Qwen2ForCausalLM, hf.Qwen2Config(**_SIZES, num_key_value_heads=1), _LM, 14),
    (hf.Qwen3ForCausalLM, hf.Qwen3Config(**_SIZES, num_key_value_heads=1, head_dim=16), _LM, 14),
    (hf.BertForSequenceClassification, hf.BertConfig(**_SIZES, num_labels=3), _CLASSES, 12),
    (hf.T5ForConditionalGeneration, hf.T5Config(**_T5, decoder_start_token_id=0), hf.AutoModelForSeq2SeqLM, 32),
    (hf.ViTForImageClassification, hf.ViTConfig(**_VIT), hf.AutoModelForImageClassification, 12),
]


def _inputs(model: hf.PreTrainedModel) -> dict[str, Tensor]:
    if model.main_input_name == "pixel_values":
        return {"pixel_values": torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(3))}
    decoder = {"decoder_input_ids": token_ids()} if model.config.is_encoder_decoder else {}
    return {"input_ids": token_ids(), **decoder}


@pytest.mark.parametrize(("kind", "config", "auto", "layers"), _CASES, ids=[case[0].__name__ for case in _CASES])
def test_what_was_trained_is_what_opens_from_disk(
    tmp_path: Path, kind: Any, config: Any, auto: Any, layers: int
) -> None:
    torch.manual_seed(0)
    model = kind(config).eval()
    given = _inputs(model)
    names = quantize_model(model, bits=4, group_size=16, method="calibrated", calibration_batches=[given])
    assert len(names) == layers
    add_qalora(model, rank=2, alpha=2)
    train_adapters(model)
    with torch.no_grad():
        trained = model(**given).logits
        merge_qalora(model)
        save_quantized(model, tmp_path)
        opened = load_quantized(tmp_path, auto)(**given).logits
    assert torch.equal(opened, trained)
