"""Pairs of texts in a prompt: scores as the plain model gives them, examples shown as pairs, the folder reopened."""

from __future__ import annotations

import csv
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

import alih
from alih.cli.main import main
from alih.compare.adapting import adapt
from alih.data.read import read
from alih.pretrained.open import load
from alih.progress import Progress
from alih.routes.base import PromptForm, Variant
from alih.tasks.base import ModelChoice
from alih.tasks.bench import Bench
from alih.tasks.classification import likelihood
from alih.tasks.classification.task import Classification
from alih.training.loop import FitSettings

TEMPLATE = "Premise: {{ text }}\nHypothesis: {{ pair }}\nRelation: {{ label }}"
TEXTS = [("A cat runs in the rain.", "The cat runs."), ("A dog sleeps.", "No dog sleeps at all, anywhere.")]


@pytest.fixture(scope="module")
def pairs_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty premises and hypotheses."""
    path, drawn = tmp_path_factory.mktemp("data") / "pairs.csv", random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["premise", "hypothesis", "label"])
        for number in range(40):
            animal, follows = drawn.choice(["dog", "cat", "horse"]), drawn.random() < 0.5
            hypothesis = f"The {animal} runs." if follows else f"The {animal} does not run."
            rows.writerow(
                [f"A {animal} runs in garden {number}.", hypothesis, "entailed" if follows else "contradicted"]
            )
    return path


@torch.no_grad()
def by_hand(first: str, second: str, classes: tuple[str, ...]) -> torch.Tensor:
    """Log-probability of each class among all: the filled-in template through the plain model, nothing cached."""
    source = load("alih/lm-small").source.path
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(source)
    prompt = [
        token
        for part in ("Premise: ", first, "\nHypothesis: ", second)
        for token in tokenizer(part, add_special_tokens=False)["input_ids"]
    ]
    scores = []
    for name in classes:
        label = tokenizer(f"\nRelation: {name}", add_special_tokens=False)["input_ids"]
        after = model(torch.tensor([prompt + label])).logits[0].double().log_softmax(dim=-1)
        scores.append(sum(after[len(prompt) + n - 1, token] for n, token in enumerate(label)))
    return torch.stack([torch.as_tensor(score) for score in scores]).log_softmax(dim=0)


def test_a_pair_is_scored_as_the_plain_model_does_and_so_is_the_folder_opened_again(
    pairs_csv: Path, tmp_path: Path
) -> None:
    bench = Bench(
        Classification(read(pairs_csv)),
        ModelChoice("alih/lm-small"),
        None,
        batch_size=16,
        progress=Progress(quiet=True),
    )
    rows = np.arange(len(bench.parts["train"].encoded), dtype=np.int64)
    settings = FitSettings(learning_rate=0.0, epochs=1, batch_size=16, seed=5)
    form = PromptForm(template=TEMPLATE, shots=0)
    variant = Variant("zero-shot", 0, len(bench.pretrained.anatomy.blocks), prompt=form)
    found = adapt(bench, variant, settings, rows, head_settings=settings)
    assert found.prompt is not None
    found.pretrained.save(tmp_path)

    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    opened = AutoModelForSequenceClassification.from_pretrained(tmp_path).eval()
    batch = tokenizer(*map(list, zip(*TEXTS, strict=True)), padding=True, return_tensors="pt")
    with torch.no_grad():
        scores = opened(**batch).logits - torch.tensor(opened.config.bias)
    for score, (first, second) in zip(scores, TEXTS, strict=True):
        wanted = by_hand(first, second, bench.dataset.task.classes)
        torch.testing.assert_close(score.double().log_softmax(dim=0), wanted, atol=1e-4, rtol=0)
    again = likelihood.wrap(bench, found.prompt)
    with torch.no_grad():
        assert torch.equal(again.model(**batch).logits, opened(**batch).logits), (
            "what is kept of a trial makes it again"
        )
    swapped = tokenizer(
        [second for _, second in TEXTS], [first for first, _ in TEXTS], padding=True, return_tensors="pt"
    )
    with torch.no_grad():
        assert not torch.allclose(opened(**swapped).logits, opened(**batch).logits, atol=1e-3)


def test_few_shot_shows_pairs_and_the_run_predicts_and_evaluates_them(
    pairs_csv: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = alih.adapt(
        pairs_csv, route="few-shot", model="alih/lm-small", template=TEMPLATE, shots=1, seeds=1, runs=tmp_path
    )
    config = found.pretrained.model.config
    assert config.examples == 2
    shown = found.pretrained.processor.decode(config.prefix_ids)
    train = read(pairs_csv).train.inputs
    assert sum(f"Premise: {first}\nHypothesis: {second}\n" in shown for first, second in train) >= 2
    capsys.readouterr()
    folder = str(next(tmp_path.glob("*-pairs")))
    assert main(["predict", folder, "A cat runs.", "The cat runs."]) == 0
    assert capsys.readouterr().out.split("\t")[0] in config.id2label.values()
    assert main(["evaluate", folder, str(pairs_csv)]) == 0
    assert "40 examples" in capsys.readouterr().out
    assert main(["predict", folder, "A cat runs."]) == 2
    assert "two texts" in capsys.readouterr().err
