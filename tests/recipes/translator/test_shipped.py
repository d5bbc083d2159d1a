"""The weights of alih/translator are there, open with the Auto classes, and translate sentences of their grammar."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from alih.cli.main import main
from alih.pretrained.builtin import BUILT_IN
from alih.progress import Progress
from recipes.translator.card import write_card
from recipes.translator.pretrain import scores
from recipes.translator.sentences import pairs

FOLDER = BUILT_IN["alih/translator"].locate()


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 6_000_000


def test_its_card_is_what_the_recipe_writes_of_its_figures(tmp_path: Path) -> None:
    figures = json.loads((FOLDER / "figures.json").read_text(encoding="utf-8"))
    write_card(tmp_path, figures)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert card == (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"| English → Indonesian | {figures['bleu_en_id']} | {figures['chrf_en_id']} |" in card


def test_it_translates_held_out_sentences_of_the_grammar_both_ways() -> None:
    model = AutoModelForSeq2SeqLM.from_pretrained(FOLDER, dtype="float32").eval()
    found = scores(model, AutoTokenizer.from_pretrained(FOLDER), pairs(5, 40, held_out=True), Progress(quiet=True))
    assert found["bleu_en_id"] > 70
    assert found["bleu_id_en"] > 60


def test_the_command_translates_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", "alih/translator", "--to", "id", "My mother is cooking fish."]) == 0
    assert capsys.readouterr().out.strip() == "Ibu saya sedang memasak ikan."
