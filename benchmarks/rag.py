"""What a library finds, answers and costs: Cranfield, IDK-MRC, ingest, the latency of an answer, re-indexing.

    python benchmarks/rag.py [--only cranfield] [--work FOLDER] [--llamaindex PYTHON]

Reads ../shared/data (or ALIH_SHARED_DATA). `--llamaindex` names a Python that has llama-index-core and
llama-index-embeddings-huggingface, for the same ingest there; without it that row is left out. Both sides embed with
alih/minilm, in chunks of at most 180 of its tokens, batches of 32, one after the other, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from machine import machine
from rag_cost import ARMS, ingest, latency, reindex
from rag_quality import cranfield, defaults, fusion, idk_mrc, precision

RESULTS = Path(__file__).parent / "results" / "rag.json"

PARTS: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
    "precision": precision,
    "cranfield": cranfield,
    "idk_mrc": idk_mrc,
    "fusion": fusion,
    "defaults": defaults,
    "ingest": ingest,
    "latency": latency,
    "reindex": reindex,
}


def render(report: dict[str, Any]) -> str:
    """The tables."""
    lines = []
    for name, part in report["parts"].items():
        if "machine" in part:
            lines.append(f"{name}: " + ", ".join(f"{key} {value}" for key, value in part["machine"].items()))
    for name, columns in (("cranfield", ("ndcg@10", "recall@100")), ("idk_mrc", ("ndcg@10", "mrr", "f1", "holds"))):
        part = report["parts"].get(name)
        if part:
            lines += ["", f"| {name} | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
            for one in part["configurations"]:
                told = [one["measures"][column] for column in columns]
                cells = " | ".join(f"{each['mean']:.3f} ({each['low']:.3f}–{each['high']:.3f})" for each in told)
                lines.append(f"| {one['name']} | {cells} |")
    if "precision" in report["parts"]:
        one = report["parts"]["precision"]
        lines.append(f"\nembeddings in {one['embeddings']}, at most {one['off_fp64']:.1e} from fp64")
    if "cranfield" in report["parts"]:
        lines.append("\n" + json.dumps(report["parts"]["cranfield"]["references"]))
    if "idk_mrc" in report["parts"]:
        for name, one in report["parts"]["idk_mrc"]["abstention"].items():
            lines.append(f"{name}: AUROC {one['auroc']:.3f}; {json.dumps(one['at_threshold'])}")
    for name, ratios in (
        (
            "ingest",
            {
                "library_over_embedding": "≥ 0.9",
                "library_over_embedding_by_processor_time": "≥ 0.9",
                "library_over_llamaindex": "≥ 1.5",
                "library_over_llamaindex_by_processor_time": "≥ 1.5",
            },
        ),
        ("latency", {"ask_over_embedding": "≤ 2"}),
        ("reindex", {"again_over_first": "≤ 0.02"}),
    ):
        for ratio, bar in ratios.items():
            value = report["parts"].get(name, {}).get(ratio)
            if value is not None:
                lines.append(f"{name}: {ratio} {value:.3f} (bar {bar})")
    return "\n".join(lines)


def main() -> None:
    """Run the parts, writing the results after each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=PARTS, action="append")
    parser.add_argument("--work", type=Path, help="folder for the libraries; kept, so that a second run is quick")
    parser.add_argument("--llamaindex", metavar="PYTHON", help="interpreter that has LlamaIndex")
    parser.add_argument("--reranked", type=int, default=200, help="questions of IDK-MRC to rerank for (default: 200)")
    parser.add_argument("--documents", type=int, default=1400, help="to ingest (default: 1400)")
    parser.add_argument("--repeats", type=int, default=1, help="of the ingest (default: 1)")
    parser.add_argument("--prepare", action="store_true", help="only make the large library of --only latency")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--arm", choices=ARMS, help=argparse.SUPPRESS)
    parser.add_argument("--texts", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.arm:
        print(json.dumps(ARMS[arguments.arm](arguments.texts, arguments.work)))
        return
    report = json.loads(arguments.output.read_text()) if arguments.output.exists() else {"parts": {}}
    with tempfile.TemporaryDirectory() as temporary:
        work = arguments.work or Path(temporary)
        for name in arguments.only or PARTS:
            found = PARTS[name](work, arguments)
            if arguments.prepare:
                print(found)
                continue
            words = [one for one in sys.argv if one.startswith("--only") or one in PARTS]
            found["command"] = " ".join(["python", "benchmarks/rag.py", *words])
            found["machine"] = machine()
            report = {"parts": {**report["parts"], name: found}}
            arguments.output.parent.mkdir(exist_ok=True)
            arguments.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n")
    if not arguments.prepare:
        print(render(report))


if __name__ == "__main__":
    main()
