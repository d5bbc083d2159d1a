"""`alih explain` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import alih
from alih.cli.main import main


def test_a_page_is_written(tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "page.html"
    assert main(["explain", str(tiny_bert), "good food", "-o", str(page), "--lang", "id"]) == 0
    assert capsys.readouterr().out.strip() == str(page)
    assert '<html lang="id">' in page.read_text(encoding="utf-8")


def test_json_is_printed(tiny_bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(tiny_bert), "good food", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "alih.explain/1"


def test_pictures_are_written(tiny_bert: Path, tmp_path: Path) -> None:
    page = str(tmp_path / "page.html")
    assert main(["explain", str(tiny_bert), "good", "-o", page, "--png", str(tmp_path / "png")]) == 0
    assert (tmp_path / "png" / "encoder-layer-1.png").is_file()


def test_a_long_text_is_said_to_be_cut(tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", str(tiny_bert), "good " * 700, "-o", str(tmp_path / "page.html")]) == 0
    assert "The text has 702 tokens" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["good", "--layer", "99"], "has layers 1 to"),
        (["good", "--head", "0"], "has heads 1 to"),
        ([" "], "the text is empty"),
        (["good", "-o", "page.txt"], "ends in .html"),
        (["good", "-o", "nowhere/page.html"], "there is no folder"),
        (["good", "--json", "--open"], "no page to open"),
        (["good", "--to", "translate"], "writes no text"),
    ],
)
def test_mistakes_are_told_in_words(
    tiny_bert: Path, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["explain", str(tiny_bert), *arguments]) == 2
    assert said in capsys.readouterr().err


def test_an_image_model_is_refused_with_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "alih/resnet-small", "a text"]) == 2
    assert "alih inspect alih/resnet-small" in capsys.readouterr().err


def test_the_python_function_survives_its_package(tiny_bert: Path) -> None:
    for _ in range(2):
        found = alih.explain(str(tiny_bert), "good food")
    assert found.attention
    assert [token.text for token in found.tokens][1:3] == ["good", "food"]
