"""A tiny embedding model, and made-up questions with the passages that answer them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from transformers import BertConfig, BertModel

from alih.generate.learn_tokens import learn

_THINGS = [f"thing{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(40)]
ROWS = [{"question": f"who sells {one}", "passage": f"the shop in the street has {one} and more"} for one in _THINGS]


def embedder(folder: Path) -> Path:
    """A tiny random BERT whose tokenizer knows the made-up pairs."""
    tokenizer = learn([f"{row['question']} {row['passage']}" for row in ROWS] * 3, "bpe", 300)
    tokenizer.model_max_length = 32
    torch.manual_seed(0)
    wide = {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = BertConfig(vocab_size=len(tokenizer), **wide, max_position_embeddings=40)
    config.pad_token_id = tokenizer.pad_token_id
    BertModel(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="package")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a tiny random BERT (`tiny`) and made-up pairs (`pairs.jsonl`)."""
    path = tmp_path_factory.mktemp("retrieval")
    embedder(path / "tiny")
    (path / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return path
