"""Zero-shot and few-shot make the head that nearest class vectors by cosine make, and look at what they may alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from alih.compare.adapting import adapt
from alih.data.read import read
from alih.generate.prompt import PromptForm
from alih.pretrained.families import head_modules
from alih.pretrained.open import load
from alih.progress import Progress
from alih.routes.base import Variant
from alih.tasks.base import ModelChoice
from alih.tasks.bench import Bench
from alih.tasks.classification import class_vectors
from alih.tasks.classification.class_vectors import choose_shots
from alih.tasks.classification.task import Classification
from alih.training.boundary import FEATURES
from alih.training.loop import FitSettings
from small_tasks import pictures

SETTINGS = FitSettings(learning_rate=0.0, epochs=1, batch_size=16, seed=5)


@pytest.fixture(scope="module")
def bench(reviews_csv: Path, tiny_bert: Path) -> Bench:
    found = Bench(
        Classification(read(reviews_csv)),
        ModelChoice(str(tiny_bert), pooling="mean"),
        None,
        batch_size=16,
        progress=Progress(quiet=True),
    )
    found.freeze([FEATURES])
    return found


def adapted(bench: Bench, name: str, form: PromptForm | None = None):  # type: ignore[no-untyped-def]
    total = len(bench.pretrained.anatomy.blocks)
    form = form or PromptForm()
    variant = Variant(name, 0, total, prompt=replace(form, shots=form.shots if name == "few-shot" else 0))
    rows = np.arange(len(bench.parts["train"].encoded), dtype=np.int64)
    return adapt(bench, variant, SETTINGS, rows, head_settings=SETTINGS)


def head_of(adaptation) -> torch.nn.Linear:  # type: ignore[no-untyped-def]
    modules = head_modules(adaptation.pretrained.model, adaptation.pretrained.anatomy).modules()
    (layer,) = (module for module in modules if isinstance(module, torch.nn.Linear))
    return layer


@given(seed=st.integers(0, 10**6), classes=st.integers(2, 6), width=st.integers(2, 9))
@settings(deadline=None, max_examples=40)
def test_the_linear_head_chooses_the_class_of_the_greatest_cosine(seed: int, classes: int, width: int) -> None:
    random = np.random.default_rng(seed)
    vectors, centre = random.normal(size=(classes, width)), random.normal(size=width)
    features = random.normal(size=(20, width))
    weight, bias = class_vectors.cosine_head(vectors.astype(np.float32), centre.astype(np.float32), 2.0)
    logits = torch.from_numpy(features).float() @ weight.T + bias
    inside, seen = vectors - centre, features - centre
    cosine = (seen @ inside.T) / np.linalg.norm(inside, axis=1) / np.linalg.norm(seen, axis=1, keepdims=True)
    expected = cosine * np.linalg.norm(seen, axis=1, keepdims=True) * class_vectors.SCALE / 2.0
    np.testing.assert_allclose(logits.numpy(), expected, atol=1e-2, rtol=1e-3)


def test_zero_shot_reads_no_label(bench: Bench) -> None:
    before = head_of(adapted(bench, "zero-shot"))
    part = bench.parts["train"]
    kept = part.labels
    try:
        bench.parts["train"] = replace(part, labels=np.flip(np.asarray(kept)).copy())
        after = head_of(adapted(bench, "zero-shot"))
    finally:
        bench.parts["train"] = replace(bench.parts["train"], labels=kept)
    assert torch.equal(before.weight, after.weight)
    assert torch.equal(before.bias, after.bias)


def test_nothing_but_the_head_is_changed_and_no_step_is_made(bench: Bench) -> None:
    for name in ("zero-shot", "few-shot"):
        found = adapted(bench, name)
        (phase,) = found.phases
        assert (phase.result.steps, phase.result.examples_seen) == (0, 0)
        loaded = bench.fresh(SETTINGS.seed).model.state_dict()
        differing = {
            key for key, value in found.pretrained.model.state_dict().items() if not torch.equal(value, loaded[key])
        }
        assert {key.rsplit(".", 1)[-1] for key in differing} <= {"weight", "bias"}
        assert len(differing) <= 2


def test_few_shot_with_every_example_separates_what_its_means_separate(bench: Bench) -> None:
    found = adapted(bench, "few-shot", PromptForm(shots=1000))
    features = class_vectors.training_features(
        bench, found.phases[0].stage, np.arange(len(bench.parts["train"].encoded))
    )
    labels = np.asarray(bench.parts["train"].labels)
    means = np.stack([features[labels == label].mean(axis=0) for label in range(2)]) - features.mean(axis=0)
    cosines = (features - features.mean(axis=0)) @ (means / np.linalg.norm(means, axis=1, keepdims=True)).T
    clear = np.abs(cosines[:, 0] - cosines[:, 1]) > 1e-3 * np.abs(cosines).max()
    head = head_of(found)
    mine = (torch.from_numpy(features) @ head.weight.T + head.bias).argmax(dim=1).numpy()
    assert clear.mean() > 0.8
    assert (mine == cosines.argmax(axis=1))[clear].all()


@given(seed=st.integers(0, 10**6), shots=st.integers(1, 5), by=st.sampled_from(["similarity", "diversity", "random"]))
@settings(deadline=None, max_examples=40)
def test_so_many_examples_of_every_class_are_chosen(seed: int, shots: int, by: str) -> None:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, size=30)
    features = random.integers(0, 2, size=(30, 2)).astype(np.float32)  # many rows are equal
    chosen = choose_shots(features, labels, shots, by, seed)  # type: ignore[arg-type]
    assert len(set(chosen.tolist())) == len(chosen)
    for label in np.unique(labels):
        assert (labels[chosen] == label).sum() == min(shots, (labels == label).sum())


def test_similarity_takes_the_most_typical_and_diversity_spreads() -> None:
    features = np.array([[0.0], [0.1], [-0.1], [5.0], [-5.0]], dtype=np.float32)
    labels = np.zeros(5, dtype=np.int64)
    assert choose_shots(features, labels, 3, "similarity", 0).tolist() == [0, 1, 2]
    assert choose_shots(features, labels, 3, "diversity", 0).tolist() == [0, 3, 4]


def test_pictures_and_numbers_are_refused_in_words(tiny_resnet: Path, tmp_path: Path) -> None:
    images = Bench(
        Classification(read(pictures(tmp_path / "photos"))),
        ModelChoice(str(tiny_resnet)),
        None,
        batch_size=8,
        progress=Progress(quiet=True),
    )
    assert "reads pictures" in str(class_vectors.unsuited(images.pretrained, PromptForm()))


def test_a_head_of_two_layers_is_refused_in_words() -> None:
    assert class_vectors.unsuited(load("alih/minilm"), PromptForm()) is None
