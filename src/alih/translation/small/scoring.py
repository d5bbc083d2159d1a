"""BLEU and chrF of the built-in translator in both directions."""

from __future__ import annotations

from typing import Any

import torch
from sacrebleu.metrics import BLEU, CHRF

from alih.progress import Progress
from alih.translation.small.phrases import Both
from alih.translation.small.sentences import INTO_ENGLISH, INTO_INDONESIAN

_BATCH = 50


def translate(model: Any, tokenizer: Any, sources: list[str], progress: Progress) -> list[str]:
    """Translate sentences that begin with their marker, greedily."""
    order = sorted(range(len(sources)), key=lambda row: len(sources[row]))
    found = [""] * len(sources)
    with torch.inference_mode(), progress.step("translating", len(sources), "sentences") as advance:
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            batch = tokenizer([sources[row] for row in rows], return_tensors="pt", padding=True)
            written = model.generate(
                input_ids=batch.input_ids, attention_mask=batch.attention_mask, do_sample=False, max_new_tokens=80
            )
            texts = tokenizer.batch_decode(written, skip_special_tokens=True)
            for row, text in zip(rows, texts, strict=True):
                found[row] = text.strip()
            advance(len(rows))
    return found


def scores(model: Any, tokenizer: Any, found: list[Both], progress: Progress) -> dict[str, float]:
    """Return corpus BLEU and chrF (sacrebleu, one reference) of (English, Indonesian) pairs in both directions."""
    told = {}
    for name, marker, source, target in (("en_id", INTO_INDONESIAN, 0, 1), ("id_en", INTO_ENGLISH, 1, 0)):
        written = translate(model, tokenizer, [f"{marker} {pair[source]}" for pair in found], progress)
        wanted = [[pair[target] for pair in found]]
        told[f"bleu_{name}"] = round(float(BLEU().corpus_score(written, wanted).score), 1)
        told[f"chrf_{name}"] = round(float(CHRF().corpus_score(written, wanted).score), 1)
    return told
