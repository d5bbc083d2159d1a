"""What each route trains, and that taking a shortcut through frozen outputs changes nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from alih.compare import adapting
from alih.data.read import read
from alih.errors import OptionError
from alih.progress import Progress
from alih.routes.base import Variant
from alih.routes.registry import ROUTES, route
from alih.tasks.base import ModelChoice
from alih.tasks.bench import Adaptation, Bench
from alih.tasks.classification.task import Classification
from alih.training.boundary import FEATURES
from alih.training.loop import FitSettings
from small_tasks import pictures

SETTINGS = FitSettings(learning_rate=1e-2, epochs=2, batch_size=16, seed=5)
HEAD = FitSettings(learning_rate=3e-2, epochs=3, batch_size=16, seed=5)
#: So small that float32 weights do not move.
STILL = replace(SETTINGS, learning_rate=1e-30)


def make_bench(data: Path, model: Path, *, boundaries: list[int] | None = None) -> Bench:
    bench = Bench(
        Classification(read(data)), ModelChoice(str(model)), None, batch_size=16, progress=Progress(quiet=True)
    )
    if boundaries is not None:
        bench.freeze([FEATURES, *boundaries])
    return bench


@pytest.fixture(scope="module")
def texts(reviews_csv: Path, tiny_bert: Path) -> Bench:
    return make_bench(reviews_csv, tiny_bert, boundaries=[1, 2])


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, tiny_resnet: Path) -> Bench:
    folder = pictures(tmp_path_factory.mktemp("data") / "photos")
    return make_bench(folder, tiny_resnet, boundaries=[3])


def adapt(
    bench: Bench, name: str, blocks: int = 0, settings: FitSettings = SETTINGS, head: FitSettings = HEAD
) -> Adaptation:
    total = len(bench.pretrained.anatomy.blocks)
    variant = Variant(name, blocks, total, random_weights=name == "scratch")
    rows = np.arange(len(bench.parts["train"].encoded), dtype=np.int64)
    return adapting.adapt(bench, variant, settings, rows, head_settings=head)


def changed(bench: Bench, adaptation: Adaptation) -> set[str]:
    """Names of the tensors, running statistics included, that are not bit for bit those that were loaded."""
    before = bench.fresh(SETTINGS.seed).model.state_dict()
    after = adaptation.pretrained.model.state_dict()
    assert before.keys() == after.keys()
    return {name for name, value in after.items() if not torch.equal(value.cpu(), before[name])}


def test_transfer_trains_the_head_and_nothing_else(texts: Bench, images: Bench) -> None:
    for bench in (texts, images):
        assert changed(bench, adapt(bench, "transfer")) == {"classifier.weight", "classifier.bias"}


@pytest.mark.parametrize("blocks", [1, 2, 3])
def test_finetune_trains_the_top_blocks_the_neck_and_the_head(texts: Bench, blocks: int) -> None:
    names = changed(texts, adapt(texts, "finetune", blocks))
    parts = {".".join(name.split(".")[:4]) if ".layer." in name else name.split(".")[1] for name in names}
    top = {f"bert.encoder.layer.{number}" for number in range(3 - blocks, 3)}
    # "weight" and "bias" are the classifier's; the pooler is BERT's neck; the stem trains with all blocks only.
    assert parts == top | {"pooler", "weight", "bias"} | ({"embeddings"} if blocks == 3 else set())


def test_finetuning_the_top_of_a_resnet_leaves_the_running_statistics_below_alone(images: Bench) -> None:
    names = changed(images, adapt(images, "finetune", 1))
    assert any("running_mean" in name for name in names)
    assert {name.split(".")[2] for name in names if ".blocks." in name} == {"3"}
    assert not any(".stem." in name for name in names)


def test_scratch_starts_from_random_weights_that_depend_on_the_seed(texts: Bench) -> None:
    first = adapt(texts, "scratch", 3, STILL).pretrained.model.state_dict()
    again = adapt(texts, "scratch", 3, STILL).pretrained.model.state_dict()
    other = adapt(texts, "scratch", 3, replace(STILL, seed=6)).pretrained.model.state_dict()
    loaded = texts.fresh(STILL.seed).model.state_dict()
    matrices = [name for name, value in first.items() if value.ndim == 2 and value.is_floating_point()]
    assert len(matrices) > 10
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not any(torch.equal(first[name], other[name]) for name in matrices)
    assert not any(torch.equal(first[name], loaded[name]) for name in matrices if "classifier" not in name)


@pytest.mark.parametrize("blocks", [1, 2])
def test_finetuning_from_a_frozen_boundary_equals_finetuning_the_whole_model(
    texts: Bench, reviews_csv: Path, tiny_bert: Path, blocks: int
) -> None:
    whole = make_bench(reviews_csv, tiny_bert)
    # The head's own first phase is left out: on features its batches need no grouping by length, so they differ.
    direct = adapt(whole, "finetune", blocks, head=STILL)
    resumed = adapt(texts, "finetune", blocks, head=STILL)
    assert (direct.stage.boundary, resumed.stage.boundary) == (None, 3 - blocks)
    np.testing.assert_allclose(
        resumed.stage.predict("validation")["logits"], direct.stage.predict("validation")["logits"], atol=1e-5
    )
    losses = [[epoch["train_loss"] for epoch in one.result.history] for one in (direct, resumed)]
    np.testing.assert_allclose(losses[0], losses[1], atol=1e-5)


def test_features_in_the_cache_give_the_logits_of_the_whole_model(
    texts: Bench, reviews_csv: Path, tiny_bert: Path
) -> None:
    whole = make_bench(reviews_csv, tiny_bert)
    one, other = adapt(whole, "transfer", 0, STILL), adapt(texts, "transfer", 0, STILL)
    assert (one.stage.boundary, other.stage.boundary) == (None, FEATURES)
    for part in ("train", "validation", "shifted"):
        np.testing.assert_allclose(one.stage.outputs(part), other.stage.outputs(part), atol=1e-6)


@pytest.mark.parametrize(("name", "blocks"), [("transfer", 0), ("finetune", 1), ("finetune", 3), ("scratch", 3)])
def test_the_same_seed_twice_gives_the_same_bits(texts: Bench, name: str, blocks: int) -> None:
    one, two = (adapt(texts, name, blocks).pretrained.model.state_dict() for _ in range(2))
    assert all(torch.equal(one[key], two[key]) for key in one)


def test_finetune_trains_the_head_first_at_its_own_rate(texts: Bench) -> None:
    # Where the second phase cannot move anything, what is left is the head that transfer would have trained.
    alone = adapt(texts, "transfer", 0, HEAD).pretrained.model.state_dict()
    first = adapt(texts, "finetune", 2, STILL).pretrained.model.state_dict()
    assert all(torch.equal(alone[name], first[name]) for name in alone)


def test_one_of_the_routes_learns_the_task(texts: Bench) -> None:
    adaptation = adapt(texts, "finetune", 3, replace(SETTINGS, epochs=8))
    labels = texts.parts["validation"].examples.known_labels
    assert (adaptation.stage.predict("validation")["logits"].argmax(axis=1) == labels).mean() > 0.8


def test_variants_are_a_third_of_the_blocks_and_all_of_them(texts: Bench) -> None:
    anatomy = texts.pretrained.anatomy
    labels = [variant.label for name in ROUTES for variant in route(name).variants(anatomy, None)]
    prompted, trained = ["zero-shot", "few-shot"], ["transfer", "finetune top 1 of 3", "finetune all 3"]
    assert labels == [*prompted, *trained, "lora", "qlora", "qalora", "ia3", "scratch"]
    asked = route("finetune").variants(anatomy, (-1, 2, 3))
    assert [variant.trainable_blocks for variant in asked] == [2, 3]


def test_more_blocks_than_the_model_has_are_refused(texts: Bench) -> None:
    with pytest.raises(OptionError, match=r"--blocks: 4 asked for, but the model has 3"):
        route("finetune").variants(texts.pretrained.anatomy, (4,))
