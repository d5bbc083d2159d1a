"""A tiny random Llama with a tokenizer of its own, and instruction data for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from alih.generate.learn_tokens import learn
from alih.tasks.generation.template import DEFAULT

ROWS = [{"instruction": f"Say number {n}.", "output": f"The number is {n}."} for n in range(40)]


def tokenizer() -> PreTrainedTokenizerFast:
    """Byte-pair encoding of the rows, without a chat template."""
    return learn([f"{row['instruction']} {row['output']} ### User: Assistant:" for row in ROWS], "bpe", 400)


def llama(seed: int = 0, **more: Any) -> LlamaForCausalLM:
    """Two blocks, random weights; large ones, so that logits differ."""
    torch.manual_seed(seed)
    config = LlamaConfig(
        **{
            "vocab_size": 400, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
            "num_attention_heads": 4, "max_position_embeddings": 128, "initializer_range": 0.3, "pad_token_id": 0,
            "bos_token_id": 1, "eos_token_id": 2, **more,
        }
    )  # fmt: skip
    return LlamaForCausalLM(config).eval()


def folder(path: Path, *, template: bool = True) -> Path:
    """Model and tokenizer as a folder."""
    made = tokenizer()
    if template:
        made.chat_template = DEFAULT
    llama(initializer_range=0.02).save_pretrained(path)
    made.save_pretrained(path)
    return path


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows as JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
