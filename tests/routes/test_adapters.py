"""Adapters as PEFT has them: the same outputs, the same merge, the same file; and what each route trains."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from alih.compare import adapting
from alih.data.read import read
from alih.errors import ModelError, OptionError
from alih.pretrained.open import load
from alih.progress import Progress
from alih.routes import adapters, nf4
from alih.routes.adapters import adapted_layers, attach, lora_layers, merge, save_adapter, unsuited
from alih.routes.base import AdapterForm, Variant
from alih.routes.registry import ADAPTERS, route
from alih.tasks.base import ModelChoice
from alih.tasks.bench import Adaptation, Bench
from alih.tasks.classification.task import Classification
from alih.training.boundary import FEATURES
from alih.training.loop import FitSettings
from small_tasks import pictures

CPU = torch.device("cpu")
SETTINGS = FitSettings(learning_rate=1e-2, epochs=2, batch_size=16, seed=5)
HEAD = replace(SETTINGS, learning_rate=3e-2, epochs=3)
FORM = AdapterForm(rank=3, group_size=8)
needs_bitsandbytes = pytest.mark.skipif(
    importlib.util.find_spec("bitsandbytes") is None, reason="bitsandbytes is not installed"
)
EVERY = ["lora", pytest.param("qlora", marks=needs_bitsandbytes), "qalora"]


def variant(name: str, blocks: int = 3, total: int = 3, **form: Any) -> Variant:
    return Variant(name, blocks, total, adapter=replace(FORM, **form))


@pytest.fixture(scope="module")
def texts(reviews_csv: Path, tiny_bert: Path) -> Bench:
    bench = Bench(
        Classification(read(reviews_csv)),
        ModelChoice(str(tiny_bert)),
        None,
        batch_size=16,
        progress=Progress(quiet=True),
    )
    bench.freeze([FEATURES, 1])
    return bench


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, tiny_resnet: Path) -> Bench:
    folder = pictures(tmp_path_factory.mktemp("data") / "photos")
    return Bench(
        Classification(read(folder)), ModelChoice(str(tiny_resnet)), None, batch_size=16, progress=Progress(quiet=True)
    )


def adapt(bench: Bench, chosen: Variant, head: FitSettings = HEAD) -> Adaptation:
    rows = np.arange(len(bench.parts["train"].encoded), dtype=np.int64)
    return adapting.adapt(bench, chosen, SETTINGS, rows, head_settings=head)


def logits(model: Any, bench: Bench) -> torch.Tensor:
    batch = bench.parts["validation"].encoded.collate(np.arange(6))
    with torch.no_grad():
        found: torch.Tensor = model.eval()(**batch).logits
    return found


@pytest.mark.parametrize("form", [{}, {"rslora": True}, {"dora": True}, {"targets": ("attention",)}])
def test_what_is_trained_saved_and_merged_is_what_peft_opens_and_merges(
    texts: Bench, tmp_path: Path, form: dict[str, Any]
) -> None:
    from peft import PeftModel

    chosen = variant("lora", **form)
    adapted = adapt(texts, chosen).pretrained
    before = logits(adapted.model, texts)
    assert save_adapter(adapted, chosen, tmp_path) == (tmp_path / "adapter_model.safetensors").stat().st_size
    opened = PeftModel.from_pretrained(texts.fresh(99).model, str(tmp_path))
    torch.testing.assert_close(logits(opened, texts), before, rtol=0, atol=1e-6)
    merged = opened.merge_and_unload()
    merge(adapted.model)
    torch.testing.assert_close(logits(adapted.model, texts), before, rtol=1e-4, atol=1e-5)
    theirs = merged.state_dict()
    for name, value in adapted.model.state_dict().items():
        torch.testing.assert_close(value, theirs[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", EVERY)
def test_adapters_and_head_train_and_nothing_else(texts: Bench, name: str) -> None:
    adapted = adapt(texts, variant(name)).pretrained
    trained = {n for n, p in adapted.model.named_parameters() if p.requires_grad}
    assert trained
    assert all("lora_" in n or n.startswith(tuple(adapted.anatomy.head)) for n in trained)
    original = dict(texts.fresh(SETTINGS.seed).model.named_parameters())
    for n, p in adapted.model.named_parameters():
        if n in original and n not in trained and p.shape == original[n].shape:
            assert torch.equal(p, original[n])


@pytest.mark.parametrize("name", EVERY)
def test_the_same_seed_gives_the_same_bits(texts: Bench, name: str) -> None:
    one, other = (adapt(texts, variant(name)) for _ in range(2))
    assert torch.equal(logits(one.pretrained.model, texts), logits(other.pretrained.model, texts))


@pytest.mark.parametrize("name", EVERY)
def test_adapters_above_a_boundary_train_from_the_cache_as_without_it(texts: Bench, name: str) -> None:
    uncached = Bench(texts.task, texts.choice, None, batch_size=16, progress=Progress(quiet=True))
    still = replace(HEAD, learning_rate=1e-30)  # features and texts come in other batches, so heads would differ
    found, expected = (adapt(bench, variant(name, 2), still) for bench in (texts, uncached))
    assert found.stage.boundary == 1
    assert expected.stage.boundary is None
    losses = [[epoch["train_loss"] for epoch in adaptation.result.history] for adaptation in (found, expected)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)
    assert all(name.split(".layer.")[1][0] in "12" for name in adapted_layers_of(found))


def adapted_layers_of(adaptation: Adaptation) -> list[str]:
    return [n for n, _ in adaptation.pretrained.model.named_parameters() if "lora_" in n]


@pytest.mark.parametrize(("bits", "group_size"), [(2, 8), (3, 8), (4, 16), (8, 32)])
def test_merged_qalora_gives_the_same_bits_as_trained(texts: Bench, bits: int, group_size: int) -> None:
    adapted = adapt(texts, variant("qalora", bits=bits, group_size=group_size)).pretrained
    before = logits(adapted.model, texts)
    merge(adapted.model)
    assert torch.equal(logits(adapted.model, texts), before)


def test_merged_qalora_opens_again_and_predicts_but_is_not_adapted(texts: Bench, tmp_path: Path) -> None:
    adapted = adapt(texts, variant("qalora")).pretrained
    merge(adapted.model)
    before = logits(adapted.model, texts)
    adapted.save(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["quantization_config"]["quant_method"] == "alih-groups"
    assert torch.equal(logits(load(tmp_path).model, texts), before)
    with pytest.raises(ModelError, match="weights are quantised"):
        load(tmp_path, texts.task)


@needs_bitsandbytes
def test_nf4_codes_are_those_of_bitsandbytes_and_what_is_merged_is_what_they_mean(texts: Bench) -> None:
    from bitsandbytes.functional import dequantize_4bit, quantize_4bit

    pretrained = texts.fresh(0)
    name = adapted_layers(pretrained.model, pretrained.anatomy, variant("qlora"))[0]
    weight = pretrained.model.get_submodule(name).weight.detach().clone()
    codes, state = quantize_4bit(weight, compress_statistics=True, quant_type="nf4")
    attach(pretrained, variant("qlora"), 0, CPU)
    base = lora_layers(pretrained.model)[name].get_base_layer()
    assert nf4.is_quantized(base)
    assert torch.equal(base.weight.data.flatten(), codes.flatten())
    merge(pretrained.model)  # untrained: B is zero
    merged = pretrained.model.get_submodule(name)
    assert type(merged) is torch.nn.Linear
    torch.testing.assert_close(merged.weight.detach(), dequantize_4bit(codes, state).float())


@needs_bitsandbytes
def test_merged_qlora_scores_as_trained(texts: Bench) -> None:
    adapted = adapt(texts, variant("qlora")).pretrained
    before = logits(adapted.model, texts)
    merge(adapted.model)
    torch.testing.assert_close(logits(adapted.model, texts), before, rtol=1e-4, atol=1e-5)


def test_lora_adapts_convolutions_and_the_quantising_routes_say_why_they_do_not(images: Bench) -> None:
    pretrained = images.fresh(0)
    total = len(pretrained.anatomy.blocks)
    assert unsuited(pretrained.model, pretrained.anatomy, variant("lora", total, total)) is None
    for name in ("qlora", "qalora"):
        why = unsuited(pretrained.model, pretrained.anatomy, variant(name, total, total))
        assert why is not None
        assert "no linear layers" in why or "bitsandbytes" in why
    adapted = adapt(images, variant("lora", total, total)).pretrained
    before = logits(adapted.model, images)
    merge(adapted.model)
    torch.testing.assert_close(logits(adapted.model, images), before, rtol=1e-4, atol=1e-4)
    assert not lora_layers(adapted.model)


def test_qlora_without_bitsandbytes_says_what_to_install(texts: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nf4, "is_available", lambda: False)
    pretrained = texts.fresh(0)
    why = unsuited(pretrained.model, pretrained.anatomy, variant("qlora"))
    assert why == "NF4 needs bitsandbytes: pip install 'alih[qlora]'"


def test_unknown_targets_are_refused_with_those_there_are(texts: Bench) -> None:
    pretrained = texts.fresh(0)
    with pytest.raises(OptionError, match=r"--lora-targets: 'q_proj' names no layer.*dense, key, query, value"):
        adapted_layers(pretrained.model, pretrained.anatomy, variant("lora", targets=("query", "q_proj")))
    found = adapted_layers(pretrained.model, pretrained.anatomy, variant("lora", 1, targets=("query", "value")))
    assert len(found) == 2
    attention = adapted_layers(pretrained.model, pretrained.anatomy, variant("lora", targets=("attention",)))
    assert attention
    assert all("attention" in name for name in attention)


def test_an_adapter_with_nan_is_not_merged(texts: Bench) -> None:
    pretrained = texts.fresh(0)
    attach(pretrained, variant("lora"), 0, CPU)
    for name, parameter in pretrained.model.named_parameters():
        if "lora_B" in name:
            parameter.data.fill_(float("nan"))
    with pytest.raises(ModelError, match="holds NaN or infinite values"):
        merge(pretrained.model)


def test_the_rates_of_adapters_lie_above_those_of_fine_tuning(texts: Bench) -> None:
    anatomy = texts.pretrained.anatomy
    for name in ADAPTERS:
        rates = route(name).learning_rates(anatomy)
        assert min(rates) >= max(route("finetune").learning_rates(anatomy))
    assert adapters.has_linear(texts.pretrained.model, anatomy)
