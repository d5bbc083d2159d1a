"""Options of the routes: which of them run, how deep they train, adapters and prompts."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from alih.data.messages import did_you_mean
from alih.errors import OptionError
from alih.option import above_zero, at_least, items, names, option
from alih.routes.registry import ADAPTERS, PROMPTED, ROUTES
from alih.task import CLASSIFICATION, GENERATION, NEW_TRANSLATORS, RETRIEVAL, TAGGING, TASKS, TRANSLATION

#: Stands for "every block" where a number of blocks is asked for.
ALL_BLOCKS = -1
#: Bit widths that there are; as `alih.quantize.groups.BITS`, which is too heavy to import for a flag.
_BITS = (2, 3, 4, 8)


def unknown_route(name: str) -> str:
    """What is wrong with the name of a route that there is not."""
    return f"there is no route {name!r}.{did_you_mean(name, ROUTES)} Routes: {', '.join(ROUTES)}."


def _task(value: Any, flag: str) -> str:
    if not isinstance(value, str):
        raise OptionError(f"{flag}: {value!r} is none of {', '.join(TASKS)}.")
    return RETRIEVAL if value == "embedding" else value


def _check_routes(value: tuple[str, ...]) -> str | None:
    if not value:
        return f"names no route. Routes: {', '.join(ROUTES)}."
    return next((unknown_route(name) for name in value if name not in ROUTES), None)


def _counts(value: Any, flag: str) -> tuple[int, ...]:
    counts = []
    for text in items(value, flag):
        if text == "all" or text == str(ALL_BLOCKS):
            counts.append(ALL_BLOCKS)
        elif re.fullmatch(r"\d+", text):
            counts.append(int(text))
        else:
            raise OptionError(f"{flag}: {text!r} is no number of blocks. Write 2, or 1,3,all.")
    return tuple(counts)


def _check_counts(value: tuple[int, ...]) -> str | None:
    if not value:
        return "names no number of blocks. Write 2, or 1,3,all."
    if any(count < 1 and count != ALL_BLOCKS for count in value):
        return "must be 1 or more, or 'all'. For a frozen backbone use the route transfer."
    return None


def _translation_route(options: Any) -> str:
    return "scratch" if options.model in (None, *NEW_TRANSLATORS) else "finetune"


@dataclass(frozen=True)
class RouteOptions:
    """What is predicted, and which routes run."""

    TITLE: ClassVar[str] = "task and routes"

    task: Literal["classification", "generation", "translation", "retrieval", "tagging"] | None = option(
        None,
        "classification: labels or numbers; generation: instructions with answers, or texts; translation: pairs of "
        "sentences; retrieval (also: embedding): questions with the passages that answer them; "
        "tagging: named entities, parts of speech",
        by_task={CLASSIFICATION: CLASSIFICATION},
        choices=TASKS,
        convert=_task,
    )
    routes: tuple[str, ...] | None = option(
        None,
        "routes to run, comma-separated",
        unset="transfer, finetune, lora, scratch; generation: all but transfer and scratch; retrieval: zero-shot, "
        "finetune, lora; translation: zero-shot, finetune, lora, scratch",
        convert=names,
        check=_check_routes,
        commands=("compare",),
    )
    route: str | None = option(
        None,
        "the route",
        by_task={
            CLASSIFICATION: "transfer",
            GENERATION: "lora",
            RETRIEVAL: "finetune",
            TAGGING: "transfer",
            TRANSLATION: _translation_route,
        },
        unset="transfer; translation: finetune with --model, scratch without or with a new one (transformer-base)",
        check=lambda value: None if value in ROUTES else unknown_route(value),
        commands=("adapt",),
    )
    blocks: tuple[int, ...] | None = option(
        None,
        "how many top blocks `finetune` trains and adapters go into, comma-separated where several are compared; "
        "'all' for every one",
        unset="a third, and all; adapters: all; alih adapt: all",
        convert=_counts,
        check=_check_counts,
        routes=("finetune", *ADAPTERS, "ia3"),
    )

    @property
    def chosen_route(self) -> str:
        """The route where one runs, after `for_task` has settled it."""
        assert self.route is not None
        return self.route


def _layers(value: Any, flag: str) -> tuple[str, ...]:
    """Names of layers, whose capitals matter."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise OptionError(f"{flag}: {value!r} is no list of names.")
    return tuple(str(part).strip() for part in parts if str(part).strip())


def _check_layers(value: tuple[str, ...]) -> str | None:
    if not value:
        return "names no layer. Write all-linear, attention, or names of layers."
    grouped = {"all-linear", "attention"} & set(value)
    if grouped and len(value) > 1:
        return f"{min(grouped)} stands alone; leave out either it or the names beside it."
    return None


def _check_bits(value: int) -> str | None:
    return None if value in _BITS else f"must be {', '.join(map(str, _BITS[:-1]))} or {_BITS[-1]}, not {value}."


@dataclass(frozen=True)
class AdapterOptions:
    """Adapters, and the integers below those of `qalora`."""

    TITLE: ClassVar[str] = "adapters"

    rank: int = option(8, "rank of adapters", check=at_least(1), routes=ADAPTERS)
    alpha: float | None = option(
        None, "adapters are scaled by alpha / rank", unset="twice the rank", check=above_zero, routes=ADAPTERS
    )
    lora_targets: tuple[str, ...] | None = option(
        None,
        "layers that get adapters: all-linear, attention, or (ends of) names, comma-separated",
        unset="all-linear",
        metavar="NAMES",
        convert=_layers,
        check=_check_layers,
        routes=ADAPTERS,
    )
    rslora: bool = option(False, "scale adapters by alpha / √rank (rsLoRA)", routes=ADAPTERS)
    dora: bool = option(False, "train the norms of the weights' rows, too (DoRA)", routes=("lora", "qlora"))
    bits: int = option(
        4, "bits of a weight: 2, 3, 4 or 8 (qlora is NF4, 4 bits)", check=_check_bits, routes=("qalora",)
    )
    group_size: int = option(32, "inputs that share a scale and a zero point", check=at_least(1), routes=("qalora",))
    rounding: Literal["nearest", "calibrated"] = option(
        "nearest",
        "how weights are rounded: nearest, or calibrated on 128 training examples (GPTQ)",
        choices=("nearest", "calibrated"),
        routes=("qalora",),
    )
    merge: Literal["32-bit", "nf4"] = option(
        "32-bit",
        "weights of the merged model: 32-bit, or rounded to NF4 again (stored in 32 bits)",
        choices=("32-bit", "nf4"),
        routes=("qlora",),
    )


def _template(value: Any, _flag: str) -> str:
    """The text of a template, from its file, so that the run keeps what it was."""
    from alih.generate.prompt import NAMES, check_template, read_template

    text = read_template(os.fspath(value))
    check_template(text, NAMES)
    return text


@dataclass(frozen=True)
class PromptOptions:
    """Prompts, which train nothing."""

    TITLE: ClassVar[str] = "prompts"

    template: str | None = option(
        None,
        "Jinja file, kept in the run: describes a class by its {{ label }}; for a language model, {{ text }} before "
        "{{ label }}, with {{ classes }} if you like",
        unset="a few are tried",
        metavar="FILE",
        convert=_template,
        tasks=(CLASSIFICATION,),
        routes=PROMPTED,
    )
    shots: int | None = option(
        None,
        "examples (of each class) that few-shot looks at, or shows a language model as far as they fit",
        by_task={CLASSIFICATION: 8, GENERATION: 4},
        check=at_least(1),
        tasks=(CLASSIFICATION, GENERATION),
        routes=("few-shot",),
    )
    shots_by: Literal["similarity", "diversity", "random"] = option(
        "diversity",
        "how few-shot chooses them: similarity, the typical ones; diversity, spread over the class; random",
        choices=("similarity", "diversity", "random"),
        tasks=(CLASSIFICATION,),
        routes=("few-shot",),
    )
    reasoning: Literal["auto", "think", "steps", "off"] = option(
        "auto",
        "what an answer begins with: think, <think>; steps, a request to go step by step; off, <think></think>; auto, "
        "nothing",
        choices=("auto", "think", "steps", "off"),
        tasks=(GENERATION,),
        routes=PROMPTED,
    )
    samples: int = option(
        1,
        "answers that are drawn for each prompt and vote (self-consistency)",
        check=at_least(1),
        tasks=(GENERATION,),
        routes=PROMPTED,
    )
