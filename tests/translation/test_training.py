"""Training: stopped and gone on with gives the same weights; it ends where it should; the best weights are kept."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from alih.errors import AlihError, RunError
from alih.progress import Progress
from alih.transformer.configuration import AlihTransformerConfig
from alih.transformer.model import AlihTransformerForConditionalGeneration
from alih.transformer.token_batches import Pair
from alih.translation import training as module
from alih.translation.loss import loss_of_pairs
from alih.translation.training import Settings, batches_an_epoch, fit

QUIET = Progress(quiet=True)
PAPER = Settings(
    steps=12,
    most_tokens=60,
    checkpoint_every=4,
    averaged=2,
    patience=None,
    schedule="paper",
    rate=1.0,
    warmup=6,
    width=16,
    clip=None,
    seed=3,
    precision="fp32",
)
LINEAR = replace(PAPER, schedule="linear", rate=1e-3, averaged=1, clip=1.0)


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


@pytest.mark.parametrize("settings", [PAPER, LINEAR])
def test_stopped_and_gone_on_with_equals_uninterrupted(settings: Settings, tmp_path: Path) -> None:
    whole = model()
    outcome = fit(whole, TRAIN, HELD, settings, tmp_path / "whole.pt", progress=QUIET)
    parts = model()
    state = tmp_path / "parts.pt"
    for _ in range(40):  # a deadline that is over stops after one step each time
        late = fit(parts, TRAIN, HELD, settings, state, deadline=time.monotonic(), progress=QUIET)
        parts = model()
        if late.stopped is None:
            break
    last = fit(parts, TRAIN, HELD, settings, state, progress=QUIET)
    assert same(weights(whole), weights(parts))
    assert [(p.step, p.train_loss, p.validation_loss) for p in last.curve] == [
        (p.step, p.train_loss, p.validation_loss) for p in outcome.curve
    ]
    assert last.best_step == outcome.best_step


def test_killed_and_gone_on_with_equals_uninterrupted(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\n"
        "sys.path[:0] = sys.argv[2:]\n"
        "from translation import test_training as t\n"
        "from alih.translation import training\n"
        "old = training._Run._save\n"
        "def save(run):\n"
        "    old(run)\n"
        "    if run.step == 8: os.kill(os.getpid(), signal.SIGKILL)\n"
        "training._Run._save = save\n"
        "t.fit(t.model(), t.TRAIN, t.HELD, t.PAPER, t.Path(sys.argv[1]), progress=t.QUIET)\n"
    )
    state = tmp_path / "state.pt"
    tests = str(Path(__file__).parent.parent)
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    done = subprocess.run([sys.executable, "-c", code, str(state), tests], env=environment, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    resumed, whole = model(), model()
    fit(resumed, TRAIN, HELD, PAPER, state, progress=QUIET)
    fit(whole, TRAIN, HELD, PAPER, tmp_path / "whole.pt", progress=QUIET)
    assert same(weights(resumed), weights(whole))


def test_the_best_weights_are_kept(tmp_path: Path) -> None:
    made = model()
    outcome = fit(made, TRAIN, HELD, replace(LINEAR, steps=40, rate=0.3), tmp_path / "state.pt", progress=QUIET)
    best = min(outcome.curve, key=lambda point: point.validation_loss)
    assert outcome.best_step == best.step
    assert loss_of_pairs(made, HELD, 0) == pytest.approx(best.validation_loss, abs=1e-6)
    assert not made.training


def test_what_does_not_get_better_ends(tmp_path: Path) -> None:
    settings = replace(LINEAR, steps=400, rate=0.5, patience=2)
    outcome = fit(model(), TRAIN, HELD, settings, tmp_path / "state.pt", progress=QUIET)
    again = fit(model(), TRAIN, HELD, settings, tmp_path / "state.pt", progress=QUIET)  # killed after its last step
    assert (again.stopped, again.steps, again.best_step) == ("patience", outcome.steps, outcome.best_step)
    assert outcome.stopped == "patience"
    assert outcome.steps < 400
    assert len(outcome.curve) - 1 - [p.step for p in outcome.curve].index(outcome.best_step) == 2


def test_the_first_ctrl_c_leaves_the_best_weights_so_far(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old = module._Run._update

    def update(run: module._Run, rows: object) -> None:
        if run.step == 9:
            raise KeyboardInterrupt
        old(run, rows)

    with monkeypatch.context() as patch:
        patch.setattr(module._Run, "_update", update)
        outcome = fit(model(), TRAIN, HELD, PAPER, tmp_path / "state.pt", progress=QUIET)
    assert (outcome.stopped, outcome.best_step) == ("interrupted", 8)
    resumed, whole = model(), model()
    fit(resumed, TRAIN, HELD, PAPER, tmp_path / "state.pt", progress=QUIET)
    fit(whole, TRAIN, HELD, PAPER, tmp_path / "whole.pt", progress=QUIET)
    assert same(weights(resumed), weights(whole))


def test_only_what_requires_a_gradient_changes(tmp_path: Path) -> None:
    made = model()
    for name, value in made.named_parameters():
        value.requires_grad_("decoder" in name)
    before = weights(made)
    fit(made, TRAIN, HELD, replace(LINEAR, rate=0.01), tmp_path / "state.pt", progress=QUIET)
    changed = {name for name, value in made.named_parameters() if not torch.equal(value, before[name])}
    assert changed
    assert all("decoder" in name for name in changed)


def test_the_state_of_another_run_is_refused(tmp_path: Path) -> None:
    state = tmp_path / "state.pt"
    fit(model(), TRAIN, HELD, PAPER, state, progress=QUIET)
    for train, settings in ((TRAIN[:-1], PAPER), (TRAIN, replace(PAPER, seed=4))):
        with pytest.raises(RunError, match="other pairs, options or weights"):
            fit(model(), train, HELD, settings, state, progress=QUIET)


def test_a_loss_that_is_not_a_number_is_said(tmp_path: Path) -> None:
    with pytest.raises(AlihError, match="training diverged"):
        fit(model(), TRAIN, HELD, replace(LINEAR, rate=1e30, clip=None), tmp_path / "state.pt", progress=QUIET)


def test_every_epoch_has_as_many_batches() -> None:
    assert batches_an_epoch(TRAIN, 60) == batches_an_epoch(list(reversed(TRAIN)), 60)


def test_the_loss_of_pairs_is_the_mean_over_tokens_whatever_the_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    from alih.translation import loss

    made = model().eval()
    together = loss_of_pairs(made, HELD, 0)
    monkeypatch.setattr(loss, "_TOKENS", 1)  # one pair a batch
    assert loss_of_pairs(made, HELD, 0) == pytest.approx(together, abs=1e-5)
