"""The page is self-contained and escaped, its size limited; JSON and pictures hold the same numbers."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from alih.errors import OptionError
from alih.explain.explanation import explain
from alih.explain.words import TEXTS
from explain.families import build, tokenizer

TEXT = "the cat sat on a mat"


def test_the_page_needs_no_network_and_runs_no_script() -> None:
    page = explain((build("alih-transformer"), tokenizer()), TEXT).html()
    assert "<script" not in page
    assert "default-src &#x27;none&#x27;" in page
    targets = re.findall(r'(?:href|src)="([^"]*)"', page)
    assert all(target.startswith(("#", "data:image/png")) for target in targets)
    names = set(re.findall(r' id="([^"]*)"', page))
    assert {target[1:] for target in targets if target.startswith("#")} <= names


def test_a_text_cannot_become_markup() -> None:
    page = explain((build("bert"), tokenizer()), 'the <script>alert("1")</script> <img src=x>').html()
    assert "<script" not in page
    assert "<img" not in page


def test_every_head_of_every_attention_has_its_map() -> None:
    page = explain((build("alih-transformer"), tokenizer()), TEXT).html()
    maps = set(re.findall(r'<figure class="head[^"]*" id="([^"]*)"', page))
    assert maps == {f"{r}-{n}-{h}" for r in ("encoder", "decoder", "cross") for n in (1, 2) for h in (1, 2, 3, 4)}


def test_hidden_scores_are_shown_as_minus_infinity() -> None:
    assert "−∞" in explain((build("llama"), tokenizer()), "the cat").html()


def test_a_page_of_a_long_text_is_limited_and_says_so() -> None:
    page = explain((build("t5"), tokenizer()), "cat " * 300, to="the dog").html()
    assert "The maps show the first 96 of 301 tokens" in page
    assert len(page) < 2_000_000


def test_both_languages_have_the_same_texts() -> None:
    gaps = {
        language: {key: set(re.findall(r"{(\w+)}", said)) for key, said in texts.items()}
        for language, texts in TEXTS.items()
    }
    assert gaps["en"] == gaps["id"]


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(OptionError, match="en and id"):
        explain((build("bert"), tokenizer()), TEXT).html("fr")  # type: ignore[arg-type]


def test_json_holds_the_weights_and_is_strict() -> None:
    found = explain((build("llama"), tokenizer()), TEXT)
    told = json.loads(found.to_json())
    assert set(told) == {
        "schema", "model", "family", "kind", "text", "written", "given", "cut_from", "shown", "tokens", "target",
        "embedded", "attention", "worked", "steps",
    }  # fmt: skip
    assert told["attention"][1]["weights"][2][3] == pytest.approx(found.attention[1].weights[2, 3].tolist(), abs=1e-5)
    assert told["worked"][0]["scores"][0][1] is None


def test_a_notebook_gets_a_frame_of_its_own() -> None:
    shown = explain((build("bert"), tokenizer()), TEXT)._repr_html_()
    assert shown.startswith("<iframe srcdoc=")


def test_pictures_are_drawn_for_each_attention(tmp_path: Path) -> None:
    files = explain((build("marian"), tokenizer()), TEXT, to="the dog").pictures(tmp_path / "png")
    assert [file.name for file in files][-3:] == ["head-encoder.png", "head-decoder.png", "head-cross.png"]
    assert len(files) == 9
    assert all(file.read_bytes()[:4] == b"\x89PNG" for file in files)


def test_without_matplotlib_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(OptionError, match=r"pip install 'alih\[notebook\]'"):
        explain((build("bert"), tokenizer()), TEXT).pictures(tmp_path)
