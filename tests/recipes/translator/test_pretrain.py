"""The recipe writes a folder that the Auto classes open, with the figures of what was written."""

from __future__ import annotations

import json
from pathlib import Path

from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from alih.progress import Progress
from alih.tasks.translation.recipe import Recipe
from recipes.translator.pretrain import pretrain_translator, translate
from recipes.translator.sentences import INTO_INDONESIAN


def test_a_short_run_writes_model_tokenizer_and_card(tmp_path: Path) -> None:
    recipe = Recipe(vocabulary=400, d_model=16, layers=1, heads=2, d_ff=32, warmup=2, checkpoint_every=2, longest=200)
    quiet = Progress(quiet=True)
    figures = pretrain_translator(tmp_path, recipe=recipe, count=40, steps=4, progress=quiet)
    assert json.loads((tmp_path / "figures.json").read_text())["bleu_en_id"] == figures["bleu_en_id"]
    assert f"{figures['parameters']:,} parameters" in (tmp_path / "README.md").read_text()
    assert not (tmp_path / "training.pt").exists()
    model, tokenizer = AutoModelForSeq2SeqLM.from_pretrained(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    marked = tokenizer(f"{INTO_INDONESIAN} It is hot.").input_ids
    assert tokenizer.convert_ids_to_tokens(marked)[0] == INTO_INDONESIAN
    assert len(translate(model.float(), tokenizer, [f"{INTO_INDONESIAN} It is hot."] * 3, quiet)) == 3
