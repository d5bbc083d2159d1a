"""Options of translation alone, and what its options must fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from alih.option import PRETRAINED, at_least, option
from alih.task import NEW_TRANSLATORS, TRANSFORMER_SIZES, TRANSLATION

#: The route that makes a translator, and those that adapt one.
ROUTES = ("zero-shot", "finetune", "lora", "qlora", "qalora", "ia3", "scratch")
#: Those that a comparison runs.
COMPARED = ("zero-shot", "finetune", "lora", "scratch")


@dataclass(frozen=True)
class TranslationOptions:
    """What only a translation has."""

    TITLE: ClassVar[str] = "translation"

    source: str | None = option(
        None,
        "column, or ending of the files, of the sentences to translate",
        unset="of two, the first",
        metavar="NAME",
        tasks=(TRANSLATION,),
    )
    target: str | None = option(
        None,
        "column, or ending of the files, of their translations",
        unset="of two, the second",
        metavar="NAME",
        tasks=(TRANSLATION,),
    )
    source_language: str | None = option(
        None,
        "language translated from, as the model names it: en, eng_Latn",
        unset="--source",
        metavar="CODE",
        tasks=(TRANSLATION,),
    )
    target_language: str | None = option(
        None,
        "language translated to, as the model names it: id, ind_Latn",
        unset="--target",
        metavar="CODE",
        tasks=(TRANSLATION,),
    )
    prefix: str | None = option(
        None,
        'words put before every sentence, as T5 wants: "translate English to German: "',
        tasks=(TRANSLATION,),
        routes=PRETRAINED,
    )
    size: Literal["tiny", "small", "base", "paper"] | None = option(
        None,
        "size of a Transformer trained from scratch",
        unset="by the number of pairs",
        choices=TRANSFORMER_SIZES,
        tasks=(TRANSLATION,),
        routes=("scratch",),
    )
    max_tokens: int = option(
        128,
        "longest sentence in tokens: longer ones are left out of training, and cut elsewhere",
        check=at_least(4),
        tasks=(TRANSLATION,),
    )
    beam: int = option(4, "hypotheses that beam search keeps", check=at_least(1), tasks=(TRANSLATION,))


def check(options: Any) -> Iterator[tuple[str, str]]:
    """Options, those of `alih.compare.options.Options`, that do not fit a translation, each with what is wrong."""
    if options.model not in (None, *NEW_TRANSLATORS) and options.route == "scratch":
        yield "route", "scratch starts from random weights; leave out --model, or take finetune or lora."
    if options.model is None and options.route not in (None, "scratch"):
        yield "route", f"{options.route} adapts a translator that is there; name it with --model."
    if options.model in NEW_TRANSLATORS and options.size and options.model != f"transformer-{options.size}":
        yield "size", f"{options.size} is not the size of {options.model}; leave out either --size or --model."
