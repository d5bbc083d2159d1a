"""Models from a configuration alone: sizes are those of the loaded model, and 70 billion parameters take no memory."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from alih.errors import ModelError
from alih.pretrained.footprint import footprint_of
from alih.pretrained.inspect import describe
from alih.pretrained.open import load
from alih.pretrained.outline import has_weights, outline

LLAMA_70B = {
    "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 8192, "intermediate_size": 28672,
    "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8, "vocab_size": 128256,
    "max_position_embeddings": 8192, "dtype": "bfloat16",
}  # fmt: skip


def test_parts_are_those_of_the_loaded_model(tiny_bert: Path) -> None:
    real, drawn = load(tiny_bert), outline(tiny_bert)
    assert footprint_of(drawn.model, drawn.anatomy) == footprint_of(real.model, real.anatomy)
    assert describe(drawn)["anatomy"] == describe(real)["anatomy"]


def test_a_model_of_70_billion_is_described_from_its_configuration(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps(LLAMA_70B), encoding="utf-8")
    drawn = outline(tmp_path / "config.json")
    told = describe(drawn)
    # Embeddings, 80 × (attention with 8 of 64 heads for keys and values, three matrices of the feed-forward part, two
    # norms), the last norm, and a head of two classes in place of the language model's.
    block = 2 * 8192**2 + 2 * 8192 * 1024 + 3 * 8192 * 28672 + 2 * 8192
    assert told["parameters"] == 128256 * 8192 + 80 * block + 8192 + 2 * 8192
    assert drawn.bytes_on_disk == 2 * told["parameters"]
    assert told["max_length"] == 8192
    assert told["gflops_per_example"]["value"] > 8000


def test_whether_there_are_weights_is_seen(tiny_bert: Path, tmp_path: Path) -> None:
    assert has_weights("alih/minilm")
    assert has_weights(tiny_bert)
    shutil.copy(tiny_bert / "config.json", tmp_path)
    assert not has_weights(tmp_path)
    assert not has_weights(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("content", "told"),
    [("{", "not readable JSON"), ('{"model_type": "no-such"}', "does not know"), (None, "no config")],
)
def test_a_configuration_that_is_none_is_refused(content: str | None, told: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="utf-8")
    with pytest.raises(ModelError, match=told):
        outline(tmp_path)
