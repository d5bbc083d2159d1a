"""Makes alih/translator: trains it on sentences of the grammar, writes it in 16 bits, and scores what was written."""

from __future__ import annotations

import platform
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from sacrebleu.metrics import BLEU, CHRF
from transformers import AutoModelForSeq2SeqLM

from alih.errors import OptionError
from alih.progress import Progress
from alih.tasks.translation.recipe import STATE, Recipe, train_translator
from recipes.translator.card import write_card
from recipes.translator.phrases import Both
from recipes.translator.sentences import INTO_ENGLISH, INTO_INDONESIAN, MARKERS, both_ways, pairs

#: 2.7 million parameters: 5.4 MB in 16 bits.
RECIPE = Recipe(
    vocabulary=3000,
    d_model=176,
    layers=3,
    heads=4,
    d_ff=512,
    dropout=0.05,
    norm_first=True,
    steps=6000,
    warmup=600,
    most_tokens=2000,
    longest=100,
    checkpoint_every=200,
)
#: Pairs of sentences that are trained on, each in both directions.
PAIRS = 300_000
#: Held-out pairs that are scored.
HELD_OUT = 500
#: Sentences that are translated at once.
_BATCH = 50


def pretrain_translator(
    output: Path | str,
    *,
    seed: int = 0,
    recipe: Recipe = RECIPE,
    count: int = PAIRS,
    steps: int | None = None,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train the translator from nothing and write it with its tokenizer and model card.

    Interrupted, it keeps its state in the folder; the same call goes on from there.

    Args:
        output: folder to write.
        seed: of the sentences, the weights and the order of batches.
        recipe: sizes and lengths.
        count: pairs of sentences to draw.
        steps: updates, in place of the recipe's.
        progress: where to report.

    Returns:
        Settings, parameters, seconds, and BLEU and chrF on held-out sentences in both directions.

    Raises:
        OptionError: numbers below 1.
        RunError: the folder holds the state of another recipe or seed.
    """
    progress, output = progress or Progress(), Path(output)
    if steps is not None:
        if steps < 1:
            raise OptionError(f"--steps {steps}: must be at least 1.")
        recipe = replace(recipe, steps=steps)
    sentences = both_ways(pairs(seed, count))
    trained = train_translator(sentences, output, recipe=recipe, seed=seed, markers=MARKERS, progress=progress)
    model: Any = trained.model
    model.half().save_pretrained(output)
    reopened = AutoModelForSeq2SeqLM.from_pretrained(output).float().eval()
    figures = {
        "recipe": asdict(recipe),
        "seed": seed,
        "pairs": count,
        "python": platform.python_version(),
        "parameters": sum(parameter.numel() for parameter in reopened.parameters()),
        "steps": trained.steps,
        "seconds": round(trained.seconds),
        "processor_seconds": round(trained.processor_seconds),
        "loss": [loss for _, loss in trained.curve[-1:]],
        "held_out": HELD_OUT,
        **scores(reopened, trained.tokenizer, pairs(seed + 1, HELD_OUT, held_out=True), progress),
    }
    write_card(output, figures)
    (output / STATE).unlink(missing_ok=True)
    return figures


def translate(model: Any, tokenizer: Any, sources: list[str], progress: Progress) -> list[str]:
    """Translate sentences that begin with their marker, greedily."""
    order = sorted(range(len(sources)), key=lambda row: len(sources[row]))
    translations = [""] * len(sources)
    with torch.inference_mode(), progress.step("translating", len(sources), "sentences") as advance:
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            batch = tokenizer([sources[row] for row in rows], return_tensors="pt", padding=True)
            written = model.generate(
                input_ids=batch.input_ids, attention_mask=batch.attention_mask, do_sample=False, max_new_tokens=80
            )
            texts = tokenizer.batch_decode(written, skip_special_tokens=True)
            for row, text in zip(rows, texts, strict=True):
                translations[row] = text.strip()
            advance(len(rows))
    return translations


def scores(model: Any, tokenizer: Any, held_out: list[Both], progress: Progress) -> dict[str, float]:
    """Return corpus BLEU and chrF (sacrebleu, one reference) of (English, Indonesian) pairs in both directions."""
    measured = {}
    for name, marker, source, target in (("en_id", INTO_INDONESIAN, 0, 1), ("id_en", INTO_ENGLISH, 1, 0)):
        written = translate(model, tokenizer, [f"{marker} {pair[source]}" for pair in held_out], progress)
        references = [[pair[target] for pair in held_out]]
        measured[f"bleu_{name}"] = round(float(BLEU().corpus_score(written, references).score), 1)
        measured[f"chrf_{name}"] = round(float(CHRF().corpus_score(written, references).score), 1)
    return measured
