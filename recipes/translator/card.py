"""The model card that goes with the weights of the built-in translator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

_CARD: Final = """---
license: apache-2.0
library_name: transformers
pipeline_tag: translation
language: [en, id]
tags: [small, translation]
---
# translator

The Transformer of "Attention Is All You Need" in small: {parameters:,} parameters ({layers} + {layers} blocks, width
{width}, {heads} heads, vocabulary {vocabulary:,}), English to Indonesian and back, trained from nothing on {pairs:,}
pairs of **generated everyday sentences**: people, animals, things and food; where they are, what they do, did, will do;
feelings, weather, times, prices, illness, questions, requests. It is for trying out and
looking into (`alih explain`), and a start for your own pairs (`alih adapt`): no translator for real texts.

```python
import alih  # registers the architecture
from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

model = AutoModelForSeq2SeqLM.from_pretrained("this folder")
tokenizer = AutoTokenizer.from_pretrained("this folder")
ids = tokenizer(">>id<< My mother is cooking fish.", return_tensors="pt").input_ids
print(tokenizer.decode(model.generate(ids, max_new_tokens=40)[0], skip_special_tokens=True))
```

A source begins with `>>id<<` or `>>en<<`, the language to translate into. Indonesian "dia" becomes "he" or "she" as it
comes.

## What was measured
The file as it ships (16-bit), greedy decoding, sacrebleu, {held_out} sentences of the same grammar that were never
trained on:

| | BLEU | chrF |
|---|---|---|
| English → Indonesian | {bleu_en_id} | {chrf_en_id} |
| Indonesian → English | {bleu_id_en} | {chrf_id_en} |

These sentences are of the grammar that it was trained on, so they say nothing about real texts; docs/BENCHMARKS.md of
the project has its score on some.

## How it was made
`python -m recipes translator --seed {seed}`: {steps:,} updates in {minutes:.0f} minutes of one processor core, the mean
of the last five checkpoints. The grammar is `recipes/translator/grammar.py`. All figures: `figures.json`.
"""


def write_card(folder: Path, figures: dict[str, Any]) -> None:
    """Write README.md and figures.json."""
    recipe = figures["recipe"]
    text = _CARD.format(
        layers=recipe["layers"],
        width=recipe["d_model"],
        heads=recipe["heads"],
        vocabulary=recipe["vocabulary"],
        minutes=figures["processor_seconds"] / 60,
        **{name: value for name, value in figures.items() if name != "recipe"},
    )
    (folder / "README.md").write_text(text, encoding="utf-8")
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
