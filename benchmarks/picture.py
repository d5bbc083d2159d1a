"""Draw a comparison: learning curves, and score against the time to adapt.

python benchmarks/picture.py runs/last docs/demo-digits.png
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import matplotlib

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def main(run: str, output: str) -> None:
    """Read `report.json` of a run folder and write a PNG."""
    report = json.loads((Path(run) / "report.json").read_text(encoding="utf-8"))
    metric, chosen = report["decision"]["metric"], report["decision"]["chosen"]
    figure, (curves, costs) = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for record in report["table"]:
        label = record["label"] + (" (recommended)" if record["label"] == chosen else "")
        sizes = [point["examples"] for point in record["curve"]]
        curves.plot(sizes, [point["score"] for point in record["curve"]], marker="o", label=label)
        score = record["score"]
        around = [[score["point"] - score["low"]], [score["high"] - score["point"]]]
        seconds = record["seconds"] + record["search_seconds"]
        costs.errorbar([seconds], [score["point"]], yerr=around, fmt="o", capsize=4, label=label)
    curves.set(xscale="log", xlabel="training examples", ylabel=metric, title="Data requirement")
    sizes = sorted({point["examples"] for record in report["table"] for point in record["curve"]})
    curves.set_xticks(sizes, [f"{size:,}" for size in sizes])
    curves.minorticks_off()
    curves.legend(frameon=False, fontsize=8)
    costs.set(xscale="log", xlabel="seconds to adapt, search included", title="Score (95 % interval) against cost")
    times = [record["seconds"] + record["search_seconds"] for record in report["table"]]
    ticks = [
        tick for tick in (0.3, 1, 3, 10, 30, 100, 300, 1000, 3000, 10000) if min(times) / 3 < tick < max(times) * 3
    ]
    costs.set_xticks(ticks, [f"{tick:,g}" for tick in ticks])
    costs.minorticks_off()
    for axes in (curves, costs):
        axes.grid(alpha=0.3)
        axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(output, dpi=120)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
