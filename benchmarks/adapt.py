"""Alih against Hugging Face Trainer at equal epochs, batch size, learning rate and model, on texts of varied length.

    python benchmarks/adapt.py [--texts 2000] [--repeats 1] [--only transfer]

Texts are docstrings of the Python standard library, whole (the demo cuts them short), labelled by package. Every arm
runs in its own process: read, tokenise, train with validation after each epoch, score. Time counts from tokenising to
the last score; importing libraries and loading weights are left out on both sides. The cache starts empty. Both sides
compute in the type that Alih chooses (bf16 where the processor has instructions for it).
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from machine import machine, peak_memory_bytes

MODEL = "alih/minilm"
MAX_LENGTH = 128
BATCH = 32
VALIDATION = 100


@dataclass(frozen=True)
class Case:
    """One comparison: how many top blocks train, for how many epochs, at which rate."""

    blocks: int
    epochs: int
    learning_rate: float
    bars: dict[str, float]


CASES = {
    "transfer": Case(0, 10, 1e-2, {"trainer": 10.0}),
    "top2": Case(2, 3, 1e-4, {"trainer": 2.0}),
    "all": Case(6, 1, 1e-4, {"trainer": 1.8, "trainer-grouped": 1.0}),
}
ARMS = ("alih", "trainer", "trainer-grouped")


def texts(count: int) -> tuple[list[str], list[int], list[str]]:
    """Whole docstrings of the eight packages with the most of them, and their packages; a seeded choice."""
    root = Path(sysconfig.get_paths()["stdlib"])
    found: dict[str, set[str]] = {}
    for path in sorted(root.rglob("*.py")):
        package = path.relative_to(root).parts[0].removesuffix(".py")
        if package in {"site-packages", "test", "idlelib", "lib2to3"} or "tests" in path.parts:
            continue
        try:
            tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                told = ast.get_docstring(node)
                if told and len(told.split()) >= 3:
                    found.setdefault(package, set()).add(told)
    classes = sorted(sorted(found, key=lambda package: -len(found[package]))[:8])
    pairs = [(told, label) for label, package in enumerate(classes) for told in sorted(found[package])]
    order = np.random.default_rng(0).permutation(len(pairs))[: count + VALIDATION]
    return [pairs[i][0] for i in order], [pairs[i][1] for i in order], classes


def dataset(count: int) -> Any:
    """The same texts for every arm: `count` to train on, 400 to validate on."""
    from alih.data.examples import Dataset, Examples
    from alih.task import Kind, Modality, Task

    inputs, labels, classes = texts(count)
    every = Examples(inputs, np.asarray(labels, dtype=np.int64), [f"docstring {i}" for i in range(len(inputs))])
    task = Task(Modality.TEXT, Kind.SINGLE, tuple(classes))
    train, validation = (
        every.select(range(len(inputs) - VALIDATION)),
        every.select(range(len(inputs) - VALIDATION, len(inputs))),
    )
    return Dataset("docstrings", "docstrings", task, train, validation, validation)


def run_alih(case: Case, count: int) -> dict[str, float]:
    """Our side: the route, as `alih adapt` runs it."""
    from alih.progress import Progress
    from alih.tasks.base import ModelChoice
    from alih.tasks.bench import Bench
    from alih.tasks.classification import task as task_module
    from alih.training.boundary import FEATURES
    from alih.training.cache import Cache
    from alih.training.loop import FitSettings
    from alih.training.modules import freeze_below

    data = dataset(count)
    with tempfile.TemporaryDirectory() as folder:
        loading = 0.0
        load = task_module.load

        def timed_load(*args: Any, **kwargs: Any) -> Any:
            nonlocal loading
            start = time.perf_counter()
            try:
                return load(*args, **kwargs)
            finally:
                loading += time.perf_counter() - start

        task_module.load = timed_load
        start = time.perf_counter()
        bench = Bench(
            task_module.Classification(data),
            ModelChoice(MODEL),
            Cache(Path(folder), 10**10),
            MAX_LENGTH,
            BATCH,
            progress=Progress(quiet=True),
        )
        if case.blocks < 6:
            bench.freeze([6 - case.blocks if case.blocks else FEATURES])
        else:
            bench.release()
        pretrained = bench.fresh(0)
        freeze_below(pretrained.model, pretrained.anatomy, case.blocks)
        stage = bench.stage(pretrained, case.blocks)
        settings = FitSettings(
            learning_rate=case.learning_rate, epochs=case.epochs, batch_size=BATCH, seed=0, patience=case.epochs
        )
        stage.fit(np.arange(count), settings)
        accuracy = float((stage.predict("validation")["logits"].argmax(1) == data.validation.labels).mean())
        return {"seconds": time.perf_counter() - start - loading, "accuracy": accuracy}


def run_trainer(case: Case, count: int, grouped: bool) -> dict[str, float]:
    """Their side: the same model class and weights, frozen by requires_grad, trained by Trainer."""
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    from alih.pretrained.open import load
    from alih.training.boundary import freeze_below
    from alih.training.precision import choose

    data = dataset(count)
    pretrained = load(MODEL, data.task, seed=0)
    freeze_below(pretrained.model, pretrained.anatomy, case.blocks)
    tokenizer = pretrained.processor
    start = time.perf_counter()

    def encode(examples: Any) -> list[dict[str, Any]]:
        encoded = tokenizer(list(examples.inputs), truncation=True, max_length=MAX_LENGTH)
        rows = [{key: encoded[key][i] for key in encoded} for i in range(len(examples))]
        return [{**row, "labels": int(label)} for row, label in zip(rows, examples.labels, strict=True)]

    train, validation = encode(data.train), encode(data.validation)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=case.epochs,
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=4 * BATCH,
            learning_rate=case.learning_rate,
            weight_decay=0.01,
            warmup_steps=0.1,
            lr_scheduler_type="linear",
            eval_strategy="epoch",
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            bf16=choose() == "bf16",
            seed=0,
            **({"train_sampling_strategy": "group_by_length"} if grouped else {}),
        )
        trainer = Trainer(
            pretrained.model,
            arguments,
            train_dataset=train,
            eval_dataset=validation,
            data_collator=DataCollatorWithPadding(tokenizer),
        )
        trainer.train()
        logits = trainer.predict(validation).predictions
    accuracy = float((logits.argmax(1) == data.validation.labels).mean())
    return {"seconds": time.perf_counter() - start, "accuracy": accuracy}


def run_arm(name: str, arm: str, count: int) -> None:
    """Run one arm in this process and print its figures as JSON."""
    case = CASES[name]
    figures = run_alih(case, count) if arm == "alih" else run_trainer(case, count, arm == "trainer-grouped")
    print(json.dumps({**figures, "peak_memory_bytes": peak_memory_bytes()}))


def main() -> None:
    """Run every case, arms interleaved, and print the table of ratios."""
    from alih.training.precision import choose

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--threads", type=int, help="of both sides (default: every core)")
    parser.add_argument("--only", choices=CASES, action="append")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "adapt.json")
    parser.add_argument("--arm", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.threads:
        os.environ["OMP_NUM_THREADS"] = str(arguments.threads)
    if arguments.arm:
        run_arm(*arguments.arm, arguments.texts)
        return
    results: dict[str, dict[str, list[dict[str, float]]]] = {}
    for name in arguments.only or CASES:
        for _ in range(arguments.repeats):
            for arm in ARMS:
                if arm != "alih" and arm not in CASES[name].bars:
                    continue
                command = [sys.executable, __file__, "--texts", str(arguments.texts), "--arm", name, arm]
                done = subprocess.run(command, capture_output=True, text=True, check=False)
                if done.returncode:
                    sys.exit(done.stderr)
                figures = json.loads(done.stdout.strip().splitlines()[-1])
                results.setdefault(name, {}).setdefault(arm, []).append(figures)
                print(f"{name:10} {arm:16} {figures}", file=sys.stderr, flush=True)
    report = {
        "machine": machine(),
        "precision": choose(),
        "command": " ".join(["python", *sys.argv]),
        "texts": arguments.texts,
        "results": results,
    }
    arguments.output.parent.mkdir(exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n")
    print(render(report))


def render(report: dict[str, Any]) -> str:
    """The table: Alih's time, and how many times as long each other side took."""
    lines = [f"{key}: {value}" for key, value in report["machine"].items()]
    lines += ["", "| case | against | Alih s | other s | ratio | bar | accuracy Alih / other | peak MB Alih / other |"]
    lines += ["|---|---|---|---|---|---|---|---|"]
    for name, arms in report["results"].items():
        ours = arms["alih"]
        for arm, bar in CASES[name].bars.items():
            theirs = arms[arm]
            median = lambda runs, key: float(np.median([run[key] for run in runs]))  # noqa: E731
            mine, other = median(ours, "seconds"), median(theirs, "seconds")
            memory = [median(side, "peak_memory_bytes") / 1e6 for side in (ours, theirs)]
            accuracy = [median(side, "accuracy") for side in (ours, theirs)]
            lines.append(
                f"| {name}, {CASES[name].epochs} epochs | {arm} | {mine:.1f} | {other:.1f} | {other / mine:.2f}× "
                f"| ≥ {bar}× "
                f"| {accuracy[0]:.3f} / {accuracy[1]:.3f} | {memory[0]:.0f} / {memory[1]:.0f} |"
            )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
