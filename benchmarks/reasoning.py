"""What are reasoning before the answer, and a vote among several, worth? Held-out arithmetic for alih/lm-small.

    python benchmarks/reasoning.py [--each 100] [--samples 5] [--model alih/lm-small]

The same prompts are asked with thinking that is over before it begins (--reasoning off), as the model was taught, and
with so many answers drawn that vote (--samples). The score is the share of right final answers, with a 95 % bootstrap
interval; tokens are those written.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from machine import machine

KINDS = ("addition", "subtraction", "multiplication", "story")


def main() -> None:
    """Ask, score and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=100)
    parser.add_argument("--samples", type=int, default=5)
    parser.add_argument("--model", default="alih/lm-small")
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "reasoning.json")
    arguments = parser.parse_args()
    sys.path.append(str(Path(__file__).resolve().parents[1]))  # the recipes lie beside the package
    from alih.metrics.base import means
    from alih.metrics.bootstrap import interval
    from alih.metrics.text import FINAL_ANSWER, final_match
    from alih.tasks.generation.adapted import AdaptedWriter
    from alih.tasks.generation.conversation import USER, Turn
    from recipes.lm_small.instructions import held_out

    asked = [one for one in held_out(arguments.each) if one.kind in KINDS]
    writer = AdaptedWriter.open(arguments.model)
    plain = writer.asking
    ways = {
        "no reasoning": replace(plain, reasoning="off"),
        "reasoning": plain,
        f"reasoning, {arguments.samples} votes": replace(plain, samples=arguments.samples),
    }
    prompts = [[Turn(USER, one.prompt)] for one in asked]
    found = []
    for name, asking in ways.items():
        writer.asking = asking
        start = time.perf_counter()
        answers = writer.answer(prompts)
        seconds = time.perf_counter() - start
        right = np.array([final_match(text, one.answer) for text, one in zip(answers, asked, strict=True)])
        sure = interval(FINAL_ANSWER, means(right))
        found.append(
            {
                "way": name,
                "score": sure.point,
                "interval": [sure.low, sure.high],
                "by_kind": {kind: float(right[[one.kind == kind for one in asked]].mean()) for kind in KINDS},
                "tokens": float(np.mean([len(writer.pretrained.tokenizer(text)["input_ids"]) for text in answers]))
                * asking.samples,
                "seconds": seconds,
            }
        )
    print(f"| | right | 95 % interval | {' | '.join(KINDS)} | tokens an answer | time, ratio |")
    print(f"|---|---|---|{'---|' * len(KINDS)}---|---|")
    for one in found:
        kinds = " | ".join(f"{one['by_kind'][kind]:.2f}" for kind in KINDS)
        low, high = one["interval"]
        print(
            f"| {one['way']} | {one['score']:.3f} | {low:.3f}–{high:.3f} | {kinds} | {one['tokens']:.0f} | "
            f"{one['seconds'] / found[0]['seconds']:.1f} |"
        )
    told = {"machine": machine(), "model": arguments.model, "each": arguments.each, "ways": found}
    arguments.output.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
