"""A prompted language model scores labels as the plain one does, text by text, and stays itself on disk."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedModel

from alih.errors import ModelError
from alih.pretrained.families import anatomy_of, head_modules
from alih.pretrained.prompted import (
    AlihPromptedConfig,
    AlihPromptedForSequenceClassification,
    LabelTree,
    cut_longest,
)
from alih.pretrained.registration import register_all

PREFIX, SUFFIX = [1, 5, 6, 7, 8], [11, 12]
LABELS = [[3], [4, 5], [4, 6, 7], [4, 6, 8], [9, 9]]
BIAS = [0.0, 0.1, -0.2, 0.3, 0.4]
#: Right-padded texts of 10, 3 and no tokens of their own, behind one special token.
IDS = torch.tensor([[1, *range(20, 30)], [1, 31, 32, 33, 0, 0, 0, 0, 0, 0, 0], [1] + [0] * 10])
MASK = torch.tensor([[1] * 11, [1] * 4 + [0] * 7, [1] + [0] * 10])


def language_model(kind: str, **changes: Any) -> PreTrainedModel:
    register_all()
    sizes = {
        "vocab_size": 97, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
    }  # fmt: skip
    if kind in {"gpt2", "bloom", "gpt_neo", "opt", "gpt_neox"}:
        sizes.pop("num_key_value_heads")
    own: dict[str, dict[str, Any]] = {
        "gpt2": {"vocab_size": 97, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 128},
        "bloom": {"vocab_size": 97, "hidden_size": 32, "n_layer": 2, "n_head": 4},
        "mamba": {"vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2},
    }
    config = AutoConfig.for_model(kind, **{**own.get(kind, sizes), "pad_token_id": 0, **changes})
    config.bos_token_id = config.eos_token_id = 1
    torch.manual_seed(0)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(config)
    model.train(False)
    return model


def prompted(model: PreTrainedModel, **changes: Any) -> AlihPromptedForSequenceClassification:
    told = {"prefix_ids": PREFIX, "suffix_ids": SUFFIX, "label_ids": LABELS, "bias": BIAS, "leading": 1, "room": 40}
    return AlihPromptedForSequenceClassification.around(model, "abcde", **{**told, **changes})


@torch.no_grad()
def by_hand(model: PreTrainedModel, room: int = 40) -> torch.Tensor:
    """The definition, a text and a label at a time: no padding, no cache, no tree."""
    rows = []
    for row, real in zip(IDS.tolist(), MASK.sum(dim=1).tolist(), strict=True):
        prompt = PREFIX + row[1:real][:room] + SUFFIX
        scores = []
        for label, bias in zip(LABELS, BIAS, strict=True):
            ids = torch.tensor([prompt + label])
            after = model(input_ids=ids).logits[0].double().log_softmax(dim=-1)
            scores.append(bias + sum(float(after[len(prompt) + n - 1, token]) for n, token in enumerate(label)))
        rows.append(scores)
    return torch.tensor(rows)


@pytest.mark.parametrize(
    ("kind", "changes", "as_tree"),
    [
        ("gpt2", {}, True),
        ("llama", {}, True),
        ("llama", {"tie_word_embeddings": True}, True),
        ("qwen2", {}, True),
        ("qwen3", {}, True),
        ("mistral", {}, True),
        ("opt", {}, True),
        ("mistral", {"sliding_window": 6}, False),
        ("bloom", {}, False),
        ("mamba", {}, False),
    ],
)
def test_scores_are_the_likelihoods_of_the_labels(
    kind: str, changes: dict[str, Any], as_tree: bool, tmp_path: Path
) -> None:
    model = language_model(kind, **changes)
    found = prompted(model)
    found.choose_pass(IDS, MASK)
    assert found.config.as_tree is as_tree, "a pass that does not give what it should is not taken"
    with torch.no_grad():
        scores = found(IDS, MASK).logits
        again = found(IDS, MASK).logits  # now the prefix comes from the cache
    torch.testing.assert_close(scores, by_hand(model), atol=2e-4, rtol=1e-4)
    assert torch.equal(scores, again)

    found.save_pretrained(tmp_path)
    opened = AutoModelForSequenceClassification.from_pretrained(tmp_path)
    with torch.no_grad():
        assert torch.equal(opened.eval()(IDS, MASK).logits, scores)
    assert opened.config.id2label == dict(enumerate("abcde"))


#: Right-padded pairs: a start token, the first text, 2 between, the second text, an end token; one text may be empty.
PAIR_IDS = torch.tensor([[1, 20, 21, 22, 2, 30, 31, 3], [1, 2, 33, 3, 0, 0, 0, 0], [1, 41, 2, 3, 0, 0, 0, 0]])
PAIR_MASK = torch.tensor([[1] * 8, [1] * 4 + [0] * 4, [1] * 4 + [0] * 4])
FIRST, SECOND = [[20, 21, 22], [], [41]], [[30, 31], [33], []]


@pytest.mark.parametrize("kind", ["gpt2", "llama", "bloom"])
@pytest.mark.parametrize("pair_first", [False, True])
def test_each_text_of_a_pair_stands_in_its_own_place(kind: str, pair_first: bool, tmp_path: Path) -> None:
    model, middle = language_model(kind), [13, 14]
    told = {"leading": 1, "trailing": 1, "between_ids": [2], "middle_ids": middle, "pair_first": pair_first}
    found = prompted(model, **told)
    found.choose_pass(PAIR_IDS, PAIR_MASK)
    wanted = []
    with torch.no_grad():
        for first, second in zip(FIRST, SECOND, strict=True):
            both = second + middle + first if pair_first else first + middle + second
            prompt = PREFIX + both + SUFFIX
            scores = []
            for label, bias in zip(LABELS, BIAS, strict=True):
                after = model(input_ids=torch.tensor([prompt + label])).logits[0].double().log_softmax(dim=-1)
                scores.append(bias + sum(float(after[len(prompt) + n - 1, token]) for n, token in enumerate(label)))
            wanted.append(scores)
        scores = found(PAIR_IDS, PAIR_MASK).logits
    torch.testing.assert_close(scores, torch.tensor(wanted), atol=2e-4, rtol=1e-4)
    assert found.config.longest == 1 + 40 + 1 + 1
    if found.config.as_tree:
        assert found.tokens(8) == len(PREFIX) + 5 + 2 + len(SUFFIX) + len(found._tree.tokens)
    found.save_pretrained(tmp_path)
    opened = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    with torch.no_grad():
        assert torch.equal(opened(PAIR_IDS, PAIR_MASK).logits, scores)
        with pytest.raises(ModelError, match="pairs of texts"):
            opened(IDS, MASK)


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 40))
@settings(deadline=None)
def test_pairs_are_cut_as_tokenizers_cut_them(first: int, second: int, room: int) -> None:
    tokenizer = Tokenizer(WordLevel({"a": 0, "b": 1}, unk_token="a"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.enable_truncation(room, strategy="longest_first")
    ids = tokenizer.encode("a " * first, "b " * second).ids
    found = cut_longest([0] * first, [1] * second, room)
    assert found[0] + found[1] == ids


def test_long_texts_lose_their_end() -> None:
    model = language_model("llama")
    with torch.no_grad():
        torch.testing.assert_close(prompted(model, room=4)(IDS, MASK).logits, by_hand(model, 4), atol=2e-4, rtol=1e-4)


def test_a_batch_too_large_for_its_logits_is_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    model = language_model("llama")
    with torch.no_grad():
        whole = prompted(model)(IDS, MASK).logits
        monkeypatch.setattr("alih.pretrained.prompted._MOST_LOGITS", 1)
        torch.testing.assert_close(prompted(model)(IDS, MASK).logits, whole, atol=1e-4, rtol=1e-4)


labels_of_tokens = st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple), min_size=1, unique=True)


@given(labels_of_tokens)
@settings(deadline=None)
def test_the_tree_holds_every_beginning_once_and_sees_it_alone(labels: list[tuple[int, ...]]) -> None:
    tree = LabelTree.of(labels)
    beginnings = {label[:depth] for label in labels for depth in range(1, len(label))}
    assert len(tree.tokens) == len(beginnings)
    sees = tree.sees()
    for label, reads in zip(labels, tree.reads, strict=True):
        assert [token for _, token in reads] == list(label)
        places = [place - 1 for place, _ in reads]
        assert places[0] == -1
        for before, place in pairwise(places):
            assert tree.parents[place] == before
        if len(label) > 1:
            seen = sees[places[-1]].nonzero().flatten().tolist()
            assert [tree.tokens[place] for place in seen] == list(label[:-1])


@pytest.mark.parametrize("kind", ["llama", "gpt2", "opt", "mamba"])
def test_its_blocks_are_the_language_models(kind: str) -> None:
    model = prompted(language_model(kind))
    anatomy = anatomy_of(model)
    assert len(anatomy.blocks) == 2
    assert all(model.get_submodule(path) for block in anatomy.blocks for path in block.modules)
    assert head_modules(model, anatomy)[0] is model.backbone.get_output_embeddings()


def test_a_damaged_configuration_says_so() -> None:
    with pytest.raises(ModelError, match="backbone_config"):
        _ = AlihPromptedConfig().backbone
    with pytest.raises(ModelError, match="model_type"):
        AlihPromptedConfig(backbone_config={"hidden_size": 3})
    with pytest.raises(ModelError, match="label_ids"):
        prompted(language_model("llama"), label_ids=[[1], []])
