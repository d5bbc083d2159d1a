"""Training: stopped and gone on with gives the same weights; it ends where it should; the best weights are kept."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from alih.progress import Progress
from alih.tasks.translation.loss import losses_of_pairs
from alih.tasks.translation.training import EncodedPairs, LossModel, PairFeed, PairLook, objective
from alih.training.loop import DivergenceError, FitResult, FitSettings, fit
from alih.training.schedule import inverse_root
from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.model import AlihTransformerForConditionalGeneration
from alih.transformer.schedule import learning_rate
from alih.transformer.token_batches import Pair

QUIET = Progress(quiet=True)
PAPER = FitSettings(
    learning_rate(6, 16, 6),
    steps=12,
    validate_every=4,
    averaged=2,
    schedule="inverse-root",
    warmup=0.5,
    betas=(0.9, 0.98),
    epsilon=1e-9,
    weight_decay=0.0,
    max_grad_norm=None,
    seed=3,
    precision="fp32",
)
LINEAR = replace(PAPER, schedule="linear", warmup=0.1, learning_rate=1e-3, averaged=1, max_grad_norm=1.0)


def trained(made: PreTrainedModel, settings: FitSettings, state: Path | None = None) -> FitResult:
    feed, look = PairFeed(EncodedPairs(TRAIN, 0), 60), PairLook(made, EncodedPairs(HELD, 0))
    return fit(LossModel(made), feed, objective, look, settings, progress=QUIET, state=state)


def copies(count: int, seed: int = 0) -> list[Pair]:
    """Sequences to be said again."""
    chooser = random.Random(seed)
    found = []
    for _ in range(count):
        ids = [chooser.randint(4, 19) for _ in range(chooser.randint(1, 6))]
        found.append(([*ids, 2], [*ids, 2]))
    return found


TRAIN, HELD = copies(60), copies(20, seed=1)


def model() -> AlihTransformerForConditionalGeneration:
    torch.manual_seed(0)
    config = AlihTransformerConfig(vocab_size=20, d_model=16, layers=1, heads=2, d_ff=32, dropout=0.2)
    return AlihTransformerForConditionalGeneration(config)


def weights(made: PreTrainedModel) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in made.named_parameters()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize("name", ["PAPER", "LINEAR"])
def test_killed_and_gone_on_with_equals_uninterrupted(tmp_path: Path, name: str) -> None:
    code = (
        "import os, signal, sys\n"
        "sys.path[:0] = sys.argv[3:]\n"
        "from tasks.translation import test_training as t\n"
        "from alih.training import loop\n"
        "old = loop._Run._save\n"
        "def save(run):\n"
        "    old(run)\n"
        "    if run.steps == 8: os.kill(os.getpid(), signal.SIGKILL)\n"
        "loop._Run._save = save\n"
        "t.trained(t.model(), getattr(t, sys.argv[2]), t.Path(sys.argv[1]))\n"
    )
    state, settings = tmp_path / "state.pt", {"PAPER": PAPER, "LINEAR": LINEAR}[name]
    tests = str(Path(__file__).parents[2])
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    command = [sys.executable, "-c", code, str(state), name, tests]
    done = subprocess.run(command, env=environment, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    resumed, whole = model(), model()
    trained(resumed, settings, state)
    trained(whole, settings)
    assert same(weights(resumed), weights(whole))


def loss_of_pairs(of: PreTrainedModel) -> float:
    total, tokens = losses_of_pairs(of, HELD, 0).sum(axis=0)
    return float(total / tokens)


def test_the_best_weights_are_kept() -> None:
    made = model()
    outcome = trained(made, replace(LINEAR, steps=40, learning_rate=0.3))
    losses = [point.validation_loss for point in outcome.curve]
    assert outcome.best.validation_loss == min(losses)  # type: ignore[type-var]
    assert loss_of_pairs(made) == pytest.approx(outcome.best.validation_loss, abs=1e-6)
    assert not made.training


def test_only_what_requires_a_gradient_changes() -> None:
    made = model()
    for name, value in made.named_parameters():
        value.requires_grad_("decoder" in name)
    before = weights(made)
    trained(made, replace(LINEAR, learning_rate=0.01))
    changed = {name for name, value in made.named_parameters() if not torch.equal(value, before[name])}
    assert changed
    assert all("decoder" in name for name in changed)


def test_a_loss_that_is_not_a_number_is_said() -> None:
    with pytest.raises(DivergenceError, match="training diverged"):
        trained(model(), replace(LINEAR, learning_rate=1e30, max_grad_norm=None))


def test_pairs_that_were_cut_are_not_fed_and_do_not_look() -> None:
    cut = np.zeros(len(TRAIN), dtype=np.bool_)
    cut[3] = True
    encoded = EncodedPairs(TRAIN, 0, cut)
    feed = PairFeed(encoded, 60, np.arange(5, dtype=np.int64))
    assert len(feed) == 4
    assert sorted(np.concatenate(feed.plan(1)).tolist()) == [0, 1, 2, 3]
    assert feed.gather(np.array([3]))["labels"][0].tolist() == list(TRAIN[4][1])
    assert len(PairLook(model(), encoded)) == len(TRAIN) - 1


def test_every_epoch_has_as_many_batches() -> None:
    assert len({len(PairFeed(EncodedPairs(TRAIN, 0), 60).plan(seed)) for seed in range(9)}) == 1


def test_the_rate_is_equation_3_of_the_paper() -> None:
    peak = learning_rate(40, 16, 40)
    for step in (1, 7, 40, 41, 300):
        assert peak * inverse_root(step - 1, 100, 0.4) == pytest.approx(learning_rate(step, 16, 40), rel=1e-12)


def test_the_loss_of_pairs_is_the_mean_over_tokens_whatever_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    from alih.tasks.translation import loss

    made = model().eval()
    together = loss_of_pairs(made)
    monkeypatch.setattr(loss, "_TOKENS", 1)  # one pair a batch
    assert loss_of_pairs(made) == pytest.approx(together, abs=1e-5)
