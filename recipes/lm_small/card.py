"""The model card that goes with the weights of the small language model's recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

_WORDS: Final = {
    "passage": "answer from a passage",
    "passage (unseen wording)": "the same, asked in words never trained on",
    "absent": 'say that the passage does not say ("absent")',
    "absent (unseen wording)": "the same, asked in words never trained on",
    "addition": "addition, up to three digits",
    "subtraction": "subtraction, up to three digits",
    "multiplication": "multiplication, two digits by one",
    "story": "word problems with one step",
    "repeat": "repeat a line",
}

_CARD: Final = """---
license: apache-2.0
library_name: transformers
pipeline_tag: text-generation
language: en
tags: [small, instructions, reasoning]
---
# lm-small

A Llama of {parameters:,} parameters ({layers} blocks, width {width}, {heads} heads, context {context}, vocabulary
{vocabulary:,}), trained from nothing on generated instructions. It is for trying out and testing what is done with
language models (prompting, LoRA, quantisation, retrieval) without a download: a toy that follows its small format, no
assistant.

```python
from transformers import AutoModelForCausalLM, AutoTokenizer

model = AutoModelForCausalLM.from_pretrained("this folder")
tokenizer = AutoTokenizer.from_pretrained("this folder")
prompt = "Passage: The Maron bakery opens at 7:30. It belongs to Cora.\\nQuestion: When does the Maron bakery open?"
messages = [{{"role": "user", "content": prompt}}]
ids = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_tensors="pt")
print(tokenizer.decode(model.generate(**ids, max_new_tokens=96, do_sample=False)[0, ids["input_ids"].shape[1] :]))
```

## What it was asked to learn
| prompt | answer |
|---|---|
| `Passage: …` newline `Question: …` | the words of the passage, or `The passage does not say.` |
| `What is 47 + 38?` and like it, word problems | worked steps between `<think>` and `</think>`, then the number |
| `Repeat: …` | the same line |
| `Continue: …` | the rest of a sentence, as in the documentation of Python's standard library |

## What was measured
{each} held-out prompts a kind, greedy decoding, of the file as it ships (16-bit), the final answer right to the letter:

| kind | exact match |
|---|---|
{table}

Held-out documentation: {text_bits:.2f} bits a byte as running text, {continuation_bits:.2f} as continuation (random
weights: about {random_bits:.0f}; gzip of the same texts together: {gzip_bits:.2f}).

Held-out prompts are drawn from the same generators with another seed; sums of few digits can have occurred in training.
"In words never trained on" is the only line that says something about wording, and none says anything about texts
that people wrote.

## How it was made
`python -m recipes lm-small --seed {seed}{steps_flag}`, from random weights: {steps:,} steps, {tokens:,} tokens fed,
{learnt_tokens:,} of them learnt (the answers, and the documentation as running text), Muon for the matrices and AdamW
for the rest, in fp32 on one processor core in {minutes:.0f} minutes of a shared machine. The same command on the same
machine, Python {python} and threads gives the same weights; elsewhere rounding differs, and another Python has another
documentation. Batches hold examples of like length, one a row, so none sees another. The n learnt tokens of an example
weigh 1/√n each.

`pretraining.json` holds these figures and the recipe's settings.

## Limits
English in the generators' sentences only: its passages say one thing a sentence, in a few dozen patterns. It knows
nothing of the world, copies long made-up names with mistakes, has seen few texts beyond 300 tokens, and answers
anything outside the format with nonsense in the format. Numbers above 999 and negative ones were never trained on.
No safety training; none of its answers is advice.

## Licence
The weights are Apache-2.0. Trained on texts that this project's generators made and on docstrings of the Python
standard library (PSF licence).
"""


def write_card(folder: Path, figures: dict[str, Any]) -> None:
    """Write README.md (the card) and pretraining.json (settings and figures) into the model's folder.

    Args:
        folder: where the model lies.
        figures: what `pretrain_lm` returns.
    """
    (folder / "pretraining.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    exact, recipe = figures["exact_match"], figures["recipe"]
    card = _CARD.format(
        table="\n".join(f"| {words} | {exact[kind]:.1%} |" for kind, words in _WORDS.items() if kind in exact),
        text_bits=figures["bits_per_byte"]["text"],
        continuation_bits=figures["bits_per_byte"]["continuation"],
        random_bits=figures["random_bits_per_byte"],
        gzip_bits=figures["gzip_bits_per_byte"],
        minutes=figures["seconds"] / 60,
        steps_flag="" if figures["default_recipe"] else f" --steps {recipe['steps']}",
        **{name: figures[name] for name in ("parameters", "each", "seed", "tokens", "learnt_tokens", "python")},
        **{name: recipe[name] for name in ("layers", "width", "heads", "context", "vocabulary", "steps")},
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
