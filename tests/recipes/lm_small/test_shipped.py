"""The weights of alih/lm-small are there, open with the Auto classes, and do what its card says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoTokenizer

from alih.pretrained.builtin import BUILT_IN
from alih.progress import Progress
from recipes.lm_small.card import write_card
from recipes.lm_small.grading import grade
from recipes.lm_small.instructions import held_out

FOLDER = BUILT_IN["alih/lm-small"].locate()


def test_it_is_small() -> None:
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 10_000_000


def test_its_card_is_what_the_recipe_writes_of_its_figures(tmp_path: Path) -> None:
    figures = json.loads((FOLDER / "pretraining.json").read_text(encoding="utf-8"))
    write_card(tmp_path, figures)
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert card == (FOLDER / "README.md").read_text(encoding="utf-8")
    assert f"{100 * figures['exact_match']['multiplication']:.1f}%" in card


@pytest.mark.timeout(300)
def test_it_multiplies_about_as_well_as_its_card_says() -> None:
    model = AutoModelForCausalLM.from_pretrained(FOLDER, dtype="float32").eval()
    prompts = [one for one in held_out(15) if one.kind in {"multiplication", "addition"}]
    found = grade(model, AutoTokenizer.from_pretrained(FOLDER), prompts, Progress(quiet=True)).exact
    assert found["multiplication"] > 0.7
    assert found["addition"] > 0.4
