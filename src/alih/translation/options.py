"""What a user may ask of a translator's training: one dataclass, whose fields' help is the CLI's help."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from alih.compare.options import ALL_BLOCKS, Options
from alih.data.messages import did_you_mean
from alih.errors import OptionError

#: The routes that adapt a translator, and the one that makes one.
ROUTES = ("scratch", "finetune", "lora")
SIZES = ("tiny", "small", "base", "paper")
#: Options of the other tasks that a translation reads, too, in the same sense.
SHARED = (
    *("model", "blocks", "max_examples", "validation", "test", "epochs", "learning_rate", "rank", "alpha"),
    *("rslora", "dora", "seed", "max_time", "precision", "revision", "allow_pickle", "runs", "name"),
)


def _own(default: Any, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": help, **more})


@dataclass(frozen=True)
class TranslationOptions:
    """Options of `alih adapt --task translation`; `alih.adapt(…, task="translation")` takes the same names.

    Those that other tasks have, too, mean the same as in `alih.compare.options.Options`.

    Raises:
        OptionError: a value is out of range or does not fit another one; the message names the option.
    """

    source: str | None = _own(None, "column, or ending of the files, of the sentences to translate", metavar="NAME")
    target: str | None = _own(None, "column, or ending of the files, of their translations", metavar="NAME")
    source_language: str | None = _own(
        None, "language translated from, as the model names it: en, eng_Latn (default: --source)", metavar="CODE"
    )
    target_language: str | None = _own(
        None, "language translated to, as the model names it: id, ind_Latn (default: --target)", metavar="CODE"
    )
    prefix: str | None = _own(None, 'words put before every sentence, as T5 wants: "translate English to German: "')
    size: Literal["tiny", "small", "base", "paper"] | None = _own(
        None, "size of a Transformer trained from scratch (default: by the number of pairs)", choices=SIZES
    )
    steps: int | None = _own(None, "updates of the weights (default: by the number of pairs)")
    batch_tokens: int | None = _own(None, "most tokens of a batch, of source and of target (default: by the size)")
    max_tokens: int = _own(128, "longest sentence in tokens: longer ones are left out of training, and cut elsewhere")
    beam: int = _own(4, "hypotheses that beam search keeps")
    model: str | None = None
    route: Literal["scratch", "finetune", "lora"] | None = None
    blocks: int | None = None
    max_examples: int | None = None
    validation: float | None = None
    test: float | None = None
    epochs: int | None = None
    learning_rate: float | None = None
    rank: int = 8
    alpha: float | None = None
    rslora: bool = False
    dora: bool = False
    seed: int = 0
    max_time: float | None = None
    precision: Literal["fp32", "bf16", "fp16"] | None = None
    revision: str | None = None
    allow_pickle: bool = False
    runs: str = "runs"
    name: str | None = None

    def __post_init__(self) -> None:
        def fail(option: str, problem: str) -> None:
            raise OptionError(f"--{option.replace('_', '-')}: {problem}")

        if self.route is not None and self.route not in ROUTES:
            fail("route", f"{self.route!r} is no route of a translator. Routes: {', '.join(ROUTES)}.")
        for option, least in (("steps", 1), ("batch_tokens", 1), ("max_tokens", 4), ("beam", 1)):
            value = getattr(self, option)
            if value is not None and value < least:
                fail(option, f"must be at least {least}, not {value}.")
        if self.steps is not None and self.epochs is not None:
            fail("steps", "and --epochs both say how long to train; leave one of them out.")
        if self.size is not None and self.size not in SIZES:
            fail("size", f"{self.size!r} is none of {', '.join(SIZES)}.")
        if self.learning_rate is not None and not (math.isfinite(self.learning_rate) and 0 < self.learning_rate < 10):
            fail("learning_rate", f"must be above 0 and below 10, not {self.learning_rate}.")
        for option in ("validation", "test"):
            share = getattr(self, option)
            if share is not None and not 0 < share < 0.5:
                fail(option, f"must be above 0 and below 0.5, not {share}.")
        self._check_route(fail)

    def _check_route(self, fail: Any) -> None:
        """Refuse options that the route does not read."""
        scratch = self.chosen_route == "scratch"
        if self.model is not None and scratch:
            fail("route", "scratch starts from random weights; leave out --model, or take finetune or lora.")
        if self.model is None and not scratch:
            fail("route", f"{self.route} adapts a translator that is there; name it with --model.")
        unread = ["blocks", "prefix", "revision", "allow_pickle"] if scratch else ["size"]
        unread += [] if self.chosen_route == "lora" else ["rank", "alpha", "rslora", "dora"]
        for option in unread:
            if getattr(self, option) != _DEFAULTS[option]:
                fail(option, f"means nothing for the route {self.chosen_route}; leave it out.")

    @property
    def chosen_route(self) -> str:
        """The route: scratch without a model, finetune with one, unless the user says otherwise."""
        return self.route or ("scratch" if self.model is None else "finetune")

    def command(self, data: str) -> str:
        """The command that runs the same again, quoted for a POSIX shell."""
        parts = ["alih", "adapt", data, "--task=translation"]
        for option in fields(self):
            value = getattr(self, option.name)
            if value != option.default:
                flag = f"--{option.name.replace('_', '-')}"
                said = f"{value:.9f}".rstrip("0").rstrip(".") + "s" if option.name == "max_time" else str(value)
                parts.append(flag if value is True else f"{flag}={said}")
        return " ".join(shlex.quote(part) for part in parts)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> TranslationOptions:
        """Build options from keyword arguments or a file, rejecting unknown names and mending simple types.

        Raises:
            OptionError: a name is unknown, means nothing for translation, or a value has the wrong form.
        """
        known = [option.name for option in fields(cls)]
        general = [option.name for option in fields(Options)]
        given = {name: value for name, value in values.items() if value is not None}
        for name in given:
            if name in known:
                continue
            flag = f"--{name.replace('_', '-')}"
            if name in general:
                raise OptionError(f"{flag}: means nothing for a translation; leave it out.")
            raise OptionError(f"there is no option {name!r}.{did_you_mean(name, known)} Options: {', '.join(known)}.")
        mended = Options.from_mapping({name: value for name, value in given.items() if name in SHARED})
        clean: dict[str, Any] = {name: getattr(mended, name) if name in SHARED else given[name] for name in given}
        for name in ("steps", "batch_tokens", "max_tokens", "beam"):
            if name in clean:
                clean[name] = _whole(name, clean[name])
        if "blocks" in clean:
            clean["blocks"] = _one_count(clean["blocks"])
        if isinstance(clean.get("learning_rate"), Mapping):
            raise OptionError("--learning-rate: one route runs, so give one rate.")
        return cls(**clean)


_DEFAULTS = {option.name: option.default for option in fields(TranslationOptions)}


def _whole(name: str, value: Any) -> int:
    try:
        if not isinstance(value, bool) and int(value) == float(value):
            return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise OptionError(f"--{name.replace('_', '-')}: {value!r} is not a whole number.")


def _one_count(counts: tuple[int, ...]) -> int | None:
    if len(counts) > 1:
        raise OptionError("--blocks: a translation takes one number of blocks.")
    return None if counts[0] == ALL_BLOCKS else counts[0]
