"""Predicted against measured peak memory: models × routes, each trained in a fresh process.

    python benchmarks/memory.py [--out benchmarks/results/memory.json]

Measured is VmHWM of a process that adapts one variant through the same bench and training loop as `alih compare`, less
what the process held before it opened the model (libraries imported and warmed up on a tiny model). Predicted is
`alih.routes.needs`, from the model's configuration alone. The bar is 15 %.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from machine import machine, peak_memory_bytes

# A script's folder comes first on the path, and one of its neighbours is called peft.
sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).resolve().parent]

#: (model, route, blocks or None, batch size, tokens)
CASES: list[tuple[str, str, int | None, int, int]] = [
    ("alih/minilm", "transfer", None, 32, 128),
    ("alih/minilm", "finetune", 2, 32, 128),
    ("alih/minilm", "finetune", -1, 32, 128),
    ("alih/minilm", "finetune", -1, 16, 64),
    ("alih/minilm", "lora", None, 32, 128),
    ("alih/minilm", "qlora", None, 16, 128),
    ("alih/minilm", "qalora", None, 16, 128),
    ("alih/minilm", "scratch", None, 32, 64),
    ("bert-512", "finetune", -1, 16, 128),
    ("bert-512", "lora", None, 16, 128),
    ("llama-512", "finetune", 2, 16, 128),
    ("llama-512", "finetune", -1, 16, 128),
    ("llama-512", "lora", None, 16, 128),
    ("gpt2-384", "finetune", -1, 16, 128),
    ("distilbert-768", "transfer", None, 16, 128),
    ("distilbert-768", "finetune", -1, 8, 128),
]
PARTS = ("weights", "gradients", "optimiser", "kept", "activations", "step", "slack", "frozen_pass")


def make(name: str, folder: Path) -> str:
    """Write a random model of that name beside MiniLM's tokenizer; built-in ones stay what they are."""
    if name.startswith("alih/"):
        return name
    import torch
    from transformers import (
        AutoTokenizer,
        BertConfig,
        BertModel,
        DistilBertConfig,
        DistilBertModel,
        GPT2Config,
        GPT2Model,
        LlamaConfig,
        LlamaModel,
    )

    from alih.pretrained.resolve import resolve

    path = folder / name
    if path.is_dir():
        return str(path)
    torch.manual_seed(0)
    family, width = name.split("-")
    d, vocabulary = int(width), 30522
    model: Any = {
        "bert": lambda: BertModel(
            BertConfig(vocab_size=vocabulary, hidden_size=d, num_hidden_layers=4, num_attention_heads=8)
        ),
        "llama": lambda: LlamaModel(
            LlamaConfig(
                vocab_size=vocabulary,
                hidden_size=d,
                intermediate_size=1408,
                num_hidden_layers=6,
                num_attention_heads=8,
                max_position_embeddings=512,
            )
        ),
        "gpt2": lambda: GPT2Model(GPT2Config(vocab_size=vocabulary, n_embd=d, n_layer=6, n_head=6, n_positions=512)),
        "distilbert": lambda: DistilBertModel(DistilBertConfig(vocab_size=vocabulary, n_layers=3)),
    }[family]()
    model.save_pretrained(path)
    AutoTokenizer.from_pretrained(resolve("alih/minilm").path).save_pretrained(path)
    return str(path)


def dataset(count: int, tokens: int) -> Any:
    """Texts of exactly so many tokens (two of them around the text), two classes."""
    import numpy as np

    from alih.data.examples import Dataset, Examples
    from alih.task import Kind, Modality, Task

    def split(size: int) -> Examples:
        texts = [" ".join(["good" if row % 2 else "bad"] * (tokens - 2)) for row in range(size)]
        return Examples(texts, np.arange(size) % 2, [f"row {row}" for row in range(size)])

    task = Task(Modality.TEXT, Kind.SINGLE, ("bad", "good"))
    return Dataset("made up", "", task, split(count), split(count), split(4))


def adapt(model: str, route_name: str, blocks: int | None, batch: int, tokens: int, epochs: int) -> None:
    """Run one variant as a comparison does."""
    import numpy as np

    from alih.compare import adapting
    from alih.progress import Progress
    from alih.routes.registry import route
    from alih.tasks.base import ModelChoice
    from alih.tasks.bench import Bench
    from alih.tasks.classification.task import Classification
    from alih.training.boundary import FEATURES, Boundary
    from alih.training.loop import FitSettings

    task = Classification(dataset(3 * batch, tokens))
    bench = Bench(task, ModelChoice(model), None, tokens, batch, progress=Progress(quiet=True))
    (variant, *_) = route(route_name).variants(bench.pretrained.anatomy, None if blocks is None else [blocks])
    below = variant.total_blocks - variant.trainable_blocks
    boundaries: list[Boundary] = [] if variant.random_weights else [FEATURES]
    if boundaries and variant.trainable_blocks and not variant.is_everything:
        boundaries.append(below)
    bench.freeze(boundaries)
    settings = FitSettings(1e-5, epochs=epochs, batch_size=batch)
    rows = np.arange(3 * batch, dtype=np.int64)
    adapting.adapt(bench, variant, settings, rows, head_settings=settings)


def measure(case: tuple[str, str, int | None, int, int], folder: Path) -> dict[str, Any]:
    """Predict, then run, in this process."""
    import torch
    from alih.routes.needs import needs

    from alih.pretrained.open import load
    from alih.routes.registry import route
    from alih.task import Kind, Modality, Task

    torch.set_num_threads(1)
    name, route_name, blocks, batch, tokens = case
    model = make(name, folder)
    adapt(make("bert-64", folder), route_name, None, 2, 16, 1)  # libraries are loaded and warm
    task = Task(Modality.TEXT, Kind.SINGLE, ("bad", "good"))
    loaded = load(model, task)
    (variant, *_) = route(route_name).variants(loaded.anatomy, None if blocks is None else [blocks])
    (found,) = needs(loaded, [variant], batch_size=batch, length=tokens)
    del loaded
    from alih.training.memory import release_free_memory

    release_free_memory()
    Path("/proc/self/clear_refs").write_text("5")
    before = peak_memory_bytes()
    adapt(model, route_name, blocks, batch, tokens, 2)
    measured = peak_memory_bytes() - before
    return {
        "model": name,
        "route": variant.label,
        "batch_size": batch,
        "tokens": tokens,
        "predicted_mb": round(found.peak / 1e6, 1),
        "measured_mb": round(measured / 1e6, 1),
        "parts_mb": {name: round(getattr(found, name) / 1e6, 1) for name in PARTS},
        "error": round(found.peak / measured - 1, 4),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--case", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--models", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.case is not None:
        print(json.dumps(measure(CASES[arguments.case], arguments.models)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as models:
        for number in range(len(CASES)):
            command = [sys.executable, __file__, "--case", str(number), "--models", models]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                sys.exit(done.stderr)
            row = json.loads(done.stdout.splitlines()[-1])
            rows.append(row)
            print(
                f"{row['model']:<16} {row['route']:<19} {row['batch_size']:>3} × {row['tokens']:<4} predicted"
                f" {row['predicted_mb']:>7.1f} MB, measured {row['measured_mb']:>7.1f} MB {100 * row['error']:+6.1f} %",
                flush=True,
            )
    worst = max(abs(row["error"]) for row in rows)
    within = sum(abs(row["error"]) <= 0.15 for row in rows)
    print(f"{within} of {len(rows)} within 15 %, the worst {100 * worst:.1f} % off")
    if arguments.out:
        arguments.out.write_text(json.dumps({"machine": machine(), "cases": rows}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
