"""What a user may ask of text generation: one dataclass, whose fields' help is the CLI's help."""

from __future__ import annotations

import math
import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

from alih.compare.options import ALL_BLOCKS, Options
from alih.data.messages import did_you_mean
from alih.errors import OptionError
from alih.instruct.reasoning import BEGINNINGS

ROUTES = ("zero-shot", "few-shot", "finetune", "lora", "qlora", "qalora", "scratch")
#: Those that train nothing.
PROMPTED = ("zero-shot", "few-shot")
#: What `alih compare` runs where the user names none.
COMPARED = ("zero-shot", "few-shot", "finetune", "lora", "qlora", "qalora")
METRICS = ("exact_match", "final_answer", "token_f1", "rouge_l", "perplexity")
#: Options of the other tasks that mean the same here.
SHARED = (
    *("model", "blocks", "max_examples", "max_length", "metric", "validation", "test", "epochs", "learning_rate"),
    *("rank", "alpha", "rslora", "dora", "bits", "group_size", "rounding", "shots", "seed", "max_time", "precision"),
    *("revision", "allow_pickle", "runs", "name", "seeds", "routes", "prefer", "max_memory", "max_latency", "general"),
)
_DEFAULT_MODEL = "alih/lm-small"


def _own(default: Any, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": help, **more})


@dataclass(frozen=True)
class GenerationOptions:
    """Options of `alih adapt --task generation` and `alih compare --task generation`.

    Those that other tasks have, too, mean the same as in `alih.compare.options.Options`.

    Raises:
        OptionError: a value is out of range or does not fit another one; the message names the option.
    """

    chat_template: str | None = _own(
        None,
        "how conversations are written: a Jinja file, default, alpaca or none (default: the model's own)",
        metavar="FILE",
    )
    general: str | None = None
    batching: Literal["packed", "length"] = _own(
        "packed",
        "packed: several examples a row that do not see each other; length: rows padded beside others like them",
        choices=("packed", "length"),
    )
    max_new_tokens: int = _own(128, "most tokens of an answer, in scoring and as the default of alih generate")
    steps: int | None = _own(None, "updates of the weights (default: by the data)")
    reasoning: Literal["auto", "think", "steps", "off"] = _own(
        "auto",
        "what zero-shot and few-shot begin an answer with: think, <think>; steps, a request to go step by step; off, "
        "<think></think>; auto, nothing",
        choices=("auto", "think", "steps", "off"),
    )
    samples: int = _own(1, "answers that zero-shot and few-shot draw for each prompt and let vote (self-consistency)")
    batch_tokens: int = _own(1024, "most tokens of a batch")
    model: str = _DEFAULT_MODEL
    route: str = "lora"
    blocks: int | None = None
    max_examples: int | None = None
    max_length: int | None = None
    metric: str | None = None
    validation: float | None = None
    test: float | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    rank: int = 8
    alpha: float | None = None
    rslora: bool = False
    dora: bool = False
    bits: int = 4
    group_size: int = 32
    rounding: Literal["nearest", "calibrated"] = "nearest"
    shots: int = 4
    seed: int = 0
    max_time: float | None = None
    precision: Literal["fp32", "bf16", "fp16"] | None = None
    revision: str | None = None
    allow_pickle: bool = False
    runs: str = "runs"
    name: str | None = None
    routes: tuple[str, ...] | None = None
    seeds: int = 3
    prefer: Literal["cheap", "balanced", "best"] = "balanced"
    max_memory: float | None = None
    max_latency: float | None = None

    def __post_init__(self) -> None:
        def fail(option: str, problem: str) -> None:
            raise OptionError(f"--{option.replace('_', '-')}: {problem}")

        for route in self.routes or (self.route,):
            flag = "routes" if self.routes else "route"
            if route == "transfer":
                fail(flag, "transfer puts a new head on the model, and a model that writes has none.")
            if route not in ROUTES:
                fail(flag, f"{route!r} is no route of text generation. Routes: {', '.join(ROUTES)}.")
        for option, least in (
            ("steps", 1),
            ("batch_tokens", 8),
            ("max_new_tokens", 1),
            ("max_length", 8),
            ("samples", 1),
        ):
            value = getattr(self, option)
            if value is not None and value < least:
                fail(option, f"must be at least {least}, not {value}.")
        if self.steps is not None and self.epochs is not None:
            fail("steps", "and --epochs both say how long to train; leave one of them out.")
        if self.batching not in {"packed", "length"}:
            fail("batching", f"{self.batching!r} is none of packed, length.")
        if self.reasoning not in BEGINNINGS:
            fail("reasoning", f"{self.reasoning!r} is none of {', '.join(BEGINNINGS)}.")
        if self.metric is not None and self.metric not in METRICS:
            fail("metric", f"{self.metric!r} is none of {', '.join(METRICS)}.")
        if self.learning_rate is not None and not (math.isfinite(self.learning_rate) and 0 < self.learning_rate < 10):
            fail("learning_rate", f"must be above 0 and below 10, not {self.learning_rate}.")
        for option in ("validation", "test"):
            share = getattr(self, option)
            if share is not None and not 0 < share < 0.5:
                fail(option, f"must be above 0 and below 0.5, not {share}.")
        for option in self.unread() if self.routes is None else ():
            if getattr(self, option) != _DEFAULTS[option]:
                fail(option, f"means nothing for the route {self.route}; leave it out.")

    def unread(self) -> tuple[str, ...]:
        """Options that mean nothing for the route."""
        return tuple(option for option, routes in _READ_BY.items() if self.route not in routes)

    def for_route(self, route: str, seed: int) -> GenerationOptions:
        """The options of one route of a comparison: those that it does not read are left out."""
        alone: dict[str, Any] = {name: _DEFAULTS[name] for name, routes in _READ_BY.items() if route not in routes}
        return replace(self, **alone, route=route, routes=None, seed=seed)

    def command(self, data: str) -> str:
        """The command that runs the same again, quoted for a POSIX shell."""
        parts = ["alih", "adapt" if self.routes is None else "compare", data, "--task=generation"]
        for option in fields(self):
            value = getattr(self, option.name)
            if value != option.default and (option.name != "route" or self.routes is None):
                value = ",".join(value) if isinstance(value, tuple) else value
                flag = f"--{option.name.replace('_', '-')}"
                said = f"{value:.9f}".rstrip("0").rstrip(".") + "s" if option.name == "max_time" else str(value)
                parts.append(flag if value is True else f"{flag}={said}")
        return " ".join(shlex.quote(part) for part in parts)

    @classmethod
    def from_spec(cls, told: Mapping[str, Any]) -> GenerationOptions:
        """The options that a run folder's specification holds."""
        routes = told.get("routes")
        return cls(**{**told, "routes": None if routes is None else tuple(routes)})

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> GenerationOptions:
        """Build options from keyword arguments, rejecting unknown names and mending simple types.

        Raises:
            OptionError: a name is unknown, means nothing for text generation, or a value has the wrong form.
        """
        known = [option.name for option in fields(cls)]
        general = [option.name for option in fields(Options)]
        given = {name: value for name, value in values.items() if value is not None}
        for name in given:
            if name in known:
                continue
            if name in general:
                raise OptionError(f"--{name.replace('_', '-')}: means nothing for text generation; leave it out.")
            raise OptionError(f"there is no option {name!r}.{did_you_mean(name, known)} Options: {', '.join(known)}.")
        mended = Options.from_mapping({name: value for name, value in given.items() if name in SHARED})
        clean: dict[str, Any] = {name: getattr(mended, name) if name in SHARED else given[name] for name in given}
        for name in ("steps", "batch_tokens", "max_new_tokens", "samples"):
            if name in clean:
                clean[name] = _whole(name, clean[name])
        if "chat_template" in clean:
            clean["chat_template"] = os.fspath(clean["chat_template"])
        if "blocks" in clean:
            if len(clean["blocks"]) > 1:
                raise OptionError("--blocks: text generation takes one number of blocks.")
            clean["blocks"] = None if clean["blocks"][0] == ALL_BLOCKS else clean["blocks"][0]
        if isinstance(clean.get("learning_rate"), Mapping):
            raise OptionError("--learning-rate: one route runs, so give one rate.")
        return cls(**clean)


_TRAINED = ("finetune", "lora", "qlora", "qalora", "scratch")
_ADAPTERS = ("lora", "qlora", "qalora")
#: Which routes read an option that not all read.
_READ_BY = {
    **dict.fromkeys(("rank", "alpha", "rslora"), _ADAPTERS),
    "dora": ("lora", "qlora"),
    **dict.fromkeys(("bits", "group_size", "rounding"), ("qalora",)),
    "shots": ("few-shot",),
    **dict.fromkeys(("reasoning", "samples"), PROMPTED),
    "blocks": ("finetune", *_ADAPTERS),
    **dict.fromkeys(("steps", "epochs", "learning_rate", "batching", "batch_tokens"), _TRAINED),
}
_DEFAULTS = {option.name: option.default for option in fields(GenerationOptions)}


def _whole(name: str, value: Any) -> int:
    try:
        if not isinstance(value, bool) and int(value) == float(value):
            return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise OptionError(f"--{name.replace('_', '-')}: {value!r} is not a whole number.")
