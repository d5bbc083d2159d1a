"""Multi30k, English → German, by the paper's recipe on a processor: BLEU on test_2016_flickr and the learning curve.

    python benchmarks/multi30k.py ../shared/data/multi30k --folder runs/multi30k --max-time 3600

The data (https://github.com/multi30k/dataset, task 1, raw text) is for measuring only. Training goes in slices: after
each, the mean of the last checkpoints is scored on the validation pairs, greedily; at the end the test pairs are
translated with four beams and the paper's length penalty. The same command again goes on where it stopped. Time is
the processor's, so a machine that is shared, or a process that is paused, does not count.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from alih.progress import Progress
from alih.tasks.translation.recipe import Trained, train_translator
from alih.tasks.translation.sizes import RECIPES
from alih.transformer.length_penalty import PaperLengthPenalty
from alih.transformer.token_batches import collate
from machine import machine

RECIPE = replace(RECIPES["small"], steps=100_000, longest=100)


def pairs(folder: Path, part: str) -> list[tuple[str, str]]:
    """English and German sentences of train, val or test_2016_flickr."""
    english, german = (
        gzip.decompress((folder / f"{part}.{language}.gz").read_bytes()).decode().splitlines()
        for language in ("en", "de")
    )
    return list(zip(english, german, strict=True))


@torch.inference_mode()
def translate(trained: Trained, sentences: list[str], batch: int = 50, **search: Any) -> list[str]:
    """Translate, sentences of like length together."""
    order = sorted(range(len(sentences)), key=lambda i: len(sentences[i]))
    said = [""] * len(sentences)
    for start in range(0, len(order), batch):
        rows = order[start : start + batch]
        encoded = trained.tokenizer([sentences[i] for i in rows], return_tensors="pt", padding=True)
        written = trained.model.generate(
            input_ids=encoded.input_ids, attention_mask=encoded.attention_mask, max_new_tokens=80, **search
        )
        told = trained.tokenizer.batch_decode(written, skip_special_tokens=True)
        for row, text in zip(rows, told, strict=True):
            said[row] = text.strip()
    return said


@torch.inference_mode()
def loss(trained: Trained, examples: list[tuple[str, str]], batch: int = 50) -> float:
    """Mean cross-entropy a target token in nats, without smoothing."""
    encoded = [
        (source, target)
        for source, target in zip(
            trained.tokenizer([source for source, _ in examples]).input_ids,
            trained.tokenizer([target for _, target in examples]).input_ids,
            strict=True,
        )
    ]
    encoded.sort(key=lambda pair: len(pair[1]))
    total, tokens = 0.0, 0
    for start in range(0, len(encoded), batch):
        group = encoded[start : start + batch]
        count = sum(len(target) for _, target in group)
        total += float(trained.model(**collate(group, 0)).loss) * count
        tokens += count
    return total / tokens


def bleu(said: list[str], examples: list[tuple[str, str]], **options: Any) -> float:
    """BLEU by sacrebleu (13a tokens, cased unless told otherwise)."""
    import sacrebleu

    return float(sacrebleu.corpus_bleu(said, [[target for _, target in examples]], **options).score)


def chrf(said: list[str], examples: list[tuple[str, str]]) -> float:
    """The chrF of sacrebleu."""
    import sacrebleu

    return float(sacrebleu.corpus_chrf(said, [[target for _, target in examples]]).score)


def main() -> None:
    """Train in slices, score each, score the test pairs at the end, and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("runs/multi30k"), help="model and state")
    parser.add_argument("--max-time", type=float, default=3600, help="processor seconds of training, in all")
    parser.add_argument("--slice", type=float, default=300, help="seconds of training between two scores")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "multi30k.json")
    arguments = parser.parse_args()
    training, validation, test = (pairs(arguments.data, part) for part in ("train", "val", "test_2016_flickr"))
    arguments.folder.mkdir(parents=True, exist_ok=True)
    kept = arguments.folder / "curve.json"
    curve: list[dict[str, float]] = json.loads(kept.read_text()) if kept.exists() else []
    limit = 0.0
    while True:
        trained = train_translator(
            training,
            arguments.folder,
            recipe=RECIPE,
            seed=arguments.seed,
            max_seconds=limit,
            progress=Progress(quiet=True),
        )
        if trained.steps > (curve[-1]["step"] if curve else 0):
            said = translate(trained, [source for source, _ in validation], do_sample=False)
            curve.append(
                {
                    "step": trained.steps,
                    "seconds": round(trained.seconds, 1),
                    "processor_seconds": round(trained.processor_seconds, 1),
                    "training_loss": trained.curve[-1][1],
                    "validation_loss": loss(trained, validation),
                    "validation_bleu": bleu(said, validation),
                }
            )
            beside = kept.with_suffix(".new")
            beside.write_text(json.dumps(curve, indent=2))
            os.replace(beside, kept)
            print(json.dumps(curve[-1]), file=sys.stderr, flush=True)
        if trained.processor_seconds >= arguments.max_time or trained.steps >= RECIPE.steps:
            break
        limit = trained.seconds + arguments.slice
    said = translate(
        trained,
        [source for source, _ in test],
        do_sample=False,
        num_beams=4,
        length_penalty=PaperLengthPenalty(0.6),
        early_stopping="never",
    )
    report = {
        "machine": machine(),
        "command": " ".join(["python", *sys.argv]),
        "recipe": asdict(RECIPE),
        "parameters": sum(weight.numel() for weight in trained.model.parameters()),
        "curve": curve,
        "test_2016_flickr": {
            "bleu": bleu(said, test),
            "bleu_lowercased": bleu(said, test, lowercase=True),
            "chrf": chrf(said, test),
        },
        "examples": [[*test[row], said[row]] for row in (0, 1, 2, 100, 200)],
    }
    arguments.output.parent.mkdir(exist_ok=True)
    arguments.output.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    print(render(report))


def render(report: dict[str, Any]) -> str:
    """Test scores and the learning curve."""
    lines = [f"{key}: {value}" for key, value in report["machine"].items()]
    lines += [f"command: {report['command']}", f"parameters: {report['parameters']:,}", ""]
    score = report["test_2016_flickr"]
    lines += ["| test_2016_flickr, 4 beams | BLEU | BLEU, lowercased | chrF |", "|---|---|---|---|"]
    lines += [f"| | {score['bleu']:.1f} | {score['bleu_lowercased']:.1f} | {score['chrf']:.1f} |", ""]
    lines += ["| processor minutes | steps | training loss | validation loss | validation BLEU, greedy |"]
    lines += ["|---|---|---|---|---|"]
    for point in report["curve"]:
        lines.append(
            f"| {point['processor_seconds'] / 60:.0f} | {point['step']:.0f} | {point['training_loss']:.2f} "
            f"| {point['validation_loss']:.2f} | {point['validation_bleu']:.1f} |"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    main()
