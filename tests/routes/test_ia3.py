"""(IA)³: what is scaled, that it alone trains, and that PEFT opens and merges it to the same numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import small_tasks
from alih.compare import adapting
from alih.compare.compare import adapt, compare, resume
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.data.read import read
from alih.errors import ModelError, OptionError
from alih.progress import Progress
from alih.routes.base import Variant
from alih.routes.ia3 import scaled_layers
from alih.routes.registry import route
from alih.tasks.base import ModelChoice
from alih.tasks.bench import Adaptation, Bench
from alih.tasks.classification.task import Classification
from alih.training.boundary import FEATURES
from alih.training.loop import FitSettings

QUIET = Progress(quiet=True)
SETTINGS = FitSettings(learning_rate=3e-2, epochs=2, batch_size=16, seed=5)
ROUTE = route("ia3")


@pytest.fixture(scope="module", params=["bert", "gpt2", "llama"])
def texts(request: pytest.FixtureRequest, reviews_csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Bench:
    folder = getattr(small_tasks, request.param)(tmp_path_factory.mktemp("models") / request.param)
    bench = Bench(Classification(read(reviews_csv)), ModelChoice(str(folder)), None, batch_size=16, progress=QUIET)
    bench.freeze([FEATURES, len(bench.pretrained.anatomy.blocks) - 1])
    return bench


def variant(bench: Bench, blocks: int = -1) -> Variant:
    return ROUTE.variants(bench.pretrained.anatomy, [blocks])[0]


def adapted(bench: Bench, blocks: int = -1) -> Adaptation:
    rows = np.arange(len(bench.parts["train"].encoded), dtype=np.int64)
    return adapting.adapt(bench, variant(bench, blocks), SETTINGS, rows, head_settings=SETTINGS)


def logits(model: Any, bench: Bench) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = model.eval()(**bench.parts["validation"].encoded.collate(np.arange(6))).logits
    return found


def test_vectors_and_head_train_and_nothing_else(texts: Bench) -> None:
    found = adapted(texts).pretrained
    before = dict(texts.fresh(SETTINGS.seed).model.named_parameters())
    trained = {name for name, value in found.model.named_parameters() if value.requires_grad}
    assert all("ia3_l" in name or name.startswith(tuple(found.anatomy.head)) for name in trained)
    for name, value in found.model.named_parameters():
        if "ia3_l" in name:
            assert not torch.equal(value, torch.ones_like(value))
        elif name not in trained:
            assert torch.equal(value, before[name.replace(".base_layer", "")])


def test_keys_values_and_the_feed_forward_network_of_every_block_are_scaled(texts: Bench) -> None:
    model, anatomy = texts.fresh(0).model, texts.pretrained.anatomy
    keys_values, feed_forward = scaled_layers(model, anatomy, variant(texts))
    expected = {
        "bert": (["attention.self.key", "attention.self.value"], ["output.dense"]),
        "gpt2": (["attn.c_attn"], ["mlp.c_proj"]),  # queries come out of the same layer
        "llama": (["self_attn.k_proj", "self_attn.v_proj"], ["mlp.down_proj"]),
    }[anatomy.family]
    blocks = [block.name for block in anatomy.blocks]
    assert keys_values == [f"{block}.{name}" for block in blocks for name in expected[0]]
    assert feed_forward == [f"{block}.{name}" for block in blocks for name in expected[1]]


def test_what_is_saved_and_merged_is_what_peft_opens_and_merges(texts: Bench, tmp_path: Path) -> None:
    from peft import PeftModel

    found = adapted(texts).pretrained
    before = logits(found.model, texts)
    ROUTE.save(found, variant(texts), tmp_path)
    opened = PeftModel.from_pretrained(texts.fresh(99).model, str(tmp_path))
    torch.testing.assert_close(logits(opened, texts), before, rtol=0, atol=1e-6)
    ROUTE.merge(found, variant(texts))
    torch.testing.assert_close(logits(found.model, texts), before, rtol=0, atol=1e-5)
    plain = texts.fresh(0).model.state_dict()
    theirs = opened.merge_and_unload().state_dict()
    assert found.model.state_dict().keys() == plain.keys()
    for name, value in found.model.state_dict().items():
        torch.testing.assert_close(value, theirs[name], rtol=0, atol=1e-6)


def test_the_same_seed_gives_the_same_bits(texts: Bench) -> None:
    one, other = (adapted(texts).pretrained.model.state_dict() for _ in range(2))
    assert all(torch.equal(value, other[name]) for name, value in one.items())


def test_vectors_of_the_top_block_train_from_what_is_frozen_below(texts: Bench) -> None:
    total = len(texts.pretrained.anatomy.blocks)
    found = adapted(texts, 1)
    assert found.stage.boundary == total - 1
    top = texts.pretrained.anatomy.blocks[-1].name
    assert all(name.startswith(top) for name, _ in found.pretrained.model.named_parameters() if "ia3_l" in name)


def test_a_vector_with_nan_is_not_merged(texts: Bench) -> None:
    found = texts.fresh(0)
    ROUTE.prepare(found, variant(texts), 0)
    for name, parameter in found.model.named_parameters():
        if "ia3_l" in name:
            parameter.data.fill_(float("nan"))
    with pytest.raises(ModelError, match="holds NaN or infinite values"):
        ROUTE.merge(found, variant(texts))


def options(model: Path, runs: Path, **more: Any) -> Options:
    few = {"seeds": 1, "epochs": 1, "plan": "full", "learning_rate": {"ia3": 1e-2, "transfer": 1e-2}}
    return Options.from_mapping({"model": str(model), "runs": str(runs), **few, **more})


def test_a_network_without_keys_and_values_is_refused_in_words(tmp_path: Path, tiny_resnet: Path) -> None:
    photos = small_tasks.pictures(tmp_path / "photos")
    with pytest.raises(OptionError, match=r"ia3: its blocks have no layers that are named as keys, values and"):
        adapt(photos, "ia3", options(tiny_resnet, tmp_path / "runs", plan=None, learning_rate=1e-2), QUIET)


class Killed(BaseException):
    """What nothing catches, as kill -9 is caught by nothing."""


def test_a_comparison_goes_on_where_it_was_killed_and_hands_over_what_it_scored(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen = {"routes": "transfer,ia3", "prefer": "best"}
    whole = compare(reviews_csv, options(tiny_bert, tmp_path / "whole", **chosen), QUIET)
    real = RunFolder.append
    written: list[int] = []

    def append(self: RunFolder, *arguments: Any) -> None:
        if len(written) == 2:
            raise Killed
        real(self, *arguments)
        written.append(1)

    monkeypatch.setattr(RunFolder, "append", append)
    with pytest.raises(Killed):
        compare(reviews_csv, options(tiny_bert, tmp_path / "cut", **chosen), QUIET)
    monkeypatch.setattr(RunFolder, "append", real)
    folder = next(path for path in (tmp_path / "cut").iterdir() if (path / "spec.json").is_file())
    again = resume(folder, progress=QUIET)
    assert [(one.id, one.metrics) for one in whole.trials] == [(one.id, one.metrics) for one in again.trials]
    trial = next(one for one in whole.trials if one.route == "ia3" and one.purpose == "full")
    assert trial.merged is not None
    assert trial.merged.largest_difference < 1e-5
    assert trial.setting["adapter"] == {}
    assert trial.scope.trainable == 3 * (16 + 16 + 24) + 2 * 16 + 2  # three vectors a block, and the head
    # Not the model that is chosen: that may be the one whose head alone trained.
    for one, other in zip(whole.trials, again.trials, strict=True):
        if one.purpose != "search":
            assert np.array_equal(*(run.folder.predictions(it)["logits"] for run, it in ((whole, one), (again, other))))
    alone = adapt(reviews_csv, "ia3", options(tiny_bert, tmp_path / "alone", plan=None, learning_rate=1e-2), QUIET)
    assert alone.handed_over is not None
    assert alone.handed_over.agrees
    assert (alone.folder.path / "adapter" / "adapter_config.json").is_file()


def test_rates_ascend_and_blocks_are_bounded(texts: Bench) -> None:
    anatomy = texts.pretrained.anatomy
    assert list(ROUTE.learning_rates(anatomy)) == sorted(ROUTE.learning_rates(anatomy))
    assert replace(variant(texts, 1), route="ia3").label == f"ia3 top 1 of {len(anatomy.blocks)}"
    with pytest.raises(OptionError, match="--blocks"):
        ROUTE.variants(anatomy, [99])
