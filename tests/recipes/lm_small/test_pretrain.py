"""The recipe of the small language model: it learns, resumes exactly, and writes a folder that opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from alih.errors import OptionError, RunError
from alih.progress import Progress
from recipes.lm_small import recipe as module
from recipes.lm_small.pretrain import pretrain_lm
from recipes.lm_small.recipe import Recipe, loss_of, rate_factor, train

TINY = Recipe(
    vocabulary=500, width=16, layers=2, heads=2, inner=24, steps=6, most_tokens=256, part=60, warmup=2,
    checkpoint_every=2, context=192,
)  # fmt: skip
QUIET = Progress(quiet=True)


def test_cut_and_resumed_ends_with_the_weights_of_an_uncut_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, _, told = train(tmp_path / "whole", TINY, 0, QUIET)
    updated = module._Run._update

    def cut(self: Any, batch: Any) -> Any:
        if self.step == 5:
            raise KeyboardInterrupt
        return updated(self, batch)

    monkeypatch.setattr(module._Run, "_update", cut)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", TINY, 0, QUIET)
    monkeypatch.setattr(module._Run, "_update", updated)
    resumed, _, again = train(tmp_path / "cut", TINY, 0, QUIET)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))
    assert told["curve"] == again["curve"]
    assert told["tokens"] == again["tokens"]


def test_padding_at_the_end_and_neighbours_in_a_batch_change_no_loss() -> None:
    torch.manual_seed(0)
    model = module.build(TINY, 50, 0, 1, 2).eval()
    inputs, labels = torch.randint(3, 50, (2, 7)), torch.randint(3, 50, (2, 7))
    weights = torch.ones(2, 7)
    alone = [loss_of(model, inputs[i : i + 1], labels[i : i + 1], weights[:1]) for i in range(2)]
    padded = torch.nn.functional.pad(inputs, (0, 3)), torch.nn.functional.pad(labels, (0, 3), value=-100)
    together = loss_of(model, *padded, torch.nn.functional.pad(weights, (0, 3)))
    torch.testing.assert_close(together, torch.stack(alone).mean())


def test_the_rate_rises_stays_and_falls_to_almost_nothing() -> None:
    recipe = Recipe(steps=100, warmup=10, cooldown=0.4)
    factors = [rate_factor(step, recipe) for step in range(1, 101)]
    assert factors[0] == pytest.approx(0.1)
    assert factors[9:60] == [1.0] * 51
    assert factors[60:] == sorted(factors[60:], reverse=True)
    assert factors[-1] == pytest.approx(1 / 40)


def test_the_state_of_another_recipe_is_refused(tmp_path: Path) -> None:
    train(tmp_path, TINY, 0, QUIET)
    with pytest.raises(RunError, match="another recipe or seed"):
        train(tmp_path, TINY, 1, QUIET)


def test_the_folder_opens_holds_16_bit_weights_and_a_card_with_figures(tmp_path: Path) -> None:
    figures = pretrain_lm(tmp_path, recipe=TINY, each=2, progress=QUIET)
    assert {value.dtype for value in load_file(tmp_path / "model.safetensors").values()} == {torch.float16}
    model = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32)
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert model.config.model_type == "llama"
    assert tokenizer.chat_template
    assert sum(p.numel() for p in model.parameters()) == figures["parameters"]
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert "python -m recipes lm-small --seed 0 --steps 6" in card
    assert json.loads((tmp_path / "pretraining.json").read_text(encoding="utf-8"))["exact_match"].keys() >= {"passage"}
    assert not (tmp_path / "training.pt").exists()


def test_no_steps_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--steps 0"):
        pretrain_lm(tmp_path, steps=0)
