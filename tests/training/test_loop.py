"""Training reaches the optimum, repeats bit for bit, keeps the best epoch, and stops when told."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from torch import Tensor, nn

from alih.errors import AlihError, RunError
from alih.progress import Progress
from alih.training import best as best_module
from alih.training import loop as loop_module
from alih.training.boundary import FullModel, ResumedModel, freeze_below, frozen_outputs
from alih.training.feed import Batch, BoundaryFeed, FeatureFeed, InputFeed
from alih.training.loop import FitResult, FitSettings, TrainingError, fit, logits
from alih.training.loss import LabelledLook, objective
from alih.training.precision import Precision

from .heads import MULTI, REGRESSION, SINGLE, activations, blobs, feed, fit_labelled, head
from .models import make, texts

QUIET = Progress(quiet=True)


def best_loss(result: FitResult) -> float:
    """Validation loss of the best epoch."""
    return float(result.history[result.best_epoch - 1]["validation_loss"])


def test_a_head_reaches_the_loss_of_unregularised_logistic_regression(tmp_path: Path) -> None:
    values, labels = blobs()
    reference = LogisticRegression(C=np.inf, tol=1e-8, max_iter=10_000).fit(values, labels)
    optimum = log_loss(labels, reference.predict_proba(values))
    train = FeatureFeed(activations(values, tmp_path), labels, batch_size=len(labels))
    settings = FitSettings(0.1, epochs=600, weight_decay=0.0, max_grad_norm=1e9)
    result = fit_labelled(head(), train, train, SINGLE, settings, progress=QUIET)
    assert best_loss(result) == pytest.approx(optimum, abs=1e-4)
    assert result.history[0]["train_loss"] > result.history[-1]["train_loss"]


def test_a_regression_reaches_least_squares(tmp_path: Path) -> None:
    values, _ = blobs()
    labels = (values @ np.arange(5, dtype=np.float32) + 2 + np.random.default_rng(0).normal(size=240)).astype("f")
    columns = np.column_stack([values, np.ones(240)])
    residual = labels - columns @ np.linalg.lstsq(columns, labels, rcond=None)[0]
    train = FeatureFeed(activations(values, tmp_path), labels, batch_size=240)
    settings = FitSettings(0.3, epochs=600, weight_decay=0.0, max_grad_norm=1e9)
    result = fit_labelled(head(1), train, train, REGRESSION, settings, progress=QUIET)
    assert best_loss(result) == pytest.approx(float((residual**2).mean()), rel=1e-3)


def test_several_labels_at_once_are_learnt(tmp_path: Path) -> None:
    values, labels = blobs()
    train = FeatureFeed(activations(values, tmp_path), np.eye(3, dtype=np.float32)[labels], batch_size=32)
    result = fit_labelled(head(), train, train, MULTI, FitSettings(0.03, epochs=10), progress=QUIET)
    assert best_loss(result) < 0.5 < result.history[0]["train_loss"]


def test_the_same_seed_gives_the_same_weights_bit_for_bit(tmp_path: Path) -> None:
    train, validation = feed(tmp_path / "train"), feed(tmp_path / "validation", seed=1)

    def trained(seed: int) -> Tensor:
        module = head(dropout=0.3)
        torch.manual_seed(99 + seed)  # what went before has no influence
        fit_labelled(module, train, validation, SINGLE, FitSettings(0.01, epochs=3, seed=seed), progress=QUIET)
        return module.linear.weight.detach().clone()

    assert torch.equal(trained(0), trained(0))
    assert not torch.equal(trained(0), trained(1))


def test_the_weights_of_the_best_epoch_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels = blobs(24)
    train = FeatureFeed(activations(values, tmp_path), labels, batch_size=8)
    validation = feed(tmp_path / "validation", seed=1)
    for in_memory in (best_module.IN_MEMORY_BYTES, 0):  # kept in memory, kept in a file
        monkeypatch.setattr(best_module, "IN_MEMORY_BYTES", in_memory)
        module = head()
        result = fit_labelled(module, train, validation, SINGLE, FitSettings(0.3, epochs=30), progress=QUIET)
        losses = [epoch["validation_loss"] for epoch in result.history]
        assert result.best_epoch == int(np.argmin(losses)) + 1 < 30
        scores = torch.from_numpy(logits(module, validation))
        assert validation.labels is not None
        assert nn.functional.cross_entropy(scores, validation.labels).item() == pytest.approx(min(losses), abs=1e-6)
        assert not module.training


def test_a_criterion_decides_which_epoch_is_best(tmp_path: Path) -> None:
    train, validation = feed(tmp_path / "train"), feed(tmp_path / "validation", seed=1)
    epochs: list[bytes] = []

    def criterion(found: np.ndarray, rows: np.ndarray) -> float:
        if len(rows) == len(validation):
            epochs.append(found.tobytes())
        return [3.0, 1.0, 2.0, 1.0][len(epochs) - 1]

    result = fit_labelled(
        head(), train, validation, SINGLE, FitSettings(1e-3, epochs=4), progress=QUIET, criterion=criterion
    )
    assert result.best_epoch == 4  # ties go to the lower loss, and the loss falls throughout


def test_patience_ends_training_that_gets_no_better(tmp_path: Path) -> None:
    values, labels = blobs(24)
    train = FeatureFeed(activations(values, tmp_path), labels, batch_size=8)
    settings = FitSettings(0.3, epochs=100, patience=4)
    result = fit_labelled(head(), train, feed(tmp_path / "validation", seed=1), SINGLE, settings, progress=QUIET)
    assert result.stopped == "patience"
    assert len(result.history) == result.best_epoch + 4


def test_the_deadline_ends_training_between_steps(tmp_path: Path) -> None:
    train = feed(tmp_path)
    settings = FitSettings(0.01, epochs=1_000_000)
    start = time.monotonic()
    result = fit_labelled(head(), train, train, SINGLE, settings, progress=QUIET, deadline=start + 0.5)
    assert result.stopped == "deadline"
    assert result.history
    past = fit_labelled(head(), train, train, SINGLE, settings, progress=QUIET, deadline=start)
    assert (past.stopped, past.steps, past.best_epoch) == ("deadline", 0, 1)
    assert past.history[0]["train_loss"] is None
    assert np.isfinite(best_loss(past))


def test_training_that_diverges_names_the_learning_rate(tmp_path: Path) -> None:
    values, labels = blobs()
    values[17] = np.nan
    train = FeatureFeed(activations(values, tmp_path), labels)
    module = head()
    with pytest.raises(TrainingError, match=r"learning rate 0\.5.*--learning-rate 0\.05") as caught:
        fit_labelled(module, train, None, SINGLE, FitSettings(0.5), progress=QUIET)
    assert isinstance(caught.value, AlihError)
    assert torch.isfinite(module.linear.weight).all()


def test_an_interrupt_leaves_a_usable_model_with_its_best_weights(tmp_path: Path) -> None:
    train, module = feed(tmp_path), head()
    calls = itertools.count()
    forward = module.forward

    def interrupted(batch: dict[str, Tensor]) -> Tensor:
        if next(calls) == 40:  # within the third epoch: each takes 8 steps and 8 batches of validation
            raise KeyboardInterrupt
        return forward(batch)

    module.forward = interrupted
    with pytest.raises(KeyboardInterrupt):
        fit_labelled(module, train, train, SINGLE, FitSettings(0.01, epochs=9), progress=QUIET)
    assert not module.training
    assert module.linear.weight.grad is None
    clean = head()
    whole = fit_labelled(clean, train, train, SINGLE, FitSettings(0.01, epochs=9), progress=QUIET)
    assert train.labels is not None
    loss = nn.functional.cross_entropy(torch.from_numpy(logits(module, train)), train.labels).item()
    assert loss == pytest.approx(whole.history[1]["validation_loss"], abs=1e-6)


def test_a_module_with_nothing_to_train_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="nothing to train"):
        fit_labelled(head().requires_grad_(False), feed(tmp_path), None, SINGLE, FitSettings(0.1), progress=QUIET)


def test_biases_do_not_decay(tmp_path: Path) -> None:
    values = np.zeros((8, 5), dtype=np.float32)  # zero features: the weight has no gradient, only decay moves it
    train = FeatureFeed(activations(values, tmp_path), np.zeros(8, dtype=np.float32), batch_size=8)
    module = head(1)
    with torch.no_grad():
        module.linear.bias.zero_()
    before = module.linear.weight.detach().clone()
    fit_labelled(
        module, train, None, REGRESSION, FitSettings(0.1, epochs=1, weight_decay=0.5, warmup=0.0), progress=QUIET
    )
    torch.testing.assert_close(module.linear.weight, before * (1 - 0.1 * 0.5))
    assert module.linear.bias.item() == 0.0


def test_logits_come_in_the_order_of_the_rows() -> None:
    pretrained, encoded = make("bert"), texts()
    rows = np.array([4, 11, 0, 7])
    found = logits(FullModel(pretrained.model), InputFeed(encoded, None, batch_size=3, rows=rows))
    for index, row in enumerate(rows):
        with torch.no_grad():
            expected = pretrained.model(**encoded.collate([row])).logits[0]
        np.testing.assert_allclose(found[index], expected.numpy(), atol=1e-6)


def test_a_frozen_boundary_trains_exactly_as_recomputing_it_does() -> None:
    encoded, labels = texts(24, equal=True), np.arange(24) % 3
    settings = FitSettings(1e-3, epochs=2, batch_size=8)

    def history(resumed: bool) -> tuple[list[float], Tensor]:
        pretrained = make("bert")
        frozen = frozen_outputs(pretrained, encoded, [2], cache=None, progress=QUIET, batch_size=8)
        freeze_below(pretrained.model, pretrained.anatomy, 1)
        if resumed:
            module: nn.Module = ResumedModel(pretrained.model, pretrained.anatomy, 2)
            train: InputFeed | BoundaryFeed = BoundaryFeed(frozen.at(2), encoded, labels, batch_size=8)
        else:
            module, train = FullModel(pretrained.model), InputFeed(encoded, labels, batch_size=8)
        result = fit_labelled(module, train, train, SINGLE, settings, progress=QUIET)
        weight = pretrained.model.get_submodule("bert.encoder.layer.2.output.dense").weight
        return [value for epoch in result.history for value in (epoch["train_loss"], epoch["validation_loss"])], weight

    resumed, recomputed = history(True), history(False)
    assert resumed[0] == recomputed[0]
    assert torch.equal(resumed[1], recomputed[1])


def test_only_the_unfrozen_part_of_a_model_changes() -> None:
    pretrained = make("alih-resnet")
    model, anatomy = pretrained.model, pretrained.anatomy
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    freeze_below(model, anatomy, 1)
    from .models import images

    train = InputFeed(images(), np.arange(6) % 3, batch_size=3)
    fit_labelled(FullModel(model), train, None, SINGLE, FitSettings(1e-2, epochs=1), progress=QUIET)
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, before[name])}
    allowed = (*(f"{path}." for path in anatomy.blocks[-1].modules), "classifier.")
    assert changed
    assert all(name.startswith(allowed) for name in changed)
    assert any("running_mean" in name for name in changed)  # statistics of what trains do follow the data
    assert all(weight.is_contiguous() for weight in model.parameters())


def test_validation_can_be_looked_at_seldom_and_the_last_epoch_always(tmp_path: Path) -> None:
    train, validation = feed(tmp_path / "train"), feed(tmp_path / "validation", seed=1)
    settings = FitSettings(0.01, epochs=7, validate_every=3)
    result = fit_labelled(head(), train, validation, SINGLE, settings, progress=QUIET)
    looked = [epoch["epoch"] for epoch in result.history if epoch["validation_loss"] is not None]
    assert looked == [3, 6, 7]
    assert result.best_epoch in looked


def test_training_that_diverges_after_a_look_ends_with_its_best_weights(tmp_path: Path) -> None:
    train, module = feed(tmp_path), head()
    steps = itertools.count()

    def breaks(trained: nn.Module, batch: Batch) -> tuple[Tensor, int | Tensor]:
        total, terms = objective(SINGLE)(trained, batch)
        return total * (float("nan") if next(steps) == 20 else 1.0), terms  # an epoch has 8 steps

    look = LabelledLook(train, SINGLE)
    result = fit(module, train, breaks, look, FitSettings(0.01, epochs=9), progress=QUIET)
    assert result.stopped == "diverged"
    assert (result.best_epoch, result.steps, len(result.curve)) == (2, 20, 2)
    outputs = look.outputs(module, "fp32")
    assert look.judge(outputs, np.arange(len(train)))[1] == pytest.approx(best_loss(result), abs=1e-6)


class Killed(BaseException):
    """Stands for the end of the process."""


BY_STEPS = FitSettings(0.05, steps=21, validate_every=5, averaged=3, schedule="inverse-root", warmup=0.3)


@pytest.mark.parametrize(
    "settings",
    [FitSettings(0.05, epochs=4, patience=9), BY_STEPS, replace(BY_STEPS, averaged=1, look_first=True)],
    ids=["epochs", "averaged", "looked at first"],
)
@pytest.mark.parametrize("at", [0, 6, 13, 20])
def test_a_killed_training_goes_on_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: FitSettings, at: int
) -> None:
    train, validation = feed(tmp_path / "train"), feed(tmp_path / "validation", seed=1)

    def trained(state: Path, dies_at: int | None = None) -> tuple[Tensor, FitResult]:
        module, steps = head(dropout=0.3), itertools.count()

        def dies(trained: nn.Module, batch: Batch) -> tuple[Tensor, int | Tensor]:
            if next(steps) == dies_at:
                raise Killed
            return objective(SINGLE)(trained, batch)

        look = LabelledLook(validation, SINGLE)
        result = fit(module, train, dies, look, settings, progress=QUIET, state=state)
        return module.linear.weight.detach().clone(), result

    whole, expected = trained(tmp_path / "whole.pt")
    if at % 2:
        monkeypatch.setattr(loop_module, "_SAVE_SECONDS", -1.0)  # written after every step
    with pytest.raises(Killed):
        trained(tmp_path / "killed.pt", at)
    torch.rand(3)  # whatever happened to the generator meanwhile
    again, result = trained(tmp_path / "killed.pt")
    assert torch.equal(whole, again)
    assert (result.best_step, result.steps, result.examples_seen) == (
        expected.best_step, expected.steps, expected.examples_seen,
    )  # fmt: skip
    assert [replace(point, seconds=0) for point in result.curve] == [
        replace(point, seconds=0) for point in expected.curve
    ]
    assert np.array_equal(result.held_out, expected.held_out)  # type: ignore[arg-type]
    more, same = trained(tmp_path / "killed.pt")  # killed after its last step
    assert torch.equal(whole, more)
    assert same.steps == result.steps


def test_a_state_that_is_damaged_or_another_trainings_is_refused_in_words(tmp_path: Path) -> None:
    train, state = feed(tmp_path), tmp_path / "state.pt"

    def trained(data: FeatureFeed, settings: FitSettings) -> None:
        fit_labelled(head(), data, data, SINGLE, settings, progress=QUIET, state=state)

    trained(train, BY_STEPS)
    for data, settings in ((train, replace(BY_STEPS, seed=3)), (feed(tmp_path, seed=5), BY_STEPS)):
        with pytest.raises(RunError, match="other data, settings or weights"):
            trained(data, settings)
    state.write_bytes(state.read_bytes()[: state.stat().st_size // 2])
    with pytest.raises(RunError, match="delete it"):
        trained(train, BY_STEPS)


def test_the_mean_of_the_weights_at_the_last_looks_is_judged_and_kept(tmp_path: Path) -> None:
    train = feed(tmp_path)
    settings = FitSettings(0.01, steps=12, validate_every=4)
    kept: list[Tensor] = []

    class Watching(LabelledLook):
        """Remembers the weights that it looks at."""

        def outputs(self, module: nn.Module, precision: Precision) -> NDArray[np.float32]:
            """Logits."""
            kept.append(module.linear.weight.detach().clone())  # type: ignore[union-attr, operator]
            return super().outputs(module, precision)

    fit(head(), train, objective(SINGLE), Watching(train, SINGLE), settings, progress=QUIET)
    module = head()
    result = fit_labelled(module, train, train, SINGLE, replace(settings, averaged=2), progress=QUIET)
    assert result.best_step == 12
    torch.testing.assert_close(module.linear.weight.detach(), (kept[1] + kept[2]) / 2)
