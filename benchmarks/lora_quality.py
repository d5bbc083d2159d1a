"""LoRA, QLoRA and QA-LoRA at 4, 3 and 2 bits on banking77 and SmSA, before and after merging, over seeds.

    python benchmarks/lora_quality.py [--seeds 3] [--only smsa] [--minutes 40]

Beside them stands what the paper of QA-LoRA (arXiv 2309.14717, section 4) compares with: LoRA merged into its float
weights, and these quantised afterwards, by nearest and by calibrated rounding. Adapters of rank 8 sit in the top 2 of
the 6 blocks of alih/minilm, groups hold 32 inputs, and the head is trained first on the same frozen features for all.
Rates are not searched. Training texts, the texts that choose the epoch, and the texts that are scored are three sets.
Needs ../shared/data (or ALIH_SHARED_DATA).
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from machine import machine

SHARED = Path(os.environ.get("ALIH_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
MODEL, BLOCKS, MAX_LENGTH, BATCH, GROUP = "alih/minilm", 2, 32, 32, 32
EPOCHS, RATE, HEAD_EPOCHS, HEAD_RATE = 4, 2e-3, 20, 1e-2
BITS, ROUNDINGS = (4, 3, 2), ("nearest", "calibrated")
#: Texts that train, choose the epoch, and are scored.
SIZES = {"banking77": (770, 154, 1540), "smsa": (770, 154, 500)}


def read(name: str) -> list[tuple[list[str], list[str]]]:
    """Texts and labels of the set to draw training texts from, and of the set that is scored."""
    found = []
    for part in ("train", "test"):
        table, delimiter = ("csv", ",") if name == "banking77" else ("tsv", "\t")
        with (SHARED / name / f"{part}.{table}").open(encoding="utf-8", newline="") as file:
            quoting = csv.QUOTE_MINIMAL if name == "banking77" else csv.QUOTE_NONE
            rows = list(csv.reader(file, delimiter=delimiter, quoting=quoting))[int(name == "banking77") :]
        found.append(([row[0] for row in rows], [row[1] for row in rows]))
    return found


def dataset(name: str) -> Any:
    """The same texts for every route and seed: an equal number of each class as far as there are enough of it."""
    from alih.data.examples import Dataset, Examples
    from alih.task import Kind, Modality, Task

    classes = sorted(set(read(name)[0][1]))
    generator = np.random.default_rng(0)
    train, chooses, scored = SIZES[name]

    def pick(texts: list[str], labels: list[str], count: int) -> Any:
        turns: dict[str, int] = {}
        order = []
        for at in generator.permutation(len(texts)):
            turns[labels[at]] = turns.get(labels[at], 0) + 1
            order.append((turns[labels[at]], len(order), int(at)))
        chosen = [at for _, _, at in sorted(order)[:count]]
        values = np.asarray([classes.index(labels[at]) for at in chosen], dtype=np.int64)
        return Examples([texts[at] for at in chosen], values, [f"{name} {at}" for at in chosen])

    pool, test = read(name)
    both = pick(*pool, train + chooses)
    order = generator.permutation(train + chooses)
    task = Task(Modality.TEXT, Kind.SINGLE, tuple(classes))
    return Dataset(name, name, task, both.select(order[:train]), both.select(order[train:]), pick(*test, scored))


def run(bench: Any, seed: int) -> list[dict[str, Any]]:
    """All routes with one seed: one row for each model that is scored."""
    from dataclasses import replace

    from alih.compare import adapting
    from alih.quantize.model import quantize_model
    from alih.routes.adapters import adapted_layers, lora_layers, merge
    from alih.routes.base import AdapterForm, Variant
    from alih.training.loop import FitSettings

    rows = np.arange(len(bench.dataset.train), dtype=np.int64)
    head = FitSettings(HEAD_RATE, epochs=HEAD_EPOCHS, batch_size=BATCH, seed=seed)
    settings = FitSettings(RATE, epochs=EPOCHS, batch_size=BATCH, seed=seed)
    truth = bench.parts["scored"].examples.known_labels
    found: list[dict[str, Any]] = []

    def adapt(name: str, form: Any) -> Any:
        total = len(bench.pretrained.anatomy.blocks)
        variant = Variant(name, BLOCKS, total, adapter=form)
        start = time.process_time()
        adapted = adapting.adapt(bench, variant, settings, rows, head_settings=head)
        return adapted, time.process_time() - start

    def accuracy(adapted: Any) -> tuple[float, Any]:
        logits = adapted.stage.predict("scored")["logits"]
        return float((logits.argmax(1) == truth).mean()), logits

    def row(adapted: Any, told: dict[str, Any], seconds: float) -> Any:
        before, logits = accuracy(adapted)
        merge(adapted.pretrained.model)
        after, merged = accuracy(adapted)
        difference = float(np.abs(merged - logits).max())
        found.append({**told, "seed": seed, "before": before, "after": after, "logits": difference, "cpu": seconds})
        print(json.dumps(found[-1]), file=sys.stderr, flush=True)

    form = AdapterForm(group_size=GROUP)
    adapted, seconds = adapt("lora", form)
    top = Variant("lora", BLOCKS, len(adapted.pretrained.anatomy.blocks), adapter=form)
    names = adapted_layers(bench.fresh(seed).model, adapted.pretrained.anatomy, top)
    row(adapted, {"route": "lora", "bits": 32}, seconds)
    floats = {name: adapted.pretrained.model.get_submodule(name) for name in names}
    for bits in BITS:
        for rounding in ROUNDINGS:
            for name, layer in floats.items():
                parent, _, child = name.rpartition(".")
                setattr(adapted.pretrained.model.get_submodule(parent), child, layer)
            batches = adapting.calibration_batches(bench, adapted.pretrained, rows)
            quantize_model(
                adapted.pretrained.model,
                bits=bits,
                group_size=GROUP,
                method=rounding,
                targets=names,
                calibration_batches=batches,
            )
            told = {"route": f"merged LoRA, then {rounding}", "bits": bits, "seed": seed, "before": found[0]["after"]}
            found.append({**told, "after": accuracy(adapted)[0]})
            print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    adapted, seconds = adapt("qlora", form)
    kept = dict(lora_layers(adapted.pretrained.model))
    row(adapted, {"route": "qlora, merged into 32 bits", "bits": 4}, seconds)
    for name, layer in kept.items():
        parent, _, child = name.rpartition(".")
        setattr(adapted.pretrained.model.get_submodule(parent), child, layer)
    merge(adapted.pretrained.model, into_nf4=True)
    told = {"route": "qlora, merged back into NF4", "bits": 4, "seed": seed, "before": found[-1]["before"]}
    found.append({**told, "after": accuracy(adapted)[0]})
    print(json.dumps(found[-1]), file=sys.stderr, flush=True)
    for bits in BITS:
        for rounding in ROUNDINGS:
            adapted, seconds = adapt("qalora", replace(form, bits=bits, rounding=rounding))
            row(adapted, {"route": f"qalora, {rounding}", "bits": bits}, seconds)
    return found


def main() -> None:
    """Run the seeds one after the other, and write what there is after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", choices=tuple(SIZES))
    parser.add_argument("--minutes", type=float, default=40.0, help="start no further seed after so long")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "lora_quality.json")
    arguments = parser.parse_args()
    from alih.progress import Progress
    from alih.tasks.base import ModelChoice
    from alih.tasks.bench import Bench
    from alih.tasks.classification.task import Classification
    from alih.training.boundary import FEATURES

    began, benches = time.monotonic(), {}
    settings = {"model": MODEL, "top_blocks": BLOCKS, "max_length": MAX_LENGTH, "batch": BATCH, "group_size": GROUP}
    settings |= {"epochs": EPOCHS, "learning_rate": RATE, "rank": 8, "sizes": SIZES}
    report: dict[str, Any] = {"machine": machine(), "settings": settings, "results": {}}
    for seed in range(arguments.seeds):
        for name in [arguments.only] if arguments.only else SIZES:
            if time.monotonic() - began > 60 * arguments.minutes:
                break
            if name not in benches:
                data = dataset(name)
                task = Classification(data)
                bench = Bench(task, ModelChoice(MODEL), None, MAX_LENGTH, BATCH, progress=Progress(quiet=True))
                bench.parts["scored"] = bench._part(data.test)
                bench.parts = {part: bench.parts[part] for part in ("train", "validation", "scored")}
                bench.freeze([FEATURES, len(bench.pretrained.anatomy.blocks) - BLOCKS])
                benches[name] = bench
            report["results"].setdefault(name, []).extend(run(benches[name], seed))
            arguments.output.parent.mkdir(exist_ok=True)
            arguments.output.write_text(json.dumps(report, indent=2) + "\n")
    print(render(report))


def render(report: dict[str, Any]) -> str:
    """The table: accuracy before and after merging, means over the seeds."""
    lines = [
        "| data | route | bits | seeds | before | after merging | largest change of a logit |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, results in report["results"].items():
        for route, bits in dict.fromkeys((found["route"], found["bits"]) for found in results):
            some = [found for found in results if (found["route"], found["bits"]) == (route, bits)]
            before, after = (np.mean([found[key] for found in some]) for key in ("before", "after"))
            change = max((found["logits"] for found in some if "logits" in found), default=None)
            told = "–" if change is None else f"{change:.1e}"
            lines.append(f"| {name} | {route} | {bits} | {len(some)} | {before:.3f} | {after:.3f} | {told} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
