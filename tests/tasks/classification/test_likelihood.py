"""Language models as classifiers: calibration by its formula, what a route may look at, the model handed over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import alih
from alih.cli.main import main
from alih.compare.adapting import adapt
from alih.compare.opening import open_adapted
from alih.data.read import read
from alih.errors import AlihError, OptionError
from alih.generate.prompt import PromptForm
from alih.pretrained.open import load
from alih.progress import Progress
from alih.routes.base import Variant
from alih.task import Kind
from alih.tasks.base import ModelChoice
from alih.tasks.bench import Adaptation, Bench
from alih.tasks.classification import likelihood
from alih.tasks.classification.likelihood import batch_bias, mutual_information
from alih.tasks.classification.task import Classification
from alih.training.loop import FitSettings

SETTINGS = FitSettings(learning_rate=0.0, epochs=1, batch_size=16, seed=5)


@pytest.fixture(scope="module")
def bench(reviews_csv: Path) -> Bench:
    return Bench(
        Classification(read(reviews_csv)),
        ModelChoice("alih/lm-small"),
        None,
        batch_size=16,
        progress=Progress(quiet=True),
    )


def adapted(bench: Bench, name: str, form: PromptForm | None = None) -> Adaptation:
    total = len(bench.pretrained.anatomy.blocks)
    rows = np.arange(len(bench.parts["train"].encoded), dtype=np.int64)
    form = form or PromptForm()
    variant = Variant(name, 0, total, prompt=replace(form, shots=form.shots if name == "few-shot" else 0))
    return adapt(bench, variant, SETTINGS, rows, head_settings=SETTINGS)


@given(st.integers(0, 10**6), st.integers(1, 20), st.integers(2, 6))
@settings(deadline=None, max_examples=40)
def test_batch_calibration_makes_the_classes_equally_likely_to_first_order(seed: int, n: int, classes: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(n, classes)) * 5 - 400
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(batch_bias(scores), -np.log(p.mean(axis=0)), rtol=1e-9, atol=1e-9)


def test_batch_calibration_takes_a_constant_preference_away() -> None:
    scores = np.random.default_rng(0).normal(size=(50, 3))
    one_sided = np.log(np.exp(scores[:1]) / np.exp(scores[:1]).sum()) + np.array([5.0, 0.0, -3.0])
    np.testing.assert_allclose(
        one_sided[0] + batch_bias(one_sided), np.full(3, (one_sided + batch_bias(one_sided))[0, 0])
    )


def test_mutual_information_is_none_for_one_answer_and_all_for_sure_ones() -> None:
    assert mutual_information(np.tile([1.0, 2.0, 3.0], (9, 1))) == pytest.approx(0.0, abs=1e-12)
    sure = np.where(np.eye(4, dtype=bool), 0.0, -1e3)
    assert mutual_information(sure) == pytest.approx(np.log(4))


def test_zero_shot_reads_no_label(bench: Bench) -> None:
    part = bench.parts["train"]
    before = adapted(bench, "zero-shot")
    try:
        bench.parts["train"] = replace(part, labels=np.flip(np.asarray(part.labels)).copy())
        after = adapted(bench, "zero-shot")
    finally:
        bench.parts["train"] = part
    assert before.prompt is not None
    assert after.prompt is not None
    assert before.prompt == after.prompt
    assert before.prompt["examples"] == 0
    assert any(before.prompt["bias"]), "calibrated on the training texts"


def test_few_shot_shows_examples_and_looks_at_training_rows_alone(bench: Bench) -> None:
    before = adapted(bench, "few-shot", PromptForm(shots=2))
    assert before.prompt is not None
    assert before.prompt["examples"] == 4
    shown = bench.pretrained.processor.decode(before.prompt["prefix_ids"])
    train = [str(text) for text in bench.parts["train"].examples.inputs]
    assert sum(text in shown for text in train) >= 4
    assert not any(str(text) in shown for text in bench.parts["validation"].examples.inputs if str(text) not in train)
    held_out = bench.parts["validation"]
    try:
        bench.parts["validation"] = held_out.select(np.arange(1, dtype=np.int64))
        after = adapted(bench, "few-shot", PromptForm(shots=2))
    finally:
        bench.parts["validation"] = held_out
    assert after.prompt is not None
    assert after.prompt == before.prompt


def test_as_many_examples_as_fit_one_of_each_class_first(bench: Bench) -> None:
    found = adapted(bench, "few-shot", PromptForm(shots=1000))
    assert found.prompt is not None
    assert 2 < int(str(found.prompt["examples"])) < 1000
    longest = int(bench.parts["train"].encoded.lengths.max())
    assert int(str(found.prompt["room"])) >= min(longest, 256) * 0.9


def test_the_bench_is_left_as_it_was(bench: Bench) -> None:
    before = bench.pretrained.processor.model_max_length
    adapted(bench, "zero-shot")
    assert bench.pretrained.processor.model_max_length == before == 512


def test_what_cannot_be_prompted_says_why(bench: Bench) -> None:
    pretrained = bench.pretrained
    task = bench.dataset.task
    several = replace(pretrained, task=replace(task, kind=Kind.MULTI))
    assert "one of several classes" in str(likelihood.unsuited(several, PromptForm()))
    together = replace(pretrained, task=replace(task, pair=True))
    assert "one behind the other" in str(likelihood.unsuited(together, PromptForm()))
    with pytest.raises(OptionError, match="both texts of a pair"):
        likelihood.unsuited(together, PromptForm(template="{{ text }} {{ label }}"))
    with pytest.raises(OptionError, match="single texts"):
        likelihood.unsuited(pretrained, PromptForm(template="{{ text }} {{ pair }} {{ label }}"))
    many = tuple(f"a class with a rather long name, number {n}" for n in range(400))
    crowded = replace(pretrained, task=replace(task, classes=many))
    assert "leave no room" in str(
        likelihood.unsuited(crowded, PromptForm(template="{{ classes }}\n{{ text }}\n{{ label }}"))
    )
    twins = replace(pretrained, task=replace(task, classes=("a_b", "a-b")))
    assert "rename one" in str(likelihood.unsuited(twins, PromptForm()))
    with pytest.raises(OptionError, match="text"):
        likelihood.unsuited(pretrained, PromptForm(template="{{ label }}"))
    assert likelihood.unsuited(pretrained, PromptForm()) is None


def test_the_model_handed_over_predicts_from_disk_and_is_adapted_no_further(reviews_csv: Path, tmp_path: Path) -> None:
    found = alih.compare(
        reviews_csv, model="alih/lm-small", routes="zero-shot,few-shot", shots=2, runs=tmp_path, seeds=1
    )
    opened = open_adapted(found.folder.path)
    assert opened.pretrained.model.config.model_type == "alih-prompted"
    texts = [str(text) for text in read(reviews_csv).validation.inputs]
    first = opened.predict(texts[:3])
    assert [one.label for one in first] == [one.label for one in opened.predict(texts[:3])]
    size = sum(path.stat().st_size for path in found.folder.model.glob("*.safetensors"))
    assert size < 1.2 * load("alih/lm-small").model.num_parameters() * 4, "tied weights are written once"
    with pytest.raises(AlihError, match="inside a prompt"):
        alih.compare(reviews_csv, model=str(found.folder.model), routes="transfer", runs=tmp_path)


def test_a_user_s_template_is_the_one_that_is_taken(bench: Bench) -> None:
    template = "Review: {{ text }}\nVerdict: {{ label }}"
    found = adapted(bench, "zero-shot", PromptForm(template=template))
    assert found.prompt is not None
    assert found.prompt["template"] == template
    assert torch.isfinite(torch.tensor(found.prompt["bias"])).all()


def test_a_prompted_model_is_inspected_and_scored_in_16_bits(
    reviews_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = alih.compare(
        reviews_csv, model="alih/lm-small", routes="few-shot", shots=2, runs=tmp_path, seeds=1, precision="bf16"
    )
    assert "Do not use it" not in str(found), "from disk it is scored in the type that it was judged in"
    assert main(["inspect", str(found.folder.model)]) == 0
    shown = capsys.readouterr().out
    assert "inside a prompt" in shown
    assert "transfer" not in shown
