"""Every name opens through one module: what a thing is, in which form it loads, and which parts of it train."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    BartConfig,
    BertModel,
    BloomConfig,
    GPT2Config,
    LlamaConfig,
    M2M100Config,
    MarianConfig,
    MBartConfig,
    MistralConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen2Config,
    T5Config,
)

from alih.errors import ModelError, RunError
from alih.pretrained import builtin
from alih.pretrained.families import anatomy_of, head_modules
from alih.pretrained.footprint import footprint_of
from alih.pretrained.open import find, load, task_named
from alih.pretrained.registration import register_all
from alih.rag.embed import Embedder
from alih.rag.rerank import CrossEncoder
from alih.training.modules import freeze_below
from alih.transformer.configuration import AlihTransformerConfig

register_all()

_LLAMA = {
    "vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1,
    "intermediate_size": 24, "max_position_embeddings": 32, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
}  # fmt: skip
_BART = {
    "vocab_size": 40, "d_model": 16, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "max_position_embeddings": 32,
    "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 0, "forced_eos_token_id": 2,
}  # fmt: skip
_T5 = {
    "vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 2, "num_decoder_layers": 3, "num_heads": 2,
    "pad_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 0,
}  # fmt: skip
#: Of each family: a configuration, where its decoder's blocks lie, its last norm, and its output layer.
DECODERS: dict[str, tuple[PreTrainedConfig, str, str]] = {
    "gpt2": (GPT2Config(vocab_size=40, n_embd=16, n_layer=3, n_head=2), "transformer.h", "transformer.ln_f"),
    "llama": (LlamaConfig(**_LLAMA, tie_word_embeddings=False), "model.layers", "model.norm"),
    "mistral": (MistralConfig(**_LLAMA), "model.layers", "model.norm"),
    "qwen2": (Qwen2Config(**_LLAMA), "model.layers", "model.norm"),
    "bloom": (BloomConfig(vocab_size=40, hidden_size=16, n_layer=3, n_head=2), "transformer.h", ""),
    "marian": (MarianConfig(**_BART), "model.decoder.layers", ""),
    "bart": (BartConfig(**_BART), "model.decoder.layers", ""),
    "mbart": (MBartConfig(**_BART), "model.decoder.layers", "model.decoder.layer_norm"),
    "m2m_100": (M2M100Config(**_BART), "model.decoder.layers", "model.decoder.layer_norm"),
    "t5": (T5Config(**_T5), "decoder.block", "decoder.final_layer_norm"),
    "alih-transformer": (
        AlihTransformerConfig(vocab_size=40, d_model=16, layers=3, heads=2, d_ff=24), "model.decoder.blocks", "",
    ),
    "alih-transformer, norm first": (
        AlihTransformerConfig(vocab_size=40, d_model=16, layers=3, heads=2, d_ff=24, norm_first=True),
        "model.decoder.blocks",
        "model.decoder.norm",
    ),
}  # fmt: skip


def build(config: PreTrainedConfig) -> PreTrainedModel:
    torch.manual_seed(0)
    auto = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    model: PreTrainedModel = auto.from_config(config).eval()
    return model


@pytest.fixture(params=sorted(DECODERS))
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.mark.parametrize("top", [1, 2])
def test_the_top_blocks_of_a_model_that_writes_are_the_decoders_last_and_train_alone(family: str, top: int) -> None:
    config, blocks, _ = DECODERS[family]
    model = build(config)
    anatomy = anatomy_of(model)
    trained = {id(parameter) for parameter in freeze_below(model, anatomy, top)}
    layers = list(model.get_submodule(blocks).children())
    assert len(anatomy.blocks) == len(layers) == 3
    assert trained == {id(parameter) for layer in layers[-top:] for parameter in layer.parameters()}
    counted = sum(parameter.numel() for layer in layers[-top:] for parameter in layer.parameters())
    assert footprint_of(model, anatomy).trainable(top) == counted


def test_everything_trains_where_all_blocks_do(family: str) -> None:
    model = build(DECODERS[family][0])
    assert len(freeze_below(model, anatomy_of(model), 3)) == len(list(model.parameters()))


def test_neck_and_head_lie_between_the_last_block_and_the_logits(family: str) -> None:
    config, _, norm = DECODERS[family]
    model = build(config)
    anatomy = anatomy_of(model)
    assert anatomy.neck == ((norm,) if norm else ())
    assert [model.get_submodule(path) for path in anatomy.head] == [model.get_output_embeddings()]
    taken: list[torch.Tensor] = []
    model.get_submodule(anatomy.head[0]).register_forward_pre_hook(lambda _, inputs: taken.append(inputs[0]))
    ids = torch.tensor([[5, 6, 7, 2]])
    inputs = {"input_ids": ids, "decoder_input_ids": ids} if config.is_encoder_decoder else {"input_ids": ids}
    with torch.no_grad():
        logits = model(**inputs).logits
        assert torch.allclose(head_modules(model, anatomy)(taken[0]), logits, atol=1e-6)


def test_every_parameter_of_an_encoder_and_decoder_has_its_part() -> None:
    for name, (config, _, _) in DECODERS.items():
        if config.is_encoder_decoder:
            model = build(config)
            assert footprint_of(model, anatomy_of(model)).elsewhere == 0, name


def copied(name: str, folder: Path, change: Callable[[dict[str, object]], None] | None = None) -> Path:
    path = Path(shutil.copytree(find(name).root, folder))
    if change is not None:
        told = json.loads((path / "config.json").read_text())
        change(told)
        (path / "config.json").write_text(json.dumps(told))
    return path


def test_a_name_says_what_it_is(tiny_bert: Path, tiny_resnet: Path, tmp_path: Path) -> None:
    kinds = {
        "alih/minilm": "embedding",
        "alih/lm-small": "causal",
        "alih/translator": "seq2seq",
        "alih/vgg-small": "image",
    }
    kinds |= {str(tiny_bert): "encoder", str(tiny_resnet): "image"}
    assert {name: find(name, weights_needed=False).kind for name in kinds} == kinds
    tasks = {"alih/minilm": "retrieval", "alih/lm-small": "generation", "alih/translator": "translation"}
    tasks |= {str(tiny_bert): "classification", str(tmp_path): "classification", "some/model": "classification"}
    assert {name: task_named(name) for name in tasks} == tasks


@pytest.mark.parametrize(
    ("stated", "task"),
    [
        ({"modality": "generation"}, "generation"),
        ({"modality": "translation"}, "translation"),
        ({"modality": "embedding"}, "retrieval"),
        ({"name": "retrieval", "modality": "text"}, "retrieval"),
        ({"name": "classification", "modality": "text"}, "classification"),
    ],
)
def test_a_run_says_what_it_is_before_it_has_a_model(stated: dict[str, str], task: str, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "spec.json").write_text(json.dumps({"task": stated, "versions": {"alih": "1"}}))
    (tmp_path / "last").write_text("run")
    assert task_named(run) == task_named(tmp_path / "last") == task
    with pytest.raises(RunError, match="alih resume"):
        find(run)


def test_a_run_opens_as_its_model(tiny_bert: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(tiny_bert, run / "model")
    (run / "spec.json").write_text(json.dumps({"task": {"modality": "text"}, "versions": {"alih": "1"}}))
    (tmp_path / "last").write_text("run")
    for name in (run, run / "model", tmp_path / "last"):
        assert find(name).path == run / "model"
    (run / "model" / "config.json").unlink()
    (run / "report.json").write_text(json.dumps({"interrupted": False}))
    with pytest.raises(RunError, match="is gone"):
        load(run)


def test_what_a_model_cannot_be_is_refused() -> None:
    with pytest.raises(ModelError, match=r"writes no text\. Take a causal language model"):
        load("alih/minilm", form="causal")
    with pytest.raises(ModelError, match=r"does not translate\. Take one with an encoder and a decoder"):
        load("alih/lm-small", form="seq2seq")
    with pytest.raises(ModelError, match="has a decoder"):
        load("alih/translator", form="encoder")


def test_a_decoder_alone_gives_vectors_without_its_output_layer() -> None:
    anatomy = load("alih/lm-small", form="encoder").anatomy
    assert anatomy.head == ()
    assert anatomy.neck == ("norm",)


def test_an_output_layer_that_is_missing_is_not_made_up(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    config = LlamaConfig(**_LLAMA, tie_word_embeddings=False)
    shutil.copytree(find("alih/lm-small").root, tmp_path / "model")
    config.vocab_size = len(find("alih/lm-small").tokenizer)
    build(config).save_pretrained(tmp_path / "model")
    assert not load(tmp_path / "model", form="causal").head_is_new
    weights = load_file(tmp_path / "model" / "model.safetensors")
    del weights["lm_head.weight"]
    save_file(weights, tmp_path / "model" / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"1 weights are missing .*lm_head\.weight"):
        load(tmp_path / "model", form="causal")


def test_an_encoder_with_weights_missing_is_refused(tiny_bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(tiny_bert, tmp_path / "model"))
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if "layer.0.attention.self.query.weight" in name)
    del weights[lost]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"query\.weight"):
        load(folder, form="encoder")


def test_random_weights_depend_on_the_seed_alone() -> None:
    found = find("alih/lm-small", weights_needed=False)
    one, same, other = (found.load("causal", random_weights=True, seed=seed).model for seed in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), same.parameters(), strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_an_encoder_is_the_libraries_own(tiny_bert: Path) -> None:
    opened = load(tiny_bert, form="encoder")
    reference = BertModel.from_pretrained(tiny_bert).eval()
    batch = opened.tokenizer(["a b c"], return_tensors="pt")
    with torch.no_grad():
        assert torch.equal(opened.model(**batch).last_hidden_state, reference(**batch).last_hidden_state)
    assert [block.name for block in opened.anatomy.blocks] == [
        f"encoder.layer.{number}" for number in range(reference.config.num_hidden_layers)
    ]


@pytest.mark.parametrize(
    "way",
    [
        load,
        find,
        Embedder,
        CrossEncoder,
        lambda name: load(name, form="masked"),
        lambda name: load(name, form="encoder"),
    ],
)
def test_a_changed_built_in_model_is_refused_on_every_way_in(
    way: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = copied("alih/minilm", tmp_path / "minilm")
    with (folder / "model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    changed = builtin.BuiltIn("", "", lambda: folder, builtin.BUILT_IN["alih/minilm"].sha256)
    monkeypatch.setitem(builtin.BUILT_IN, "alih/minilm", changed)
    with pytest.raises(ModelError, match="not the published file"):
        way("alih/minilm")


def test_a_built_in_model_is_hashed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    find("alih/minilm")
    monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("hashed again"))
    find("alih/minilm")
