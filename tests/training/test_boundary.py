"""Training from a boundary is training the model: same logits, same gradients, same loss."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from alih.errors import ModelError
from alih.progress import Progress
from alih.training.boundary import (
    FEATURES,
    Boundary,
    FullModel,
    HeadModel,
    ResumedModel,
    freeze_below,
    frozen_outputs,
)
from alih.training.cache import Cache

from .models import IMAGE_MODELS, MODELS, TEXT_MODELS, examples_for, make, texts, whole_logits

QUIET = Progress(quiet=True)


def _boundaries(count: int) -> list[Boundary]:
    return [0, 1, count - 1, count, FEATURES]


@pytest.mark.parametrize("name", MODELS)
def test_resumed_at_any_boundary_gives_the_logits_of_the_whole_model(name: str) -> None:
    pretrained, encoded = make(name), examples_for(name)
    count = len(pretrained.anatomy.blocks)
    boundaries = list(dict.fromkeys(_boundaries(count)))
    frozen = frozen_outputs(pretrained, encoded, boundaries, cache=None, progress=QUIET, batch_size=4)
    rows = np.array([3, 0, 5])
    with torch.no_grad():
        expected = whole_logits(pretrained, encoded.collate(rows))
        for boundary in boundaries:
            hidden = frozen.at(boundary).collate(rows)
            if boundary == FEATURES:
                found = HeadModel(pretrained.model, pretrained.anatomy).eval()({"features": hidden})
            else:
                module = ResumedModel(pretrained.model, pretrained.anatomy, boundary).eval()
                found = module({"hidden": hidden, **encoded.placeholder(rows)})
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-6, msg=lambda m, b=boundary: f"{b}: {m}")
        torch.testing.assert_close(whole_logits(pretrained, encoded.collate(rows)), expected, rtol=0, atol=0)


@pytest.mark.parametrize("name", MODELS)
def test_resumed_gradients_equal_those_of_the_whole_model_with_its_lower_part_frozen(name: str) -> None:
    pretrained, encoded = make(name), examples_for(name)
    model, anatomy = pretrained.model, pretrained.anatomy
    count = len(anatomy.blocks)
    frozen = frozen_outputs(pretrained, encoded, [count - 1], cache=None, progress=QUIET)
    trainable = freeze_below(model, anatomy, 1)
    rows = np.arange(len(encoded))
    labels = torch.from_numpy(rows % 3)

    def gradients(module: nn.Module, batch: dict[str, torch.Tensor]) -> list[torch.Tensor]:
        module.train()
        model.zero_grad()
        nn.functional.cross_entropy(module(batch), labels).backward()
        return [torch.zeros_like(p) if p.grad is None else p.grad.clone() for p in trainable]

    for dropout in (module for module in model.modules() if isinstance(module, nn.Dropout)):
        dropout.p = 0.0
    expected = gradients(FullModel(model), encoded.collate(rows))
    hidden = frozen.at(count - 1).collate(rows)
    found = gradients(ResumedModel(model, anatomy, count - 1), {"hidden": hidden, **encoded.placeholder(rows)})
    assert any(gradient.abs().max() > 0 for gradient in found)
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["bert", "deberta-v2", "llama"])
def test_with_equal_padding_the_boundary_changes_nothing_at_all(name: str) -> None:
    pretrained, encoded = make(name), texts(equal=True)
    frozen = frozen_outputs(pretrained, encoded, [1], cache=None, progress=QUIET, batch_size=4)
    order = np.arange(4)
    with torch.no_grad():
        expected = whole_logits(pretrained, encoded.collate(order))
        module = ResumedModel(pretrained.model, pretrained.anatomy, 1).eval()
        found = module({"hidden": frozen.at(1).collate(order), **encoded.placeholder(order)})
    assert torch.equal(found, expected)


@pytest.mark.parametrize("name", ["bert", "gpt2", "alih-resnet"])
def test_the_skipped_part_does_not_run(name: str) -> None:
    pretrained, encoded = make(name), examples_for(name)
    anatomy = pretrained.anatomy
    frozen = frozen_outputs(pretrained, encoded, [2], cache=None, progress=QUIET)
    module = ResumedModel(pretrained.model, anatomy, 2).eval()
    batch = {"hidden": frozen.at(2).collate([0, 1]), **encoded.placeholder([0, 1])}
    expected = module(batch)  # the first pass runs everything once, to check
    with torch.no_grad():
        for path in (path for block in anatomy.blocks[:2] for path in block.modules):
            for parameter in pretrained.model.get_submodule(path).parameters():
                parameter.fill_(torch.nan)
    assert torch.equal(module(batch), expected)


def test_a_model_that_hands_on_more_than_a_hidden_state_is_refused() -> None:
    pretrained, encoded = make("bert"), texts()
    second = pretrained.model.get_submodule("bert.encoder.layer.1")
    run, side = second.forward, {}

    def counting(hidden: torch.Tensor, *args: object, **kwargs: object) -> torch.Tensor:
        side["skip"] = run(hidden, *args, **kwargs)
        return side["skip"]

    third = pretrained.model.get_submodule("bert.encoder.layer.2")
    rest = third.forward
    frozen = frozen_outputs(pretrained, encoded, [2], cache=None, progress=QUIET)
    second.forward = counting
    third.forward = lambda hidden, *args, **kwargs: rest(hidden, *args, **kwargs) + side.pop("skip", 0.0)
    with pytest.raises(ModelError, match="cannot be resumed at block 2"):
        ResumedModel(pretrained.model, pretrained.anatomy, 2)(
            {"hidden": frozen.at(2).collate([0, 1]), **encoded.placeholder([0, 1])}
        )


def test_a_resumed_model_leaves_the_model_as_it_was(tmp_path: Path) -> None:
    pretrained, encoded = make("bert"), texts()
    before = {name: tensor.clone() for name, tensor in pretrained.model.state_dict().items()}
    frozen = frozen_outputs(pretrained, encoded, [2], cache=None, progress=QUIET)
    module = ResumedModel(pretrained.model, pretrained.anatomy, 2)
    module({"hidden": frozen.at(2).collate([0]), **encoded.placeholder([0])})
    pretrained.model.save_pretrained(tmp_path)
    again = type(pretrained.model).from_pretrained(tmp_path)
    assert before.keys() == again.state_dict().keys()
    assert all(torch.equal(tensor, before[name]) for name, tensor in again.state_dict().items())


def test_activations_hold_no_padding() -> None:
    pretrained, encoded = make("bert"), texts()
    frozen = frozen_outputs(pretrained, encoded, [1, FEATURES], cache=None, progress=QUIET)
    assert frozen.at(1).nbytes == 4 * 32 * int(encoded.lengths.sum())
    assert frozen.at(FEATURES).nbytes == 4 * 32 * len(encoded)
    batch = frozen.at(1).collate([0, 1])
    assert batch.shape == (2, encoded.lengths[:2].max(), 32)


@pytest.mark.parametrize("name", ["bert", "alih-resnet", "vit"])
def test_the_probe_holds_the_mean_of_every_depth(name: str) -> None:
    pretrained, encoded = make(name), examples_for(name)
    count = len(pretrained.anatomy.blocks)
    frozen = frozen_outputs(pretrained, encoded, list(range(count + 1)), probe=True, cache=None, progress=QUIET)
    assert frozen.probe is not None
    assert len(frozen.probe) == count + 1
    for depth, means in enumerate(frozen.probe):
        for row in range(3):
            one = frozen.at(depth).collate([row])[0].numpy()  # of one example alone: no padding in it
            expected = one.mean((1, 2)) if one.ndim == 3 else one.mean(0)
            np.testing.assert_allclose(means[row], expected, rtol=1e-4, atol=1e-6)


def test_freezing_leaves_exactly_the_asked_parts_trainable() -> None:
    pretrained = make("bert")
    model, anatomy = pretrained.model, pretrained.anatomy

    def trained() -> set[str]:
        return {name for name, parameter in model.named_parameters() if parameter.requires_grad}

    freeze_below(model, anatomy, 0)
    assert trained()
    assert all(name.startswith(tuple(f"{path}." for path in anatomy.head)) for name in trained())
    freeze_below(model, anatomy, 1)
    assert any(name.startswith("bert.encoder.layer.2.") for name in trained())
    assert not any(name.startswith(("bert.encoder.layer.1.", "bert.embeddings.")) for name in trained())
    freeze_below(model, anatomy, 3)
    assert trained() == {name for name, _ in model.named_parameters()}
    with pytest.raises(ValueError, match="between 0 and 3"):
        freeze_below(model, anatomy, 4)


@pytest.mark.parametrize("name", [*list(TEXT_MODELS)[:1], *list(IMAGE_MODELS)[3:4]])
def test_frozen_modules_stay_in_evaluation_mode(name: str) -> None:
    pretrained = make(name)
    model, anatomy = pretrained.model, pretrained.anatomy
    freeze_below(model, anatomy, 1)
    for module in (FullModel(model), ResumedModel(model, anatomy, len(anatomy.blocks) - 1)):
        module.train()
        assert not any(part.training for part in model.get_submodule(anatomy.blocks[0].name).modules())
        assert model.get_submodule(anatomy.blocks[-1].name).training


def test_the_second_run_reads_what_the_first_one_kept(tmp_path: Path) -> None:
    pretrained, encoded, cache = make("bert"), texts(), Cache(tmp_path)
    first = frozen_outputs(pretrained, encoded, [1, FEATURES], probe=True, cache=cache, progress=QUIET)
    written = {entry.folder: entry.used for entry in cache.entries()}
    assert len(written) == 3
    values = first.at(1).collate([0, 5])
    with torch.no_grad():
        pretrained.model.get_submodule("classifier").weight.add_(1.0)  # the head is no part of the key
    second = frozen_outputs(pretrained, encoded, [1, FEATURES], probe=True, cache=cache, progress=QUIET)
    assert {entry.folder for entry in cache.entries()} == set(written)
    assert torch.equal(second.at(1).collate([0, 5]), values)
    assert second.probe is not None
    assert first.probe is not None
    assert all(np.array_equal(one, other) for one, other in zip(second.probe, first.probe, strict=True))


def test_other_weights_below_the_boundary_or_other_data_make_another_entry(tmp_path: Path) -> None:
    pretrained, cache = make("bert"), Cache(tmp_path)

    def entries() -> int:
        frozen_outputs(pretrained, texts(), [1], cache=cache, progress=QUIET)
        return len(cache.entries())

    assert entries() == 1
    with torch.no_grad():
        next(pretrained.model.get_submodule("bert.encoder.layer.2").parameters()).add_(1.0)
    assert entries() == 1  # above the boundary
    with torch.no_grad():
        next(pretrained.model.get_submodule("bert.encoder.layer.0").parameters()).add_(1.0)
    assert entries() == 2
    frozen_outputs(pretrained, texts(seed=1), [1], cache=cache, progress=QUIET)
    assert len(cache.entries()) == 3


def test_outputs_larger_than_the_cache_may_be_are_used_but_not_kept(tmp_path: Path) -> None:
    pretrained, encoded, cache = make("bert"), texts(), Cache(tmp_path, limit_bytes=100)
    frozen = frozen_outputs(pretrained, encoded, [1], cache=cache, progress=QUIET)
    assert frozen.boundaries == (1,)
    assert cache.entries() == []


def test_a_full_disk_leaves_the_boundary_out_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("alih.training.activations.ActivationWriter.write", full)
    frozen = frozen_outputs(make("bert"), texts(), [1], probe=True, cache=Cache(tmp_path), progress=Progress())
    assert frozen.boundaries == ()
    assert frozen.probe is not None
    assert "No space left on device" in capsys.readouterr().err
    assert not list(tmp_path.glob("tmp-*"))
