"""LoRA against PEFT and Hugging Face Trainer at equal settings, on texts of varied length.

    python benchmarks/lora.py [--texts 2000] [--repeats 1]

Texts, arms and clocks are those of benchmarks/adapt.py: each arm runs in its own process, from tokenising to the last
score. Both sides put PEFT's own layers (rank 8, alpha 16, all linear layers of the blocks) on the same model, and train
them with the head for one epoch at one learning rate, in the compute type that Alih chooses (bf16 where the processor
has instructions for it).
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from adapt import BATCH, MAX_LENGTH, MODEL, dataset
from machine import machine, peak_memory_bytes

EPOCHS, LEARNING_RATE = 1, 1e-3
#: Times as fast as the other side, at least.
BAR = 1.8
ARMS = ("alih", "peft-trainer")


def run_alih(count: int) -> dict[str, float]:
    """Our side: the second phase of the route `lora`, without the head that it trains first."""
    from alih.progress import Progress
    from alih.routes.adapters import attach
    from alih.routes.base import AdapterForm, Variant
    from alih.tasks.base import ModelChoice
    from alih.tasks.bench import Bench
    from alih.tasks.classification import task as task_module
    from alih.training.loop import FitSettings
    from alih.training.precision import device

    data, loading, load = dataset(count), 0.0, task_module.load

    def timed_load(*args: Any, **kwargs: Any) -> Any:
        nonlocal loading
        began = time.perf_counter()
        try:
            return load(*args, **kwargs)
        finally:
            loading += time.perf_counter() - began

    import peft  # noqa: F401 - imports are left out on both sides

    task_module.load = timed_load
    start = time.perf_counter()
    choice = ModelChoice(MODEL)
    bench = Bench(task_module.Classification(data), choice, None, MAX_LENGTH, BATCH, progress=Progress(quiet=True))
    bench.release()
    pretrained = bench.fresh(0)
    blocks = len(pretrained.anatomy.blocks)
    attach(pretrained, Variant("lora", blocks, blocks, adapter=AdapterForm()), 0, device())
    stage = bench.stage(pretrained, blocks)
    stage.fit(np.arange(count), FitSettings(LEARNING_RATE, epochs=EPOCHS, batch_size=BATCH, seed=0))
    accuracy = float((stage.predict("validation")["logits"].argmax(1) == data.validation.labels).mean())
    return {"seconds": time.perf_counter() - start - loading, "accuracy": accuracy}


def run_trainer(count: int) -> dict[str, float]:
    """Their side: `get_peft_model`, trained by Trainer."""
    from peft import LoraConfig, get_peft_model
    from transformers import DataCollatorWithPadding, Trainer, TrainingArguments

    from alih.pretrained.open import load
    from alih.routes.adapters import adapted_layers
    from alih.routes.base import AdapterForm, Variant
    from alih.training.precision import choose

    data = dataset(count)
    pretrained = load(MODEL, data.task, seed=0)
    blocks = len(pretrained.anatomy.blocks)
    variant = Variant("lora", blocks, blocks, adapter=AdapterForm())
    names = adapted_layers(pretrained.model, pretrained.anatomy, variant)
    tokenizer = pretrained.processor
    start = time.perf_counter()
    config = LoraConfig(r=8, lora_alpha=16, target_modules=names, modules_to_save=["classifier"])
    model = get_peft_model(pretrained.model, config)

    def encode(examples: Any) -> list[dict[str, Any]]:
        encoded = tokenizer(list(examples.inputs), truncation=True, max_length=MAX_LENGTH)
        rows = [{key: encoded[key][i] for key in encoded} for i in range(len(examples))]
        return [{**row, "labels": int(label)} for row, label in zip(rows, examples.labels, strict=True)]

    train, validation = encode(data.train), encode(data.validation)
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=BATCH,
            per_device_eval_batch_size=4 * BATCH,
            learning_rate=LEARNING_RATE,
            weight_decay=0.01,
            warmup_steps=0.1,
            lr_scheduler_type="linear",
            eval_strategy="epoch",
            save_strategy="no",
            label_names=["labels"],
            report_to=[],
            disable_tqdm=True,
            use_cpu=True,
            bf16=choose() == "bf16",
            seed=0,
        )
        collator = DataCollatorWithPadding(tokenizer)
        trainer = Trainer(model, arguments, train_dataset=train, eval_dataset=validation, data_collator=collator)
        trainer.train()
        logits = trainer.predict(validation).predictions
    accuracy = float((logits.argmax(1) == data.validation.labels).mean())
    return {"seconds": time.perf_counter() - start, "accuracy": accuracy}


def main() -> None:
    """Run both arms, interleaved, and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--texts", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "lora.json")
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.arm:
        figures = run_alih(arguments.texts) if arguments.arm == "alih" else run_trainer(arguments.texts)
        print(json.dumps({**figures, "peak_memory_bytes": peak_memory_bytes()}))
        return
    results: dict[str, list[dict[str, float]]] = {arm: [] for arm in ARMS}
    for _ in range(arguments.repeats):
        for arm in ARMS:
            command = [sys.executable, __file__, "--texts", str(arguments.texts), "--arm", arm]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            results[arm].append(json.loads(done.stdout.strip().splitlines()[-1]))
            print(f"{arm:16} {results[arm][-1]}", file=sys.stderr, flush=True)
    from alih.training.precision import choose

    report = {
        "machine": machine(),
        "command": " ".join(["python", *sys.argv]),
        "precision": choose(),
        "texts": arguments.texts,
        "results": results,
    }
    arguments.output.parent.mkdir(exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2) + "\n")
    print(render(report))


def render(report: dict[str, Any]) -> str:
    """The table: seconds of both sides, their ratio, accuracy and peak memory; medians over the repeats."""

    def median(arm: str, key: str) -> float:
        return float(np.median([run[key] for run in report["results"][arm]]))

    ours, theirs = ([median(arm, key) for key in ("seconds", "accuracy", "peak_memory_bytes")] for arm in ARMS)
    lines = [f"{key}: {value}" for key, value in report["machine"].items()]
    lines.append(f"precision: {report['precision']}")
    lines += ["", "| case | Alih s | PEFT + Trainer s | ratio | bar | accuracy Alih / other | peak MB Alih / other |"]
    lines += ["|---|---|---|---|---|---|---|"]
    lines.append(
        f"| LoRA, {report['texts']:,} texts, {EPOCHS} epoch | {ours[0]:.1f} | {theirs[0]:.1f} "
        f"| {theirs[0] / ours[0]:.2f}× | ≥ {BAR}× | {ours[1]:.3f} / {theirs[1]:.3f} "
        f"| {ours[2] / 1e6:.0f} / {theirs[2] / 1e6:.0f} |"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
