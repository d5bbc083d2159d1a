"""Malformed model folders: `alih inspect` says which file is wrong and what to do, with exit code 2."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from transformers import BertModel

from alih.cli.main import main

from .tiny import IMAGE, bert, build, save

Damage = Callable[[Path], Any]


def config(**changes: Any) -> Damage:
    def damage(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps({**json.loads(file.read_text()), **changes}))

    return damage


def content(name: str, text: str | bytes) -> Damage:
    return lambda folder: (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())


def index(text: str | bytes) -> Damage:
    def damage(folder: Path) -> None:
        (folder / "model.safetensors").unlink()
        content("model.safetensors.index.json", text)(folder)

    return damage


def weights_renamed_with_an_index_without_metadata(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "model-1.safetensors")
    content("model.safetensors.index.json", '{"weight_map": {"a": "model-1.safetensors"}}')(folder)


def only_vocabulary(text: bytes) -> Damage:
    def damage(folder: Path) -> None:
        for file in folder.glob("*token*"):
            file.unlink()
        content("vocab.txt", text)(folder)

    return damage


INDEX, CONFIG, TOKENIZER = "model.safetensors.index.json", "config.json", "tokenizer.json"
PROCESSOR = "preprocessor_config.json"
FAULTY_MEAN = {"image_processor_type": "ViTImageProcessorPil", "image_mean": "x", "size": {"height": 8, "width": 8}}

TEXT_MODEL: dict[str, tuple[Damage, str, str]] = {
    "index is no JSON": (index("{not json"), INDEX, "not readable JSON"),
    "index is binary": (index(b"\xff\xfe\x00"), INDEX, "not readable JSON"),
    "index is a list": (index("[1, 2]"), INDEX, "holds a list"),
    "index maps to a list": (index('{"weight_map": ["a"]}'), INDEX, '"weight_map" must name'),
    "index maps to numbers": (index('{"weight_map": {"a": 3}}'), INDEX, '"weight_map" must name'),
    "index maps to null": (index('{"weight_map": {"a": null, "b": "c"}}'), INDEX, '"weight_map" must name'),
    "index leaves the folder": (
        index('{"metadata": {}, "weight_map": {"a": "../other/model.safetensors"}}'),
        INDEX,
        "of the same folder",
    ),
    "index without metadata": (weights_renamed_with_an_index_without_metadata, INDEX, 'no "metadata"'),
    "quantisation is a text": (config(quantization_config="int4"), CONFIG, "quantised .* Take the original"),
    "quantisation is a list": (config(quantization_config=[1]), CONFIG, "quantised .* Take the original"),
    "quantisation is empty": (config(quantization_config={}), CONFIG, "quantised .* Take the original"),
    "quantisation is true": (config(quantization_config=True), CONFIG, "quantised .* Take the original"),
    "config is nested without end": (content(CONFIG, "[" * 100_000), CONFIG, "not readable JSON"),
    "config is empty": (content(CONFIG, ""), CONFIG, "not readable JSON"),
    "a size is null": (config(hidden_size=None), CONFIG, "Correct the value"),
    "a size is negative": (config(hidden_size=-16), CONFIG, "Check the sizes"),
    "a size is a text": (config(max_position_embeddings="many"), CONFIG, "Correct the value"),
    "a size is a fraction": (config(num_hidden_layers=2.5), CONFIG, "Correct the value"),
    "a size is beyond memory": (config(max_position_embeddings=10**12), CONFIG, "Check the sizes"),
    "class names are a list": (config(id2label=["a", "b"]), CONFIG, "Correct the value"),
    "class numbers are words": (config(id2label={"x": "a"}), CONFIG, "Correct the value"),
    "an unknown activation": (config(hidden_act="nope"), CONFIG, "cannot be loaded .* again"),
    "an unknown number type": (config(dtype="float99"), CONFIG, "Correct the value"),
    "a pooled model without backbone": (config(model_type="alih-pooled"), CONFIG, 'no "backbone_config"'),
    "a pooled model whose backbone is a text": (
        config(model_type="alih-pooled", backbone_config="bert"),
        CONFIG,
        'no "backbone_config"',
    ),
    "a pooled model of an unknown backbone": (
        config(model_type="alih-pooled", backbone_config={"model_type": "berd"}),
        CONFIG,
        '"berd".* check the spelling',
    ),
    "tokenizer is no JSON": (content(TOKENIZER, "{"), TOKENIZER, "not readable JSON"),
    "tokenizer is a list": (content(TOKENIZER, "[]"), TOKENIZER, "holds a list"),
    "tokenizer holds nothing": (content(TOKENIZER, "{}"), TOKENIZER, "Copy the tokenizer files again"),
    "tokenizer configuration is no JSON": (content("tokenizer_config.json", "{"), "tokenizer_config.json", "again"),
    "longest text is a word": (
        content("tokenizer_config.json", '{"model_max_length": "long", "pad_token": "[PAD]"}'),
        "tokenizer_config.json",
        "Copy the tokenizer files again",
    ),
    "special tokens are no JSON": (content("special_tokens_map.json", "{"), "special_tokens_map.json", "again"),
    "an empty vocabulary": (only_vocabulary(b""), "vocab.txt", "Copy the tokenizer files again"),
    "a binary vocabulary": (only_vocabulary(b"\xff\xfe\x80"), "vocab.txt", "Copy the tokenizer files again"),
}
IMAGE_MODEL: dict[str, tuple[Damage, str, str]] = {
    "processor is no JSON": (content(PROCESSOR, "{"), PROCESSOR, "not readable JSON"),
    "processor is a list": (content(PROCESSOR, "[]"), PROCESSOR, "holds a list"),
    "an unknown processor": (content(PROCESSOR, '{"image_processor_type": "Nope"}'), PROCESSOR, "Copy it again"),
    "means of another number of colours": (content(PROCESSOR, json.dumps(FAULTY_MEAN)), PROCESSOR, "Copy it again"),
    "no stages": (config(hidden_sizes=[]), CONFIG, "give one positive number"),
    "stages that are words": (config(blocks_per_stage="two"), CONFIG, "give a whole number"),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    base = tmp_path_factory.mktemp("models")
    return {
        "text": save(BertModel(bert()), base / "text"),
        "image": save(build(IMAGE["alih-resnet"]()), base / "image"),
    }


@pytest.mark.parametrize("fault", [*TEXT_MODEL, *IMAGE_MODEL])
def test_a_malformed_folder_gets_a_message_and_exit_code_2(
    fault: str, folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, file, message = {**TEXT_MODEL, **IMAGE_MODEL}[fault]
    folder = tmp_path / "model"
    folder.mkdir()
    for original in folders["text" if fault in TEXT_MODEL else "image"].iterdir():
        (folder / original.name).write_bytes(original.read_bytes())
    damage(folder)
    assert main(["inspect", str(folder)]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said, re.DOTALL), said
    assert file in said
    assert str(folder) in said
    assert "Traceback" not in said
    assert len(said.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("modules.json", '[{"type": "x.Pooling"}]'),
        ("modules.json", '[{"type": "x.Pooling", "path": 3}]'),
        ("sentence_bert_config.json", '{"max_seq_length": "long"}'),
        ("sentence_bert_config.json", "{"),
    ],
)
def test_malformed_files_that_only_add_something_are_left_aside(
    name: str, text: str, folders: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for original in folders["text"].iterdir():
        (tmp_path / original.name).write_bytes(original.read_bytes())
    content(name, text)(tmp_path)
    assert main(["inspect", str(tmp_path)]) == 0
