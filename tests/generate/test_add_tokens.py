"""Adding words: new rows are means of old ones, tied stays tied, other texts are cut as before."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from alih.errors import DataError, OptionError
from alih.generate.add_tokens import add_to_folder, add_words, read_words
from alih.generate.learn_tokens import learn
from alih.generate.tokenizers import open_tokenizer

TEXTS = ["korban banjir mengungsi", "harga gawai turun", "banyak orang datang"] * 5


def llama(tied: bool, rows: int = 300) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    torch.manual_seed(0)
    tokenizer = learn(TEXTS, "bpe", 290)
    config = LlamaConfig(
        vocab_size=rows, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        tie_word_embeddings=tied,
    )  # fmt: skip
    return LlamaForCausalLM(config), tokenizer


@pytest.mark.parametrize("tied", [True, False])
def test_a_new_token_starts_from_the_mean_of_its_pieces_on_both_sides(tied: bool) -> None:
    model, tokenizer = llama(tied)
    pieces = tokenizer("kebanjiran", add_special_tokens=False)["input_ids"]
    inputs, outputs = model.get_input_embeddings(), model.get_output_embeddings()
    wanted = inputs.weight[pieces].mean(0).detach(), outputs.weight[pieces].mean(0).detach()
    added = add_words(model, tokenizer, ["kebanjiran"])
    (new,) = tokenizer("kebanjiran", add_special_tokens=False)["input_ids"]
    torch.testing.assert_close(model.get_input_embeddings().weight[new], wanted[0])
    torch.testing.assert_close(model.get_output_embeddings().weight[new], wanted[1])
    assert added.tied is tied
    assert (model.get_input_embeddings().weight is model.get_output_embeddings().weight) is tied


def test_rows_kept_in_reserve_are_used_and_none_are_cut() -> None:
    model, tokenizer = llama(True, rows=400)
    assert add_words(model, tokenizer, ["kebanjiran"]).vocabulary == (400, 400)


def test_other_texts_are_cut_as_before() -> None:
    model, tokenizer = llama(True)
    before = tokenizer("kebanjirannya banjir")["input_ids"]
    add_words(model, tokenizer, ["kebanjiran"])
    assert tokenizer("kebanjirannya banjir")["input_ids"] == before
    assert tokenizer.decode(tokenizer("a kebanjiran b")["input_ids"]) == "a kebanjiran b"


def test_words_that_are_one_token_are_left_out_and_none_at_all_is_refused() -> None:
    model, tokenizer = llama(True)
    assert add_words(model, tokenizer, ["a", "gawai-gawai"]).known == ("a",)
    with pytest.raises(DataError, match="nothing to add"):
        add_words(model, tokenizer, ["a", "gawai-gawai"])


def test_the_output_bias_of_a_masked_language_model_grows_too() -> None:
    _, tokenizer = llama(True)
    size = BertConfig(vocab_size=len(tokenizer), hidden_size=8, intermediate_size=8, num_hidden_layers=1)
    size.num_attention_heads = 2
    model = BertForMaskedLM(size)
    bias = model.cls.predictions.decoder.bias
    torch.nn.init.normal_(bias)
    wanted = bias[tokenizer("kebanjiran", add_special_tokens=False)["input_ids"]].mean().detach()
    add_words(model, tokenizer, ["kebanjiran"])
    torch.testing.assert_close(model.cls.predictions.decoder.bias[-1], wanted)


def test_the_written_folder_opens_and_the_original_is_untouched(tmp_path: Path) -> None:
    model, tokenizer = llama(True)
    model.save_pretrained(tmp_path / "old")
    tokenizer.save_pretrained(tmp_path / "old")
    add_to_folder(open_tokenizer(tmp_path / "old"), ["kebanjiran"], tmp_path / "new")
    new = AutoModelForCausalLM.from_pretrained(tmp_path / "new")
    assert new.config.vocab_size == 301 or new.config.vocab_size == 300
    assert len(AutoTokenizer.from_pretrained(tmp_path / "old").tokenize("kebanjiran")) > 1
    assert AutoTokenizer.from_pretrained(tmp_path / "new").tokenize("kebanjiran") == ["kebanjiran"]
    with pytest.raises(OptionError, match="the model itself"):
        add_to_folder(open_tokenizer(tmp_path / "old"), ["gawai-gawai"], tmp_path / "old")


def test_pooling_of_a_sentence_encoder_is_kept(tmp_path: Path) -> None:
    add_to_folder(open_tokenizer("alih/minilm"), ["banjir"], tmp_path)
    assert (tmp_path / "1_Pooling" / "config.json").is_file()
    assert open_tokenizer(tmp_path).max_length == open_tokenizer("alih/minilm").max_length


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "holds no words"), (b"two words\n", "line 1: 'two words' is more than one word"), (b"\xff\xfe", "UTF-8")],
)
def test_a_list_of_words_that_is_none_is_refused(content: bytes, told: str, tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=told):
        read_words(path)
