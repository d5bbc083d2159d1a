"""What a tokenizer puts around and between two texts, and that a mark put between them survives on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import processors
from transformers import (
    AutoTokenizer,
    GPT2Tokenizer,
    GPTNeoXTokenizer,
    LlamaTokenizer,
    PreTrainedTokenizerBase,
    Qwen2Tokenizer,
)

from alih.pretrained.open import load
from alih.pretrained.pairs import Layout, layout, set_apart
from alih.task import Kind, Modality, Task

PAIRS = Task(Modality.TEXT, Kind.SINGLE, ("no", "yes"), pair=True)


@pytest.fixture(scope="module")
def byte_pairs() -> dict[str, Any]:
    """Vocabulary and merges of the built-in language model's tokenizer."""
    told = json.loads(load("alih/lm-small").processor.backend_tokenizer.to_str())["model"]
    merges = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in told["merges"]]
    return {"vocab": told["vocab"], "merges": merges, "pad_token": "<pad>", "eos_token": "</s>", "unk_token": "</s>"}


@pytest.mark.parametrize("kind", [GPT2Tokenizer, Qwen2Tokenizer, LlamaTokenizer])
@pytest.mark.parametrize("told", [{}, {"add_bos_token": False}])
def test_a_pair_that_ran_together_is_set_apart_here_and_from_disk(
    kind: Any, told: dict[str, Any], byte_pairs: dict[str, Any], tmp_path: Path
) -> None:
    tokenizer = kind(**byte_pairs, **told)
    tokenizer.backend_tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    assert layout(tokenizer, pair=True).between == []
    single = tokenizer("two words")["input_ids"]
    first, second = (tokenizer(text, add_special_tokens=False)["input_ids"] for text in ("two words", "and more"))
    set_apart(tokenizer)
    tokenizer.save_pretrained(tmp_path)
    for made in (tokenizer, AutoTokenizer.from_pretrained(tmp_path)):
        assert made("two words")["input_ids"] == single, "single texts stay as they were"
        assert made("two words", "and more")["input_ids"] == [*first, made.eos_token_id, *second]
        assert layout(made, pair=True) == Layout([], [made.eos_token_id], [])
        cut = made("two words " * 9, "and more " * 9, truncation=True, max_length=11)["input_ids"]
        assert len(cut) == 11
        assert cut.count(made.eos_token_id) == 1


def test_a_tokenizer_that_would_forget_it_is_left_as_it_was(byte_pairs: dict[str, Any], tmp_path: Path) -> None:
    tokenizer = GPTNeoXTokenizer(**byte_pairs, add_bos_token=False)
    before = tokenizer("a", "b")["input_ids"]
    for _ in range(2):
        set_apart(tokenizer)
        assert tokenizer("a", "b")["input_ids"] == before
        assert tokenizer.init_kwargs["add_bos_token"] is False


def test_what_sets_texts_apart_already_is_found_and_kept(tiny_bert: Path, byte_pairs: dict[str, Any]) -> None:
    bert = load(tiny_bert).processor
    assert layout(bert, pair=True) == Layout([bert.cls_token_id], [bert.sep_token_id], [bert.sep_token_id])
    assert layout(bert) == Layout([bert.cls_token_id], [], [bert.sep_token_id])
    with_start: PreTrainedTokenizerBase = LlamaTokenizer(**byte_pairs, bos_token="<s>", add_bos_token=True)
    before = with_start("a", "b")["input_ids"]
    set_apart(with_start)
    assert with_start("a", "b")["input_ids"] == before
    assert layout(with_start, pair=True).between == [with_start.bos_token_id]


def test_language_models_loaded_for_pairs_tell_them_apart() -> None:
    tokenizer = load("alih/lm-small", PAIRS).processor
    assert layout(tokenizer, pair=True).between == [tokenizer.eos_token_id]
    alone = load("alih/lm-small", Task(Modality.TEXT, Kind.SINGLE, ("no", "yes"))).processor
    assert layout(alone, pair=True).between == []
