"""How texts are cut: pieces put together give the text's bytes, whatever the kind of tokenizer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from alih.errors import ModelError
from alih.generate.learn_tokens import learn
from alih.generate.pieces import cut
from alih.generate.tokenizers import open_tokenizer

TEXTS = [f"the price of ticket {n} is {7 * n} rupiah, harga tiket nomor {n}" for n in range(60)]
TOKENIZERS = {"bpe": learn(TEXTS, "bpe", 400), "unigram": learn(TEXTS, "unigram", 400)}
ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="▁"), max_size=40)


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(text=ANY_TEXT.filter(lambda text: "<" not in text))
def test_bytes_of_the_pieces_are_the_bytes_of_the_text(kind: str, text: str) -> None:
    pieces = cut(TOKENIZERS[kind], text)
    assert b"".join(piece.raw for piece in pieces) == text.encode()
    assert TOKENIZERS[kind].decode([piece.id for piece in pieces]) == text


@pytest.mark.parametrize("kind", TOKENIZERS)
def test_part_of_a_character_is_shown_as_its_bytes(kind: str) -> None:
    pieces = cut(TOKENIZERS[kind], "日")
    assert [piece.shown for piece in pieces] == ["<E6>", "<97>", "<A5>"]
    assert all(piece.text is None for piece in pieces)


def test_wordpiece_joins_without_its_marks() -> None:
    tokenizer = open_tokenizer("alih/minilm").tokenizer
    pieces = cut(tokenizer, "selamat pagi")
    assert [piece.shown for piece in pieces] == ["[CLS]", "se", "lam", "at", "pa", "gi", "[SEP]"]
    assert [piece.special for piece in pieces] == [True, False, False, False, False, False, True]


def test_kinds_are_told_apart(tmp_path_factory: pytest.TempPathFactory) -> None:
    kinds = {}
    for kind, tokenizer in TOKENIZERS.items():
        folder = tmp_path_factory.mktemp(kind)
        assert isinstance(tokenizer, PreTrainedTokenizerFast)
        tokenizer.save_pretrained(folder)
        kinds[kind] = open_tokenizer(folder).kind
    assert kinds == {"bpe": "BPE (bytes)", "unigram": "Unigram (falls back to bytes)"}
    assert open_tokenizer("alih/minilm").kind == "WordPiece"


def test_a_folder_without_a_tokenizer_is_refused_in_words(tmp_path_factory: pytest.TempPathFactory) -> None:
    with pytest.raises(ModelError, match=r"neither config.json nor tokenizer.json"):
        open_tokenizer(tmp_path_factory.mktemp("empty"))
