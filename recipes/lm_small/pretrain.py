"""Makes alih/lm-small: trains it, writes it as a Hugging Face folder in 16 bits, and judges what was written."""

from __future__ import annotations

import math
import platform
import zlib
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from alih.errors import OptionError
from alih.progress import Progress
from recipes.lm_small.card import write_card
from recipes.lm_small.grading import grade
from recipes.lm_small.instructions import held_out
from recipes.lm_small.recipe import STATE, Recipe, train


def pretrain_lm(
    output: Path | str,
    *,
    seed: int = 0,
    recipe: Recipe | None = None,
    steps: int | None = None,
    each: int = 200,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Train the small language model from nothing and write it with tokenizer and model card.

    Interrupted, it keeps its state in the folder; the same call goes on from there and, on the same machine and number
    of threads, ends with the same weights as an uninterrupted one.

    Args:
        output: folder to write.
        seed: of the initial weights and of the series of examples.
        recipe: sizes and lengths; the default one if None.
        steps: updates, in place of the recipe's.
        each: held-out prompts a kind.
        progress: where to report.

    Returns:
        Settings, parameters, tokens seen, and figures on held-out prompts: exact match by kind, bits per byte.

    Raises:
        OptionError: numbers below 1.
        RunError: the folder holds the state of another recipe or seed.
    """
    progress, output = progress or Progress(), Path(output)
    recipe = recipe or Recipe()
    if steps is not None:
        if steps < 1:
            raise OptionError(f"--steps {steps}: must be at least 1.")
        recipe = replace(recipe, steps=steps)
    model, tokenizer, history = train(output, recipe, seed, progress)
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.half().save_pretrained(output)
    tokenizer.save_pretrained(output)
    reopened = AutoModelForCausalLM.from_pretrained(output, dtype=torch.float32).eval()
    prompts = held_out(each)
    grades = grade(reopened, tokenizer, prompts, progress)
    texts = [example.answer for example in prompts if example.kind == "text"]
    figures = {
        "recipe": asdict(recipe),
        "default_recipe": recipe == Recipe(),
        "seed": seed,
        "python": platform.python_version(),
        "parameters": sum(parameter.numel() for parameter in reopened.parameters()),
        **history,
        "each": each,
        "exact_match": {kind: round(value, 4) for kind, value in grades.exact.items()},
        "bits_per_byte": {kind: round(value, 3) for kind, value in grades.bits_per_byte.items()},
        "random_bits_per_byte": round(_uniform_bits(tokenizer, texts), 2),
        "gzip_bits_per_byte": round(_compressed_bits(texts), 2),
    }
    write_card(output, figures)
    (output / STATE).unlink(missing_ok=True)
    return figures


def _uniform_bits(tokenizer: Any, texts: list[str]) -> float:
    """Bits a byte of a model that holds every token for equally likely."""
    tokens = sum(len(ids) for ids in tokenizer(texts, add_special_tokens=False)["input_ids"])
    return tokens * math.log2(len(tokenizer)) / sum(len(text.encode()) for text in texts)


def _compressed_bits(texts: list[str]) -> float:
    """Bits a byte that zlib at its best takes for the texts in one piece."""
    data = "\n".join(texts).encode()
    return 8 * len(zlib.compress(data, 9)) / len(data)
