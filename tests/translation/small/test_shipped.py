"""The weights of alih/translator are there, open with the Auto classes, and translate sentences of their grammar."""

from __future__ import annotations

import json

import pytest
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from alih.cli.main import main
from alih.pretrained.builtin import BUILT_IN
from alih.progress import Progress
from alih.translation.small.scoring import scores
from alih.translation.small.sentences import pairs

FOLDER = BUILT_IN["alih/translator"].locate()


def test_it_is_small_and_its_card_has_its_figures() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) <= 6_000_000
    told = json.loads((FOLDER / "figures.json").read_text(encoding="utf-8"))
    card = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"| English → Indonesian | {told['bleu_en_id']} | {told['chrf_en_id']} |" in card


def test_it_translates_held_out_sentences_of_the_grammar_both_ways() -> None:
    model = AutoModelForSeq2SeqLM.from_pretrained(FOLDER, dtype="float32").eval()
    found = scores(model, AutoTokenizer.from_pretrained(FOLDER), pairs(5, 40, held_out=True), Progress(quiet=True))
    assert found["bleu_en_id"] > 70
    assert found["bleu_id_en"] > 60


def test_the_command_translates_with_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["translate", "alih/translator", "--to", "id", "My mother is cooking fish."]) == 0
    assert capsys.readouterr().out.strip() == "Ibu saya sedang memasak ikan."
