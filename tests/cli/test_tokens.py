"""What `alih tokens` prints, and how it refuses what cannot be."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alih.cli.main import main


def said(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    assert main(["tokens", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_a_text_is_cut_with_ids_and_tokens_a_word(capsys: pytest.CaptureFixture[str]) -> None:
    out = said(capsys, "Selamat pagi")
    assert "5 tokens, 2.50 a word, and 2 around the text" in out
    assert "[CLS]|se|lam|at|pa|gi|[SEP]" in out
    assert "ids  101 7367 10278 4017 6643 5856 102" in out


def test_json_names_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = json.loads(said(capsys, "a", "--json"))
    assert found["texts"][0][1] == {"id": 1037, "token": "a", "text": "a", "bytes": "61", "special": False}


def test_indonesian_takes_more_tokens_of_an_english_vocabulary(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(said(capsys, "--json"))
    each = {row["data"]: row["per_word"] for row in rows}
    assert each["id"] > 2 * each["en"]
    assert "12 built-in sentences" in said(capsys, "--lang", "en")


def test_a_tokenizer_is_trained_and_stands_beside_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("restoran ini ramah\nmakanan ini enak sekali\n" * 30, encoding="utf-8")
    out = said(capsys, "train", corpus, "--kind", "unigram", "--size", "330", "-o", tmp_path / "own")
    assert "saved to" in out
    table = said(capsys, "--data", f"id={corpus}", "--model", tmp_path / "own", "--model", "alih/minilm")
    assert "tokens a word" in table
    assert "nothing limits the length" in table
    assert "At 256 tokens 0 of 60 texts are cut" in table


def test_words_are_added(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = tmp_path / "words.txt"
    words.write_text("banjir\nthe\n", encoding="utf-8")
    out = said(capsys, "add", "alih/minilm", words, "-o", tmp_path / "new")
    assert "banjir  instead of ban|##ji|##r" in out
    assert "1 token added; 1 was one token already. Embeddings: 30,522 rows, now 30,523." in out


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--size", "5"], "--size: is not read by this"),
        (["text", "--data", "x.csv"], "--data: is not read by cutting texts"),
        (["train"], "name the corpus"),
        (["train", "corpus.txt"], "--output: name the folder"),
        (["train", "corpus.txt", "-o", "x", "--model", "y"], "--model: is not read by tokens train"),
        (["train", "nothing.txt", "-o", "x"], "nothing.txt"),
        (["add", "alih/minilm"], "name a model, a file"),
        (["add", "alih/minilm", "nothing.txt", "-o", "x"], "no such file"),
        (["--lang", "de"], "--lang de: there are built-in sentences in id, en"),
        (["x", "--model", "alih/minlm"], "alih/minilm"),
        (["--data", "nothing.csv"], "nothing.csv"),
        (["--data", "x.csv", "--max-length", "0"], "--max-length: must be at least 1"),
    ],
)
def test_mistakes_are_told_in_one_message(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["tokens", *arguments]) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("action", ["train", "add"])
def test_nothing_is_written_over(action: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "model.safetensors").write_bytes(b"the only copy")
    texts = tmp_path / "texts.txt"
    texts.write_text("banjir\n", encoding="utf-8")
    items = [texts] if action == "train" else ["alih/minilm", texts]
    assert main(["tokens", action, *map(str, items), "-o", str(tmp_path / "own")]) == 2
    assert "the folder is not empty" in capsys.readouterr().err
    assert [one.name for one in (tmp_path / "own").iterdir()] == ["model.safetensors"]
