"""Adapters saved and put back, on the right model and on others."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from alih.errors import ModelError
from alih.quantize.adapter import FILE, load_adapter, save_adapter
from alih.quantize.model import add_qalora, merge_qalora, qalora_layers, quantize_model

from .tiny import gpt2, llama, qalora_parameters, token_ids, train_adapters


@torch.no_grad()
def _logits(model: PreTrainedModel) -> Tensor:
    logits: Tensor = model(input_ids=token_ids()).logits
    return logits


def _base(bits: int = 4, group_size: int = 8, seed: int = 0) -> PreTrainedModel:
    model = gpt2(seed)
    quantize_model(model, bits=bits, group_size=group_size)
    return model


@pytest.fixture
def trained(tmp_path: Path) -> PreTrainedModel:
    """A model with adapters, which are saved in `tmp_path`."""
    model = _base()
    add_qalora(model, rank=3, alpha=6, targets=["c_attn", "c_fc"], rslora=True)
    train_adapters(model)
    save_adapter(model, tmp_path)
    return model


def test_an_adapter_put_on_its_base_gives_the_trained_model(trained: PreTrainedModel, tmp_path: Path) -> None:
    model = _base()
    names = load_adapter(model, tmp_path)
    assert names == tuple(qalora_layers(trained))
    assert torch.equal(_logits(model), _logits(trained))
    assert {id(p) for p in model.parameters() if p.requires_grad} == {id(p) for p in qalora_parameters(model)}
    layer = qalora_layers(model)["transformer.h.0.attn.c_attn"]
    assert (layer.rank, layer.alpha, layer.rslora) == (3, 6.0, True)


def test_the_file_holds_nothing_but_the_adapter(trained: PreTrainedModel, tmp_path: Path) -> None:
    tensors = load_file(tmp_path / FILE)
    assert len(tensors) == 2 * 4
    assert sum(tensor.numel() for tensor in tensors.values()) == sum(p.numel() for p in qalora_parameters(trained))
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


@pytest.mark.parametrize(
    ("other", "what"),
    [
        (lambda: _base(seed=1), "same shape but other weights"),
        (lambda: _base(bits=3), "4 bits in groups of 8, the model has 3 bits in groups of 8"),
        (lambda: _base(group_size=16), "the model has 4 bits in groups of 16"),
    ],
)
def test_an_adapter_of_another_model_is_refused_with_what_differs(
    trained: PreTrainedModel, tmp_path: Path, other: Callable[[], PreTrainedModel], what: str
) -> None:
    model = other()
    before = _logits(model)
    with pytest.raises(ModelError, match=what) as caught:
        load_adapter(model, tmp_path)
    assert "belongs to another model: transformer.h.0.attn.c_attn" in str(caught.value)
    assert "and 1 more" in str(caught.value)
    assert not qalora_layers(model)
    assert torch.equal(_logits(model), before)


def test_an_adapter_of_another_architecture_is_refused(trained: PreTrainedModel, tmp_path: Path) -> None:
    model = llama()
    quantize_model(model, bits=4, group_size=8)
    with pytest.raises(ModelError, match=r"the model has no quantised layer transformer\.h\.0"):
        load_adapter(model, tmp_path)


def test_an_adapter_does_not_go_onto_the_model_it_was_merged_into(trained: PreTrainedModel, tmp_path: Path) -> None:
    merge_qalora(trained)
    with pytest.raises(ModelError, match="merged already"):
        load_adapter(trained, tmp_path)


def test_a_tensor_of_another_shape_is_refused(trained: PreTrainedModel, tmp_path: Path) -> None:
    _rewrite(tmp_path / FILE, lambda about, tensors: tensors.update({next(iter(tensors)): torch.zeros(1, 1)}))
    with pytest.raises(ModelError, match=r"of shape \(1, 1\), the model needs"):
        load_adapter(_base(), tmp_path)


def _rewrite(path: Path, change: Callable[[dict[str, object], dict[str, Tensor]], object]) -> None:
    from safetensors import safe_open

    with safe_open(path, "pt") as file:
        metadata = dict(file.metadata())
    tensors = load_file(path)
    about = json.loads(metadata["alih_qalora"])
    change(about, tensors)
    save_file(tensors, path, metadata={**metadata, "alih_qalora": json.dumps(about)})


def test_another_convention_is_refused(trained: PreTrainedModel, tmp_path: Path) -> None:
    _rewrite(tmp_path / FILE, lambda about, tensors: about.update(convention="mean"))
    with pytest.raises(ModelError, match='convention "mean"'):
        load_adapter(_base(), tmp_path)


def test_missing_damaged_and_foreign_files_are_refused(trained: PreTrainedModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such adapter"):
        load_adapter(_base(), tmp_path / "nowhere")
    path = tmp_path / FILE
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ModelError, match="damaged"):
        load_adapter(_base(), tmp_path)
    save_file({"a": torch.zeros(1)}, path)
    with pytest.raises(ModelError, match="no QA-LoRA adapter"):
        load_adapter(_base(), tmp_path)


def test_an_interrupted_save_leaves_the_earlier_adapter(
    trained: PreTrainedModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = _logits(trained)
    with torch.no_grad():
        for parameter in qalora_parameters(trained):
            parameter.mul_(2)

    def stop(source: Path, target: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        save_adapter(trained, tmp_path)
    model = _base()
    load_adapter(model, tmp_path)
    assert torch.equal(_logits(model), expected)


def test_a_model_without_adapters_or_with_some_already_is_refused(trained: PreTrainedModel, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no QA-LoRA adapters to save"):
        save_adapter(_base(), tmp_path)
    with pytest.raises(ModelError, match="adapters already"):
        load_adapter(trained, tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        save_adapter(trained, tmp_path / "file")
