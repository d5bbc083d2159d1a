"""Every route on public datasets: what each reaches, what each costs, what Alih recommends.

    python benchmarks/real.py [--only smsa] [--max-time 10m] [--routes all --plan full --max-examples 1000]
        [--max-validation 300] [--costs] [--output benchmarks/results/smsa.json]

Reads ../shared/data (or ALIH_SHARED_DATA). Each dataset is one `alih.compare`.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from machine import machine

if TYPE_CHECKING:
    from alih.data.examples import Dataset

SHARED = Path(os.environ.get("ALIH_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))

#: Cells of one kind kept at most: red cells outnumber the others eleven to one.
CELLS_A_CLASS = 360


def banking77(_work: Path) -> dict[str, Any]:
    """77 intents of bank customers, English; 20 examples an intent."""
    return {"data": SHARED / "banking77", "label": "category", "max_examples": 1540}


def smsa(_work: Path) -> dict[str, Any]:
    """Three sentiments, Indonesian: far from the English encoder; 1,500 examples."""
    return {"data": SHARED / "smsa", "max_examples": 1500}


def nusax_english(work: Path) -> dict[str, Any]:
    """Three sentiments, English: near the encoder, and small."""
    return {"data": _language(work, "english")}


def nusax_indonesian(work: Path) -> dict[str, Any]:
    """The same sentences in Indonesian."""
    return {"data": _language(work, "indonesian")}


def digits(_work: Path) -> dict[str, Any]:
    """Scanned handwritten digits: near the printed characters that the ResNet learnt."""
    return {"data": "alih/digits"}


def cells(work: Path) -> dict[str, Any]:
    """Blood cells cropped from photographs: far from printed characters. Cells of one photograph stay on one side."""
    return {"data": _cells(work), "group": "photo", "label": "label"}


def cells_resnet20(work: Path) -> dict[str, Any]:
    """The same cells, from a ResNet-20 that learnt CIFAR-10, read from its legacy pickle."""
    checkpoint = SHARED / "resnet_cifar10" / "resnet20-12fca82f.th"
    return {**cells(work), "model": str(checkpoint), "allow_pickle": True}


DATASETS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "digits": digits,
    "cells": cells,
    "cells-resnet20": cells_resnet20,
    "nusax-english": nusax_english,
    "nusax-indonesian": nusax_indonesian,
    "smsa": smsa,
    "banking77": banking77,
}


def _language(work: Path, language: str) -> Path:
    """The NusaX files of one language, in a folder of their own."""
    folder = work / language
    folder.mkdir()
    for split in ("train", "valid", "test"):
        (folder / f"{split}.csv").write_bytes((SHARED / "nusax" / f"{language}-{split}.csv").read_bytes())
    return folder


def _cells(work: Path) -> Path:
    """Crop every box of bccd (a seeded choice of at most `CELLS_A_CLASS` a class) and list the crops in a CSV."""
    boxes: dict[str, list[tuple[str, tuple[int, ...]]]] = {}
    for annotation in sorted((SHARED / "bccd" / "Annotations").glob("*.xml")):
        for thing in ElementTree.parse(annotation).iter("object"):
            corners = tuple(int(thing.findtext(f"bndbox/{side}", "0")) for side in ("xmin", "ymin", "xmax", "ymax"))
            if corners[2] - corners[0] >= 8 and corners[3] - corners[1] >= 8:
                boxes.setdefault(thing.findtext("name", ""), []).append((annotation.stem, corners))
    folder = work / "cells"
    folder.mkdir()
    generator = np.random.default_rng(0)
    with (folder / "cells.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "label", "photo"])
        for name, found in sorted(boxes.items()):
            for number in sorted(generator.permutation(len(found))[:CELLS_A_CLASS]):
                photo, corners = found[number]
                picture = next((SHARED / "bccd").rglob(f"{photo}.jp*g"))
                crop = f"{name}-{number}.png"
                with Image.open(picture) as image:
                    image.convert("RGB").crop(corners).resize((32, 32), Image.Resampling.BILINEAR).save(folder / crop)
                writer.writerow([crop, name, photo])
    return folder / "cells.csv"


def main() -> None:
    """Run the comparisons and write their reports."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=DATASETS, action="append")
    parser.add_argument("--max-time", default="3m", help="of each comparison (default: 3m)")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--routes", help="comma-separated, or all (default: those of `alih compare`)")
    parser.add_argument("--plan", choices=("adaptive", "full"), default="adaptive")
    parser.add_argument("--max-examples", type=int, help="training examples at most (default: the dataset's)")
    parser.add_argument("--blocks", help="top blocks that train or get adapters (default: those of `alih compare`)")
    parser.add_argument("--learning-rate", help="given instead of searched, by route: finetune=1e-4,lora=1e-3")
    parser.add_argument("--max-validation", type=int, help="validation examples at most (default: the whole split)")
    parser.add_argument("--costs", action="store_true", help="print memory, bytes, tokens and merging, too")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "real.json")
    arguments = parser.parse_args()
    import alih
    from alih.routes.registry import ROUTES
    from alih.training.precision import choose

    asked: dict[str, Any] = {"max_time": arguments.max_time, "seeds": arguments.seeds, "plan": arguments.plan}
    if arguments.routes:
        asked["routes"] = ",".join(ROUTES) if arguments.routes == "all" else arguments.routes
    asked |= {key: getattr(arguments, key) for key in ("blocks", "learning_rate") if getattr(arguments, key)}
    results = json.loads(arguments.output.read_text())["results"] if arguments.output.exists() else {}
    for name in arguments.only or DATASETS:
        with tempfile.TemporaryDirectory() as work:
            options = DATASETS[name](Path(work))
            if arguments.max_examples:
                options["max_examples"] = arguments.max_examples
            reading = {key: options.pop(key) for key in ("data", "label", "group", "max_examples") if key in options}
            dataset = judged_on(alih.read(**reading), arguments.max_validation)
            comparison = alih.compare(dataset, name=name, runs=f"{work}/runs", **asked, **options)
            print(f"\n## {name}: {(DATASETS[name].__doc__ or '').strip()}\n\n{comparison}", flush=True)
            results[name] = comparison.report
        arguments.output.parent.mkdir(exist_ok=True)
        command = " ".join(["python", *sys.argv])
        report = {"machine": machine(), "precision": choose(), "command": command, "results": results}
        arguments.output.write_text(json.dumps(report, indent=1) + "\n")
    print("\n" + summary(results))
    if arguments.costs:
        print("\n" + costs(results))


def judged_on(dataset: Dataset, most: int | None) -> Dataset:
    """The dataset with at most so many validation examples: a seeded choice, with every class in proportion."""
    from alih.data.split import subsample

    if most is None:
        return dataset
    chosen = subsample(dataset.validation.known_labels, most, seed=0)
    return replace(dataset, validation=dataset.validation.select(chosen))


def summary(results: dict[str, Any]) -> str:
    """One row a dataset and variant: score with interval, on a shifted copy, time; the chosen one marked."""
    lines = ["| dataset | variant | trains | validation | interval | shifted | gap | search + training s | test |"]
    lines += ["|---|---|---:|---:|---|---:|---:|---:|---|"]
    for name, report in results.items():
        for record in report["table"]:
            chosen = record["label"] == report["decision"]["chosen"]
            score, test = record["score"], report["handed_over"]["test"]
            tested = f"{test['metrics'][test['primary']]:.3f} (n={test['examples']:,})" if chosen else ""
            lines.append(
                f"| {name} | {'**' + record['label'] + '**' if chosen else record['label']} | "
                f"{record['scope']['trainable']:,} | {score['point']:.3f} | {score['low']:.3f}–{score['high']:.3f} | "
                f"{record['shifted']:.3f} | {record['overfitting']['gap']:+.3f} | "
                f"{record['search_seconds']:.0f} + {record['seconds']:.0f} | {tested} |"
            )
    return "\n".join(lines)


def costs(results: dict[str, Any]) -> str:
    """One row a dataset and variant: memory, bytes, what a prediction takes, and what merging adapters changed."""
    heads = ["dataset", "variant", "seeds", "peak memory, MB", "bytes that changed, MB", "merged model on disk, MB"]
    heads += ["one prediction, ms", "tokens it reads", "before → after the merge", "a logit changed by, at most"]
    lines = [f"| {' | '.join(heads)} |", "|---|---|" + "---:|" * (len(heads) - 2)]
    for name, report in results.items():
        metric = report["decision"]["metric"]
        for record in report["table"]:
            merged = record["merged"]
            cells = [
                f"{len(record['seeds'])}",
                f"{record['peak_memory_bytes'] / 1e6:,.0f}",
                f"{record['disk_bytes'] / 1e6:.2f}",
                f"{merged['model_bytes'] / 1e6:.1f}" if merged else "–",
                f"{record['latency_ms']:.1f}" if record["latency_ms"] else "–",
                f"{record['tokens']:.0f}" if record["tokens"] else "–",
                f"{merged['before'][metric]:.3f} → {merged['metrics'][metric]:.3f}" if merged else "–",
                f"{merged['largest_difference']:.1e}" if merged else "–",
            ]
            lines.append(f"| {name} | {record['label']} | {' | '.join(cells)} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
