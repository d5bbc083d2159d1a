"""What do the ways to adapt a language model that writes reach on instruction data, and what do they forget?

    python benchmarks/instructions.py [--examples 2000] [--seeds 3] [--model alih/lm-small]

Indonesian reviews (SmSA) as instructions, "Is this review positive, neutral or negative?", answered in one word: every
route of `alih compare --task generation`, from the same model, on the same examples. Reads ../shared/data (or
ALIH_SHARED_DATA).
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
import tempfile
from pathlib import Path

from machine import machine
from real import SHARED

ROUTES = "zero-shot,few-shot,finetune,lora,qlora,qalora,scratch"


def instructions(path: Path, examples: int) -> Path:
    """Reviews as Alpaca rows; training reviews alone, of which Alih splits off validation and test."""
    with (SHARED / "smsa" / "train.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[:examples]
    question = "Is this review positive, neutral or negative?"
    lines = [json.dumps({"instruction": question, "input": text, "output": label}) for text, label in rows]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def main() -> None:
    """Run the comparison and write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=2000)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--model", default="alih/lm-small")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "instructions.json")
    arguments = parser.parse_args()
    import alih
    from alih.compare.table import render

    with tempfile.TemporaryDirectory() as work:
        result = alih.compare(
            instructions(Path(work) / "reviews.jsonl", arguments.examples),
            arguments.model,
            task="generation",
            routes=ROUTES,
            seeds=arguments.seeds,
            metric="exact_match",
            max_new_tokens=8,
            validation=0.2,
            test=0.2,
            runs=work,
        )
        print(render(result.records, result.decision, markdown=True))
        print("\n".join(["", *result.decision.words, *result.notes]))
        print(f"test: {result.handed_over.test}")
        report = {"machine": machine(), "command": " ".join(["python", *sys.argv]), **result.report}
        arguments.output.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
