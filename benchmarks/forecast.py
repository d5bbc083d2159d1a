"""The forecast against what happened: time and peak memory of one run on all examples, over models and variants.

    python benchmarks/forecast.py [--examples 600] [--only alih/vgg-small]

Each model's variants are forecast from a few batches, then run, in a process of its own, without cached frozen
outputs.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from machine import machine

CASES = [
    ("alih/digits", "alih/resnet-small", {}),
    ("alih/digits", "alih/vgg-small", {}),
    ("alih/docstrings", "alih/minilm", {"max_length": 64}),
    ("alih/docstrings", "alih/minilm", {"max_length": 128, "batch_size": 16}),
]


def measured(data: str, model: str, examples: int, more: dict[str, Any]) -> list[dict[str, Any]]:
    """Forecast every variant, then run each once at a middling learning rate."""
    from alih.compare.compare import Job
    from alih.compare.effort import Efforts
    from alih.compare.options import Options
    from alih.compare.runfolder import RunFolder
    from alih.compare.runner import Runner
    from alih.data.read import read
    from alih.progress import Progress
    from alih.routes.registry import route
    from alih.task import CLASSIFICATION
    from alih.tasks.classification.task import Classification
    from alih.training.loop import FitSettings

    options = Options.from_mapping({"model": model, "max_examples": examples, "cache_limit": 0, **more})
    options = options.for_task(CLASSIFICATION, "compare")
    quiet = Progress(quiet=True)
    task = Classification(read(data, max_examples=examples))
    job = Job(task, options, ("transfer", "finetune", "lora", "scratch"), True, quiet)
    bench = job.bench()
    foreseen = job.forecast(bench)
    efforts = Efforts(bench.pretrained.anatomy, options, len(job.task.dataset.train))
    found = []
    with tempfile.TemporaryDirectory() as work:
        folder = RunFolder.create(work, "run")
        bench.freeze(job.boundaries)
        runner = Runner(bench, folder, bench.deciding)
        order = np.arange(efforts.examples, dtype=np.int64)
        for variant, told in zip(job.variants, foreseen, strict=True):
            rates = route(variant.route).learning_rates(efforts.anatomy)
            settings = FitSettings(rates[len(rates) // 2], efforts.epochs(variant, len(order)), options.batch_size)
            head = FitSettings(1e-2, efforts.head_epochs(len(order)), options.batch_size)
            costs = runner.run(variant, settings, head, order, purpose="full").trial.costs
            found.append(
                {
                    "model": model,
                    **more,
                    "variant": variant.label,
                    "seconds": costs.seconds,
                    "seconds_forecast": told.seconds,
                    "memory": costs.peak_memory_bytes,
                    "memory_forecast": told.peak_memory_bytes,
                }
            )
            print(_row(found[-1]), flush=True)
    return found


def _row(case: dict[str, Any]) -> str:
    time, memory = case["seconds_forecast"] / case["seconds"], case["memory_forecast"] / case["memory"]
    name = f"{case['model']} {case['max_length']}" if "max_length" in case else case["model"]
    return (
        f"| {name} | {case['variant']} | {case['seconds_forecast']:.1f} | {case['seconds']:.1f} | {time:.2f} | "
        f"{case['memory_forecast'] / 1e6:,.0f} | {case['memory'] / 1e6:,.0f} | {memory:.2f} |"
    )


def render(cases: list[dict[str, Any]]) -> str:
    """One row a case, and how many were within the bars."""
    head = "| model | variant | s forecast | s measured | ratio | MB forecast | MB measured | ratio |"
    time = [case["seconds_forecast"] / case["seconds"] for case in cases]
    memory = [case["memory_forecast"] / case["memory"] for case in cases]
    within = [sum(abs(ratio - 1) <= bar for ratio in ratios) for ratios, bar in ((time, 0.25), (memory, 0.15))]
    told = f"Within 25 % in time: {within[0]} of {len(cases)}; within 15 % in memory: {within[1]} of {len(cases)}."
    return "\n".join([head, "|---|---|---:|---:|---:|---:|---:|---:|", *map(_row, cases), "", told])


def main() -> None:
    """Run every case and write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=600)
    parser.add_argument("--only", choices=sorted({model for _, model, _ in CASES}))
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "forecast.json")
    arguments = parser.parse_args()
    cases = []
    for data, model, more in CASES:
        if arguments.only in (None, model):
            # What one model leaves in memory is not to count for the next.
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                cases += pool.apply(measured, (data, model, arguments.examples, more))
    report = {"machine": machine(), "command": " ".join(["python", *sys.argv]), "cases": cases}
    arguments.output.write_text(json.dumps(report, indent=1) + "\n")
    print("\n" + render(cases))


if __name__ == "__main__":
    main()
