"""Kept weights come back exactly: what trained and the buffers, and nothing else."""

from __future__ import annotations

import errno
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from alih.compare import state
from alih.compare.state import is_whole, keep, prompt_of, put_back
from alih.errors import RunError

TRIAL: Any = SimpleNamespace(seed=3)


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def tensors(model: nn.Module) -> Any:
    adaptation: Any = SimpleNamespace(pretrained=SimpleNamespace(model=model), prompt=None)
    return state.trained(adaptation)


def trained() -> nn.Module:
    """A network whose first layer is frozen, after one step: weights, running statistics and counter moved."""
    model = network()
    model[0].requires_grad_(False)
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.5)
    model(torch.randn(8, 3)).square().sum().backward()
    optimizer.step()
    return model.eval()


def test_a_fresh_model_with_kept_weights_answers_as_the_trained_one(tmp_path: Path) -> None:
    model, fresh, inputs = trained(), network().eval(), torch.randn(5, 3)
    assert not torch.equal(model(inputs), fresh(inputs))
    put_back(fresh, keep(tensors(model), tmp_path / "weights" / "a.safetensors", trial=TRIAL, score=0.5))
    assert torch.equal(model(inputs), fresh(inputs))
    assert all(torch.equal(a, b) for a, b in zip(model.buffers(), fresh.buffers(), strict=True))


def test_frozen_weights_are_not_written(tmp_path: Path) -> None:
    kept = keep(tensors(trained()), tmp_path / "a.safetensors", trial=TRIAL, score=0.5)
    names = set(load_file(kept.path))
    assert {name for name in names if not name.startswith("buffer:")} == {"1.weight", "1.bias", "2.weight", "2.bias"}
    assert (kept.trial, kept.score) == (TRIAL, 0.5)


def test_weights_kept_later_do_not_change_with_the_model(tmp_path: Path) -> None:
    model = trained()
    expected = model[2].weight.detach().clone()
    kept = keep(tensors(model), tmp_path / "a.safetensors", trial=TRIAL, score=0.0)
    model[2].weight.data.zero_()
    fresh = network()
    put_back(fresh, kept)
    assert torch.equal(fresh[2].weight, expected)


def test_weights_that_two_layers_share_are_written_once_and_stay_shared(tmp_path: Path) -> None:
    def tied() -> nn.Module:
        model = nn.Sequential(nn.Linear(3, 3, bias=False), nn.Linear(3, 3, bias=False))
        model[1].weight = model[0].weight
        return model

    model, fresh = tied(), tied()
    kept = keep(tensors(model), tmp_path / "a.safetensors", trial=TRIAL, score=0.0)
    assert set(load_file(kept.path)) == {"0.weight"}
    put_back(fresh, kept)
    assert fresh[1].weight is fresh[0].weight
    assert torch.equal(fresh[1].weight, model[1].weight)


def test_a_disk_that_cannot_be_written_to_is_said_and_the_weights_kept_before_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights" / "a.safetensors"
    kept = keep(tensors(trained()), path, trial=TRIAL, score=0.0)
    before = path.read_bytes()

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(RunError, match="--runs"):
        keep(tensors(network()), path, trial=TRIAL, score=1.0)
    assert kept.path.read_bytes() == before


def test_weights_that_were_cut_short_are_told_from_whole_ones(tmp_path: Path) -> None:
    kept = keep(tensors(trained()), tmp_path / "a.safetensors", trial=TRIAL, score=0.0)
    assert is_whole(kept.path)
    whole = kept.path.read_bytes()
    for length in (0, 7, 100, len(whole) - 1):
        kept.path.write_bytes(whole[:length])
        assert not is_whole(kept.path)
    kept.path.unlink()
    assert not is_whole(kept.path)


@pytest.mark.parametrize("damage", [b"", b"\x00" * 100, None])
def test_weights_that_cannot_be_put_back_are_named(tmp_path: Path, damage: bytes | None) -> None:
    kept = keep({"elsewhere": torch.ones(2)}, tmp_path / "a.safetensors", trial=TRIAL, score=0.0)
    if damage is not None:
        kept.path.write_bytes(damage)
        with pytest.raises(RunError, match=r"a\.safetensors: missing or damaged.*alih resume"):
            prompt_of(kept)
    with pytest.raises(RunError, match=r"a\.safetensors: missing or damaged.*alih resume"):
        put_back(network(), kept)


def test_weights_that_cannot_be_read_are_not_called_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = keep(tensors(trained()), tmp_path / "a.safetensors", trial=TRIAL, score=0.0)

    def denied(*_arguments: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("alih.compare.state.safe_open", denied)
    monkeypatch.setattr("alih.compare.state.load_file", denied)
    for read in (lambda: is_whole(kept.path), lambda: put_back(network(), kept)):
        with pytest.raises(RunError, match="cannot be read") as caught:
            read()
        assert "elete" not in str(caught.value)
