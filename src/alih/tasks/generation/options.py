"""Options of text generation alone, and what its options must fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from alih.option import at_least, option
from alih.task import GENERATION

ROUTES = ("zero-shot", "few-shot", "finetune", "lora", "qlora", "qalora", "ia3", "scratch")
#: What `alih compare` runs where the user names none.
COMPARED = ("zero-shot", "few-shot", "finetune", "lora", "qlora", "qalora")
METRICS = ("exact_match", "final_answer", "token_f1", "rouge_l", "perplexity")


@dataclass(frozen=True)
class GenerationOptions:
    """What only text generation has."""

    TITLE: ClassVar[str] = "generation"

    chat_template: str | None = option(
        None,
        "how conversations are written: a Jinja file, default, alpaca or none",
        unset="the model's own",
        metavar="FILE",
        tasks=(GENERATION,),
    )
    max_new_tokens: int = option(
        128,
        "most tokens of an answer, in scoring and as the default of alih generate",
        check=at_least(1),
        tasks=(GENERATION,),
    )


def check(options: Any) -> Iterator[tuple[str, str]]:
    """Options that do not fit text generation, each with what is wrong."""
    for name, least in (("batch_tokens", 8), ("max_length", 8)):
        value = getattr(options, name)
        if value is not None and value < least:
            yield name, f"must be at least {least}, not {value}."
    if options.metric is not None and options.metric not in METRICS:
        yield "metric", f"{options.metric!r} is none of {', '.join(METRICS)}."
