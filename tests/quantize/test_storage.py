"""Quantised models saved and opened again, whole, damaged and interrupted."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, PreTrainedModel

from alih.errors import ModelError
from alih.quantize.groups import BITS
from alih.quantize.model import add_qalora, merge_qalora, quantize_model, quantized_layers
from alih.quantize.packed import use_packed_kernel
from alih.quantize.storage import load_quantized, save_quantized

from .tiny import gpt2, llama, token_ids, train_adapters


@torch.no_grad()
def _logits(model: PreTrainedModel) -> Tensor:
    logits: Tensor = model(input_ids=token_ids()).logits
    return logits


def _quantized(bits: int = 4, *, merged: bool = False) -> PreTrainedModel:
    model = llama()
    quantize_model(model, bits=bits, group_size=16)
    if merged:
        add_qalora(model, rank=2, alpha=4)
        train_adapters(model)
        merge_qalora(model)
    return model


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("merged", [False, True])
def test_a_model_opened_again_is_the_one_saved(tmp_path: Path, bits: int, merged: bool) -> None:
    model = _quantized(bits, merged=merged)
    expected = _logits(model)
    written = save_quantized(model, tmp_path)
    assert written == (tmp_path / "model.safetensors").stat().st_size
    assert torch.equal(_logits(load_quantized(tmp_path)), expected)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "config.json",
        "generation_config.json",
        "model.safetensors",
    ]


def test_transformers_itself_opens_the_folder(tmp_path: Path) -> None:
    model = gpt2()
    quantize_model(model, bits=4, group_size=16)
    save_quantized(model, tmp_path)
    assert torch.equal(_logits(AutoModelForCausalLM.from_pretrained(tmp_path)), _logits(model))


@pytest.mark.parametrize("bits", [4, 8])
def test_without_alih_transformers_stops_instead_of_going_on_with_random_weights(tmp_path: Path, bits: int) -> None:
    save_quantized(_quantized(bits), tmp_path)
    code = (
        "import sys\nfrom transformers import AutoModel, AutoModelForCausalLM, LlamaForCausalLM\n"
        "for kind in (AutoModel, AutoModelForCausalLM, LlamaForCausalLM):\n"
        "    try:\n        kind.from_pretrained(sys.argv[1])\n"
        "    except RuntimeError as error:\n        print(error)\n"
        "    else:\n        raise SystemExit('opened')\n"
        "assert not any(name.startswith('alih') for name in sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert ran.stdout.count("ignore_mismatched_sizes") == 3


def test_a_folder_without_the_empty_weights_of_this_version_opens_as_it_did(tmp_path: Path) -> None:
    model = _quantized()
    save_quantized(model, tmp_path)
    file = tmp_path / "model.safetensors"
    weights = {name: value for name, value in load_file(file).items() if value.numel()}
    save_file(weights, file, metadata={"format": "pt"})
    assert torch.equal(_logits(load_quantized(tmp_path)), _logits(model))


def test_the_folder_says_what_it_is(tmp_path: Path) -> None:
    model = llama()
    quantize_model(model, bits=4, group_size=16, targets=["q_proj"])
    quantize_model(model, bits=8, group_size=64, targets=["down_proj"])
    save_quantized(model, tmp_path)
    about = json.loads((tmp_path / "config.json").read_text())["quantization_config"]
    assert about["quant_method"] == "alih-groups"
    assert about["version"] == 1
    assert about["convention"] == "weight = scale * (code - zero)"
    assert [(form["bits"], form["group_size"], len(form["layers"])) for form in about["forms"]] == [
        (4, 16, 2),
        (8, 44, 2),
    ]
    assert torch.equal(_logits(load_quantized(tmp_path)), _logits(model))


def test_tensors_are_laid_out_as_the_docstring_says(tmp_path: Path) -> None:
    model = _quantized(3)
    save_quantized(model, tmp_path)
    layer = "model.layers.0.self_attn.q_proj"
    with safe_open(tmp_path / "model.safetensors", "pt") as file:
        codes, scale, zero, weight = (
            file.get_tensor(f"{layer}.{part}") for part in ("codes", "scale", "zero", "weight")
        )
    assert (codes.dtype, tuple(codes.shape)) == (torch.uint8, (32, 12))
    assert (scale.dtype, tuple(scale.shape)) == (torch.bfloat16, (32, 2))
    assert (zero.dtype, tuple(zero.shape)) == (torch.float32, (32, 2))
    assert weight.numel() == 0


def test_zero_points_stay_fp32_in_a_model_opened_in_bfloat16(tmp_path: Path) -> None:
    model = _quantized(merged=True)
    save_quantized(model, tmp_path)
    opened = load_quantized(tmp_path, dtype=torch.bfloat16)
    assert opened.lm_head.weight.dtype == torch.bfloat16
    for name, layer in quantized_layers(opened).items():
        assert torch.equal(layer.zero, quantized_layers(model)[name].zero)


def test_an_opened_model_can_be_cast_adapted_merged_and_saved_again(tmp_path: Path) -> None:
    save_quantized(_quantized(), tmp_path / "base")
    model = load_quantized(tmp_path / "base")
    add_qalora(model, rank=2, alpha=2)
    train_adapters(model)
    merge_qalora(model)
    expected = _logits(model)
    save_quantized(model, tmp_path / "merged")
    assert torch.equal(_logits(load_quantized(tmp_path / "merged")), expected)
    model.double()
    assert _logits(model).dtype == torch.float64


def _damage(path: Path, how: str) -> None:
    content = bytearray(path.read_bytes())
    with safe_open(path, "pt") as file:
        name = "model.layers.1.mlp.up_proj.codes"
        needle = file.get_tensor(name).numpy().tobytes()[:40]
    at = bytes(content).index(needle)
    if how == "one bit":
        content[at + 3] ^= 1
    path.write_bytes(content[:at] if how == "cut" else b"" if how == "empty" else content)


@pytest.mark.parametrize(
    ("how", "what"), [("one bit", "damaged"), ("cut", "cannot be read"), ("empty", "cannot be read")]
)
def test_damaged_weights_are_refused_by_name(tmp_path: Path, how: str, what: str) -> None:
    save_quantized(_quantized(), tmp_path)
    _damage(tmp_path / "model.safetensors", how)
    with pytest.raises(ModelError, match=what) as caught:
        load_quantized(tmp_path)
    assert str(tmp_path) in str(caught.value)
    assert "again" in str(caught.value)


@pytest.mark.parametrize("after", [0, 1, 2])
def test_a_save_that_is_interrupted_leaves_no_model_that_opens_wrongly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    earlier = _quantized()
    save_quantized(earlier, tmp_path)
    moves = 0
    move = os.replace

    def stop(source: Path, target: Path) -> None:
        nonlocal moves
        moves += 1
        if moves > after:
            raise KeyboardInterrupt
        move(source, target)

    monkeypatch.setattr(os, "replace", stop)
    with pytest.raises(KeyboardInterrupt):
        save_quantized(_quantized(merged=True), tmp_path)
    monkeypatch.undo()
    if after < 2:  # generation_config.json, model.safetensors, config.json: the weights are still the earlier ones
        assert torch.equal(_logits(load_quantized(tmp_path)), _logits(earlier))
    else:
        with pytest.raises(ModelError, match="saving was interrupted"):
            load_quantized(tmp_path)
    again = _quantized(merged=True)
    save_quantized(again, tmp_path)
    assert torch.equal(_logits(load_quantized(tmp_path)), _logits(again))
    assert not list(tmp_path.glob(".alih*"))


def test_folders_that_hold_no_such_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no config"):
        load_quantized(tmp_path)
    gpt2().save_pretrained(tmp_path / "float")
    with pytest.raises(ModelError, match="not quantised"):
        load_quantized(tmp_path / "float")
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ModelError, match="cannot be read"):
        load_quantized(tmp_path)


@pytest.mark.parametrize(
    ("field", "value", "what"),
    [("version", 9, "version 9"), ("convention", "other", '"other"'), ("forms", None, "lacks")],
)
def test_formats_of_other_releases_are_refused(tmp_path: Path, field: str, value: object, what: str) -> None:
    save_quantized(_quantized(), tmp_path)
    path = tmp_path / "config.json"
    config = json.loads(path.read_text())
    if value is None:
        del config["quantization_config"][field]
    else:
        config["quantization_config"][field] = value
    path.write_text(json.dumps(config))
    with pytest.raises(ModelError, match=what):
        load_quantized(tmp_path)


def test_a_class_without_these_layers_or_with_more_tensors_is_refused(tmp_path: Path) -> None:
    model = llama()
    quantize_model(model, bits=4, group_size=16, targets=["lm_head"])
    save_quantized(model, tmp_path / "head")
    with pytest.raises(ModelError, match=r"lm_head.*no linear layer"):
        load_quantized(tmp_path / "head", AutoModelForSequenceClassification)
    save_quantized(_quantized(), tmp_path / "blocks")
    with pytest.raises(ModelError, match=r"missing tensors: score\.weight"):
        load_quantized(tmp_path / "blocks", AutoModelForSequenceClassification)


def test_models_that_are_not_in_the_form_that_is_saved_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="quantise it"):
        save_quantized(gpt2(), tmp_path)
    model = _quantized()
    add_qalora(model, rank=2, alpha=2)
    with pytest.raises(ModelError, match="unmerged"):
        save_quantized(model, tmp_path)
    wide = llama(width=64, inner=64)
    quantize_model(wide, bits=4, group_size=32)
    use_packed_kernel(wide, most_tokens=1)
    with pytest.raises(ModelError, match="before the packed kernel"):
        save_quantized(wide, tmp_path)


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ModelError, match="cannot be written"):
        save_quantized(_quantized(), tmp_path / "file")
