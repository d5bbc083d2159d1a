"""Training a tokenizer: sizes are kept, words of the corpus become one token, impossible wishes are refused."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from transformers import AutoTokenizer

from alih.errors import DataError, OptionError
from alih.generate.fertility import SENTENCES, fertility, losses
from alih.generate.learn_tokens import Kind, learn, save

TEXTS = [
    f"{first} restoran{ending} {last}"
    for ending in ("", "nya", "ku")  # a unigram model takes its pieces from what several words share
    for first in ("pelayanan", "makanan di", "harga", "suasana", "pemilik", "meja")
    for last in ("ini ramah", "itu murah", "baru", "lama", "kami", "di kota", "yang ramai")
] * 3


@pytest.mark.parametrize("kind", get_args(Kind))
def test_a_word_that_is_everywhere_becomes_one_token(kind: Kind, tmp_path: Path) -> None:
    tokenizer = learn(TEXTS, kind, 350)
    assert len(tokenizer) <= 350
    assert [token.strip("Ġ▁") for token in tokenizer.tokenize("di restoran")][-1] == "restoran"
    save(tokenizer, tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again("restoran 日 12")["input_ids"] == tokenizer("restoran 日 12")["input_ids"]
    assert again.pad_token == "<pad>"


@pytest.mark.parametrize("kind", get_args(Kind))
def test_numbers_are_cut_into_digits(kind: Kind) -> None:
    tokenizer = learn([*TEXTS, *["nomor 1945"] * 50], kind, 340)
    assert sum(token.strip("Ġ▁").isdigit() for token in tokenizer.tokenize("1945")) == 4


def test_a_vocabulary_without_room_for_bytes_is_refused() -> None:
    with pytest.raises(OptionError, match="--size 200: 256 bytes"):
        learn(TEXTS, "bpe", 200)


def test_a_corpus_without_text_is_refused() -> None:
    with pytest.raises(DataError, match="holds no text"):
        learn([" ", ""], "bpe", 400)


def test_fertility_counts_tokens_and_words() -> None:
    tokenizer = learn(TEXTS, "bpe", 400)
    found = fertility(tokenizer, ["restoran ini", "日"])
    assert (found.words, found.characters) == (3, 13)
    assert found.tokens == len(tokenizer.tokenize("restoran ini")) + 3
    assert found.per_word == found.tokens / 3
    assert found.whole_words == pytest.approx(sum(len(tokenizer.tokenize(w)) == 1 for w in ("restoran", "ini")) / 3)


def test_losses_are_the_tokens_beyond_the_limit() -> None:
    tokenizer = learn(TEXTS, "bpe", 400)
    texts = ["1" * 10, "1" * 30, "1"]
    found = losses(tokenizer, texts, 12)
    assert (found.texts, found.cut, found.tokens, found.lost) == (3, 1, 41, 18)
    assert (found.median, found.longest) == (10, 30)


def test_built_in_sentences_are_parallel() -> None:
    assert len({len(sentences) for sentences in SENTENCES.values()}) == 1
