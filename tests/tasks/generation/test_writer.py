"""Models that write."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from alih.errors import ModelError, OptionError
from alih.pretrained.open import find, load
from alih.tasks.generation.adapted import AdaptedWriter
from alih.tasks.generation.conversation import USER, Turn
from alih.tasks.generation.template import Template
from alih.tasks.generation.write import Sampling, answers, fitting
from alih.tasks.generation.writer import Asking

from .tiny import folder

_GOLDEN = (
    "Once upon a time, there was a little girl named Lily. She loved to play outside in the park. One day, she saw a "
    "big, red ball."
)


def test_stories260k_writes_its_golden_text(shared_data: Path) -> None:
    found = find(shared_data / "stories260K")
    model = found.load("causal").model
    text = answers(model, found.tokenizer, [[1]], [2], found.context, Sampling(120))[0]
    assert text.startswith(_GOLDEN)


def test_greedy_answers_in_a_batch_equal_those_of_transformers_one_by_one(tmp_path: Path) -> None:
    path = folder(tmp_path / "model")
    writer = AdaptedWriter.open(path)
    texts = ["Say number 3.", "Say", "Say number 11, and say it again."]
    ours = writer.answer([[Turn(USER, text)] for text in texts], Sampling(12))
    model, tokenizer = AutoModelForCausalLM.from_pretrained(path), AutoTokenizer.from_pretrained(path)
    for text, answer in zip(texts, ours, strict=True):
        ids = tokenizer.apply_chat_template(
            [{"role": "user", "content": text}], add_generation_prompt=True, return_tensors="pt", return_dict=False
        )
        said = model.generate(ids, max_new_tokens=12, do_sample=False, attention_mask=torch.ones_like(ids))
        assert answer == tokenizer.decode(said[0, ids.shape[1] :], skip_special_tokens=True).strip()


def test_pieces_that_are_streamed_are_the_answer(tmp_path: Path) -> None:
    writer = AdaptedWriter.open(folder(tmp_path / "model"))
    pieces: list[str] = []
    answer = writer.answer([[Turn(USER, "Say number 3.")]], Sampling(10), pieces.append)[0]
    assert "".join(pieces).strip() == answer


def test_the_same_seed_draws_the_same_answer(tmp_path: Path) -> None:
    writer = AdaptedWriter.open(folder(tmp_path / "model"))
    drawn = [writer.ask("Say", Sampling(16, 1.5, 0.95, 0, seed)) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_long_prompt_keeps_its_end_and_leaves_room_for_an_answer() -> None:
    assert fitting(range(100), 20, 8) == (list(range(88, 100)), 8)
    assert fitting(range(100), 20, 50) == (list(range(90, 100)), 10)


def test_without_a_template_the_prompt_is_continued(tmp_path: Path) -> None:
    path = folder(tmp_path / "model", template=False)
    writer = AdaptedWriter.open(path)
    assert writer.writer.template.source is None
    assert writer.asking == Asking(False, 128)


@pytest.mark.parametrize("options", [{"temperature": -1}, {"top_p": 0.5}, {"top_k": 3}, {"max_new_tokens": 0}])
def test_sampling_that_means_nothing_is_refused(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="--"):
        Sampling(**options)  # type: ignore[arg-type]


def test_an_encoder_is_refused_as_a_writer() -> None:
    with pytest.raises(ModelError, match="writes no text"):
        load("alih/minilm", form="causal")


def test_a_raw_prompt_skips_the_template(tmp_path: Path) -> None:
    writer = AdaptedWriter.open(folder(tmp_path / "model"), raw=True)
    assert writer.writer.template == Template(None, "none: prompts as they are")
