"""The recipe: schedule, batches, averaging, vocabulary, and training that resumes bit by bit and learns."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

from alih.errors import DataError, RunError
from alih.tasks.translation import recipe as module
from alih.tasks.translation.recipe import Recipe, train_translator
from alih.tasks.translation.training import objective
from alih.transformer.registration import register
from alih.transformer.schedule import learning_rate
from alih.transformer.token_batches import collate, token_batches
from alih.transformer.vocabulary import train_vocabulary

SMALL = Recipe(
    vocabulary=280, d_model=16, layers=1, heads=2, d_ff=32, steps=12, warmup=4, most_tokens=120, checkpoint_every=3
)


def reversals(count: int, longest: int = 5) -> list[tuple[str, str]]:
    """Words to be said in the opposite order."""
    chooser = random.Random(0)
    words = [chooser.choices("abcdefgh", k=chooser.randint(1, longest)) for _ in range(count)]
    return [(" ".join(said), " ".join(reversed(said))) for said in words]


def test_the_rate_rises_linearly_peaks_at_the_warm_up_and_falls_with_the_root() -> None:
    peak = (512 * 4000) ** -0.5
    assert learning_rate(4000, 512) == pytest.approx(peak)
    assert learning_rate(1000, 512) == pytest.approx(peak / 4)
    assert learning_rate(16000, 512) == pytest.approx(peak / 2)


@settings(deadline=None, max_examples=50)
@given(
    lengths=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 60)), min_size=1, max_size=200),
    most=st.integers(30, 400),
    seed=st.integers(0, 99),
)
def test_batches_hold_every_pair_once_within_the_limit(lengths: list[tuple[int, int]], most: int, seed: int) -> None:
    table = np.array(lengths)
    batches = token_batches(table[:, 0], table[:, 1], most, seed)
    assert sorted(np.concatenate(batches)) == list(range(len(lengths)))
    for rows in batches:
        assert len(rows) == 1 or table[rows].max() * len(rows) <= most


def test_batches_of_like_lengths_hold_less_padding_than_random_ones_and_differ_by_epoch() -> None:
    generator = np.random.default_rng(0)
    source = generator.integers(3, 50, 2000)
    target = np.maximum(1, source + generator.integers(-3, 4, 2000))
    batches = token_batches(source, target, 1000, seed=0)
    padded = sum(target[rows].max() * len(rows) for rows in batches)
    assert target.sum() / padded > 0.95
    again, other = token_batches(source, target, 1000, seed=0), token_batches(source, target, 1000, seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(batches, again, strict=True))
    assert not np.array_equal(batches[0], other[0])


def test_collate_pads_sources_with_pad_and_targets_with_ignored_labels() -> None:
    batch = collate([([5, 2], [7, 8, 2]), ([6, 6, 2], [9, 2])], pad=0)
    assert batch["input_ids"].tolist() == [[5, 2, 0], [6, 6, 2]]
    assert batch["attention_mask"].tolist() == [[1, 1, 0], [1, 1, 1]]
    assert batch["labels"].tolist() == [[7, 8, 2], [9, 2, -100]]


@settings(deadline=None, max_examples=50)
@given(text=st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=40))
def test_every_text_comes_back_even_of_characters_never_seen(text: str) -> None:
    import unicodedata

    tokenizer = train_vocabulary(["a little text", "ein kleiner Text"], 300)
    ids = tokenizer(text).input_ids
    assert ids[-1] == tokenizer.eos_token_id == 2
    if not any(special in text for special in tokenizer.all_special_tokens):
        assert tokenizer.unk_token_id not in ids
        said = tokenizer.decode(ids, skip_special_tokens=True)
        assert said.removeprefix(" ") == unicodedata.normalize("NFC", text).removeprefix(" ")


def test_a_vocabulary_without_room_for_the_bytes_is_refused() -> None:
    with pytest.raises(DataError, match="at least 260"):
        train_vocabulary(["a"], 100)


class Killed(BaseException):
    """Stands for the end of the process."""


@pytest.mark.parametrize("at", [1, 7, 10])
def test_a_killed_run_resumes_to_the_same_bits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, at: int) -> None:
    pairs = reversals(60)
    whole = train_translator(pairs, tmp_path / "whole", recipe=SMALL)
    with monkeypatch.context() as patch:
        calls: list[int] = []

        def dies(*arguments: Any) -> Any:
            calls.append(1)
            if len(calls) == at:
                raise Killed
            return objective(*arguments)

        patch.setattr(module, "objective", dies)
        with pytest.raises(Killed):
            train_translator(pairs, tmp_path / "killed", recipe=SMALL)
    torch.rand(3)  # whatever happened to the generator meanwhile
    again = train_translator(pairs, tmp_path / "killed", recipe=SMALL)
    assert again.steps == whole.steps == 12
    assert again.curve == whole.curve
    states = whole.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


TRAIN = """
import sys
from pathlib import Path
from test_recipe import SMALL, reversals
from alih.tasks.translation import recipe as module
steps = []
def counted(*arguments, whole=module.objective):
    steps.append(1)
    print(len(steps) - 1, flush=True)
    return whole(*arguments)
module.objective = counted
module.train_translator(reversals(60), Path(sys.argv[1]), recipe=SMALL)
"""


@pytest.mark.slow
def test_a_run_killed_by_the_system_resumes_to_the_same_bits(tmp_path: Path) -> None:
    command = [sys.executable, "-c", TRAIN, str(tmp_path / "killed")]
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent),
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.strip() == "8":
                process.kill()  # SIGKILL, after the second checkpoint
                break
    assert process.wait() == -signal.SIGKILL
    assert (tmp_path / "killed" / "training.pt").exists()
    assert not (tmp_path / "killed" / "model.safetensors").exists()
    whole, again = (train_translator(reversals(60), tmp_path / name, recipe=SMALL) for name in ("whole", "killed"))
    states = whole.model.state_dict(), again.model.state_dict()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_state_torn_in_the_middle_is_refused_and_a_half_written_one_beside_it_does_no_harm(tmp_path: Path) -> None:
    whole = train_translator(reversals(60), tmp_path, recipe=SMALL)
    (tmp_path / "training.new").write_bytes(b"half")
    again = train_translator(reversals(60), tmp_path, recipe=SMALL)
    assert torch.equal(again.model.lm_head.weight, whole.model.lm_head.weight)
    state = tmp_path / "training.pt"
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    with pytest.raises(RunError, match="delete it"):
        train_translator(reversals(60), tmp_path, recipe=SMALL)


def test_the_folder_holds_the_average_of_the_last_checkpoints(tmp_path: Path) -> None:
    register()
    trained = train_translator(reversals(60), tmp_path, recipe=replace(SMALL, averaged=2))
    first, second = torch.load(tmp_path / "training.pt", weights_only=True)["checkpoints"]
    name = "model.shared.weight"
    place = [one for one, _ in trained.model.named_parameters()].index(name)
    mean = (first[place] + second[place]) / 2
    loaded = AutoModelForSeq2SeqLM.from_pretrained(tmp_path)
    torch.testing.assert_close(loaded.state_dict()[name], mean, atol=1e-7, rtol=0)
    assert torch.equal(trained.model.state_dict()[name], loaded.state_dict()[name])
    assert AutoTokenizer.from_pretrained(tmp_path)("a b").input_ids == trained.tokenizer("a b").input_ids


def test_a_seed_decides_and_time_ends_training(tmp_path: Path) -> None:
    pairs = reversals(60)
    one, other = (train_translator(pairs, tmp_path / str(s), recipe=SMALL, seed=s) for s in (0, 1))
    assert not torch.equal(one.model.model.shared.weight, other.model.model.shared.weight)
    assert train_translator(pairs, tmp_path / "none", recipe=SMALL, max_seconds=0).steps == 0


def test_another_set_of_pairs_in_the_folder_and_a_damaged_state_are_refused_in_words(tmp_path: Path) -> None:
    train_translator(reversals(60), tmp_path, recipe=SMALL)
    with pytest.raises(RunError, match="other data, settings or weights"):
        train_translator(reversals(50), tmp_path, recipe=SMALL)
    (tmp_path / "training.pt").write_bytes(b"torn")
    with pytest.raises(RunError, match="delete it"):
        train_translator(reversals(60), tmp_path, recipe=SMALL)


def test_empty_and_too_long_pairs_are_left_out(tmp_path: Path) -> None:
    pairs = [*reversals(60), ("", "a"), ("a", " "), ("a " * 10_000, "a")]
    assert train_translator(pairs, tmp_path / "some", recipe=replace(SMALL, steps=1)).left_out == 3
    with pytest.raises(DataError, match="none of 2 pairs"):
        train_translator([("", "a"), ("b", "")], tmp_path / "none", recipe=SMALL)


@pytest.mark.slow
def test_reversing_is_learnt(tmp_path: Path) -> None:
    sentences = list(dict.fromkeys(reversals(1500)))
    recipe = replace(
        SMALL, d_model=48, heads=4, layers=2, d_ff=96, steps=900, warmup=200, checkpoint_every=50, most_tokens=600
    )
    held_out = sentences[-50:]
    trained = train_translator(sentences[:-50], tmp_path, recipe=recipe)
    batch = trained.tokenizer([source for source, _ in held_out], return_tensors="pt", padding=True)
    batch.pop("token_type_ids", None)
    written = trained.model.generate(**batch, max_new_tokens=12, do_sample=False)
    said = [text.strip() for text in trained.tokenizer.batch_decode(written, skip_special_tokens=True)]
    assert sum(text == target for text, (_, target) in zip(said, held_out, strict=True)) >= 45
