"""What a user may ask of a comparison or of one adaptation: one dataclass, whose fields' help is the CLI's help."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from typing import Any, Literal

from alih.data.messages import did_you_mean
from alih.data.split_options import SplitOptions
from alih.errors import OptionError

_SECONDS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def _option(default: Any, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": help, **more})


@dataclass(frozen=True)
class Options:
    """Options of `alih compare` and `alih adapt`; `alih.compare(**kwargs)` takes the same names.

    Raises:
        OptionError: a value is out of range or does not fit another one; the message names the option.
    """

    model: str | None = _option(None, "pre-trained model: built-in name, local folder, or Hub id", metavar="MODEL")
    routes: tuple[str, ...] | None = _option(
        None, "routes to run, comma-separated (default: transfer, finetune, lora, scratch)"
    )
    blocks: tuple[int, ...] | None = _option(
        None,
        "how many top blocks `finetune` trains and adapters go into, comma-separated; 'all' for every one "
        "(default: a third, and all; adapters: all)",
    )
    text: str | None = _option(None, "column of the text; two, comma-separated, for pairs (default: found, and said)")
    label: str | None = _option(None, "column of the label; several 0/1 columns, comma-separated, for multi-label")
    group: str | None = _option(None, "column whose equal values stay on one side of the split")
    kind: str | None = _option(
        None, "kind of label (default: found, and said)", choices=("single-label", "multi-label", "regression")
    )
    decimal: str | None = _option(
        None,
        "the mark before decimals in the label, where its numbers do not tell (default: found, and said)",
        choices=(".", ","),
    )
    metric: str | None = _option(None, "metric that decides (default: accuracy, micro_f1 or r2, by the kind of label)")
    max_examples: int | None = _option(None, "use at most so many training examples (stratified, seeded)")
    max_length: int | None = _option(None, "cut texts after so many tokens (default: what the model takes)")
    shifted: str | None = _option(
        None, "labelled file or folder from another place or time: every route is scored on it, too", metavar="DATA"
    )
    general: str | None = _option(
        None,
        "text file with passages, to measure what a language model forgets (default: the standard library's "
        "documentation)",
        metavar="FILE",
    )
    validation: float = _option(0.2, "share of the examples that choose settings, where no validation split is given")
    test: float = _option(0.2, "share of the examples kept for the last, single test, where no test split is given")
    epochs: int | None = _option(None, "passes over the training data of finetune and scratch (default: by data size)")
    learning_rate: float | Mapping[str, float] | None = _option(
        None,
        "use this learning rate instead of searching for one; for several routes: transfer=0.01,finetune=1e-4",
        metavar="RATE",
    )
    rank: int = _option(8, "rank of adapters (lora, qlora, qalora)")
    alpha: float | None = _option(None, "adapters are scaled by alpha / rank (default: twice the rank)")
    lora_targets: tuple[str, ...] | None = _option(
        None,
        "layers that get adapters: all-linear, attention, or (ends of) names, comma-separated (default: all-linear)",
        metavar="NAMES",
    )
    rslora: bool = _option(False, "scale adapters by alpha / √rank (rsLoRA)")
    dora: bool = _option(False, "train the norms of the weights' rows, too (DoRA; lora, qlora)")
    bits: int = _option(4, "bits of a weight in the route qalora: 2, 3, 4 or 8 (qlora is NF4, 4 bits)")
    group_size: int = _option(32, "inputs that share a scale and a zero point in the route qalora")
    rounding: Literal["nearest", "calibrated"] = _option(
        "nearest",
        "how the route qalora rounds: nearest, or calibrated on 128 training examples (GPTQ)",
        choices=("nearest", "calibrated"),
    )
    merge: Literal["32-bit", "nf4"] = _option(
        "32-bit",
        "weights of the merged model of the route qlora: 32-bit, or rounded to NF4 again (stored in 32 bits)",
        choices=("32-bit", "nf4"),
    )
    template: str | None = _option(
        None,
        "Jinja file for zero-shot and few-shot, kept in the run: describes a class by its {{ label }}; for a language "
        "model, {{ text }} before {{ label }}, with {{ classes }} if you like",
        metavar="FILE",
    )
    shots: int = _option(8, "examples a class that few-shot looks at, or shows a language model as far as they fit")
    shots_by: Literal["similarity", "diversity", "random"] = _option(
        "diversity",
        "how few-shot chooses them: similarity, the typical ones; diversity, spread over the class; random",
        choices=("similarity", "diversity", "random"),
    )
    batch_size: int = _option(32, "examples a step")
    seeds: int = _option(3, "repeat each route at full size with so many seeds")
    seed: int = _option(0, "the first seed; everything random follows from it")
    max_time: float | None = _option(
        None, "stop trying more after this long: 90s, 20m, 1h (the first head is always finished)", duration=True
    )
    max_memory: float | None = _option(
        None, "most memory that adapting may take: 8GB, 500MB (variants over it are not chosen)", metavar="SIZE"
    )
    max_latency: float | None = _option(
        None, "most milliseconds that one prediction may take (variants over it are not chosen)", metavar="MS"
    )
    prefer: Literal["cheap", "balanced", "best"] = _option(
        "balanced",
        "cheap: the cheapest variant that cannot be told from the best; balanced: if it is within one standard error; "
        "best: the best score",
        choices=("cheap", "balanced", "best"),
    )
    plan: Literal["adaptive", "full"] = _option(
        "adaptive",
        "adaptive: what cannot win any more, by its learning curve, stops early; full: measure everything on all "
        "examples with all seeds",
        choices=("adaptive", "full"),
    )
    pooling: Literal["auto", "native", "mean"] = _option(
        "auto", "how a text encoder's tokens become one vector", choices=("auto", "native", "mean")
    )
    precision: Literal["fp32", "bf16", "fp16"] | None = _option(
        None, "compute type (default: the fastest exact enough on this device)", choices=("fp32", "bf16", "fp16")
    )
    revision: str | None = _option(None, "revision of a model on the Hub")
    allow_pickle: bool = _option(False, "also read pickled weights (tensors only); off, since pickles can run code")
    cache_limit: float = _option(10.0, "most gigabytes the cache of frozen outputs may take; 0 switches it off")
    runs: str = _option("runs", "folder that run folders are made in")
    name: str | None = _option(None, "name of the run folder (default: the data's name)")

    def __post_init__(self) -> None:
        from alih.routes.registry import ROUTES

        def fail(option: str, problem: str) -> None:
            raise OptionError(f"--{option.replace('_', '-')}: {problem}")

        if self.routes is not None and not self.routes:
            fail("routes", f"names no route. Routes: {', '.join(ROUTES)}.")
        for route in self.routes or ():
            if route not in ROUTES:
                fail("routes", _unknown("route", route, ROUTES))
        for option in ("seeds", "batch_size", "epochs", "max_examples", "max_length", "rank", "group_size", "shots"):
            value = getattr(self, option)
            if value is not None and value < 1:
                fail(option, f"must be at least 1, not {value}.")
        if not 0 <= self.seed <= _MOST_SEED:
            fail("seed", f"must be from 0 to {_MOST_SEED:,}, not {self.seed}.")
        if self.blocks is not None and not self.blocks:
            fail("blocks", "names no number of blocks. Write 2, or 1,3,all.")
        if self.blocks is not None and any(count < 1 and count != ALL_BLOCKS for count in self.blocks):
            fail("blocks", "must be 1 or more, or 'all'. For a frozen backbone use the route transfer.")
        by_route = self.learning_rate if isinstance(self.learning_rate, Mapping) else {}
        for route in by_route:
            if route not in ROUTES:
                fail("learning_rate", _unknown("route", route, ROUTES))
        for rate in by_route.values() or ([] if self.learning_rate is None else [self.learning_rate]):
            if not (isinstance(rate, float) and 0 < rate < 10):
                fail("learning_rate", f"must be above 0 and below 10, not {rate}.")
        if self.alpha is not None and not (math.isfinite(self.alpha) and self.alpha > 0):
            fail("alpha", f"must be a number above zero, not {self.alpha}.")
        if self.bits not in _BITS:
            fail("bits", f"must be {', '.join(map(str, _BITS[:-1]))} or {_BITS[-1]}, not {self.bits}.")
        if self.lora_targets is not None and not self.lora_targets:
            fail("lora_targets", "names no layer. Write all-linear, attention, or names of layers.")
        grouped = {"all-linear", "attention"} & set(self.lora_targets or ())
        if grouped and len(self.lora_targets or ()) > 1:
            fail("lora_targets", f"{min(grouped)} stands alone; leave out either it or the names beside it.")
        if self.max_time is not None and not self.max_time > 0:
            fail("max_time", "must be above zero: 90s, 20m, 1h.")
        for option in ("max_memory", "max_latency"):
            value = getattr(self, option)
            if value is not None and not (value > 0 and math.isfinite(value)):
                fail(option, f"must be above zero, not {value}.")
        SplitOptions(self.validation, self.test, self.seed, self.max_examples).check()
        if not (self.cache_limit >= 0 and math.isfinite(self.cache_limit)):
            fail("cache_limit", f"must be 0 or more gigabytes, not {self.cache_limit}.")

    def rate_for(self, route: str) -> float | None:
        """The learning rate that the user gave for a route; None where it is to be searched."""
        return self.learning_rate.get(route) if isinstance(self.learning_rate, Mapping) else self.learning_rate

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Options:
        """Build options from keyword arguments or a file, rejecting unknown names and mending simple types.

        Raises:
            OptionError: a name is unknown, or a value has the wrong form.
        """
        known = {option.name: option for option in fields(cls)}
        clean: dict[str, Any] = {}
        for name, value in values.items():
            if name not in known:
                raise OptionError(_unknown("option", name, known))
            choices = known[name].metadata.get("choices")
            if choices and value is not None and value not in choices:
                raise OptionError(f"--{name.replace('_', '-')}: {value!r} is none of {', '.join(choices)}.")
            clean[name] = None if value is None else _CONVERT.get(name, _plain)(known[name], value)
        return cls(**clean)


#: Bit widths that there are; as `alih.quantize.groups.BITS`, which is too heavy to import for a flag.
_BITS = (2, 3, 4, 8)
#: Stands for "every block" where a number of blocks is asked for.
ALL_BLOCKS = -1
#: The largest seed that every random generator in use takes.
_MOST_SEED = 2**32 - 1


def _plain(option: Field[Any], value: Any) -> Any:
    """Mend a value of a simple type: digits in a text are a number, a path is a text."""
    wanted = str(option.type).removesuffix(" | None")
    try:
        if wanted == "int" and not isinstance(value, bool) and (isinstance(value, str) or int(value) == value):
            return int(value)
        if wanted == "float" and not isinstance(value, bool):
            return float(value)
        if wanted == "bool" and isinstance(value, bool):
            return value
        if wanted == "str":
            return os.fspath(value)
    except (TypeError, ValueError, OverflowError):
        pass
    else:
        if wanted not in _IN_WORDS:
            return value
    raise OptionError(f"--{option.name.replace('_', '-')}: {value!r} is not {_IN_WORDS[wanted]}.")


_IN_WORDS = {"int": "a whole number", "float": "a number", "bool": "True or False", "str": "a text"}


def seconds(value: str | float) -> float:
    """Read a duration: 90, "90s", "20m", "1h30m".

    Raises:
        OptionError: it is no duration.
    """
    if isinstance(value, int | float):
        return float(value)
    text = str(value).strip().lower()
    if re.fullmatch(r"\d+(\.\d+)?", text):
        return float(text)
    parts = re.findall(r"(\d+(?:\.\d+)?)([smhd])", text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise OptionError(f"--max-time: {value!r} is no duration. Write it as 90s, 20m or 1h30m.")
    return sum(float(number) * _SECONDS[unit] for number, unit in parts)


def size(value: str | float) -> float:
    """Read a size in bytes: 8000000, "8GB", "500 MB", "1.5GiB".

    Raises:
        OptionError: it is no size.
    """
    if isinstance(value, int | float):
        return float(value)
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", str(value).strip().lower())
    if not found:
        raise OptionError(f"--max-memory: {value!r} is no size. Write it as 500MB or 8GB.")
    number, prefix, binary = found.groups()
    return float(number) * float(1024 if binary else 1000) ** (" kmgt".index(prefix or " "))


def _items(option: Field[Any], value: Any) -> list[str]:
    """The parts of "a,b", of one value, or of a list."""
    if isinstance(value, str):
        return [item.strip().lower() for item in value.split(",") if item.strip()]
    if isinstance(value, int):
        return [str(value)]
    if isinstance(value, list | tuple):
        return [str(item).strip().lower() for item in value]
    raise OptionError(f"--{option.name.replace('_', '-')}: {value!r} is no list of names or numbers.")


def _names(option: Field[Any], value: Any) -> tuple[str, ...]:
    return tuple(_items(option, value))


def _layers(option: Field[Any], value: Any) -> tuple[str, ...]:
    """Names of layers, whose capitals matter."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise OptionError(f"--lora-targets: {value!r} is no list of names.")
    return tuple(str(part).strip() for part in parts if str(part).strip())


def _duration(_option: Field[Any], value: Any) -> float:
    return seconds(value)


def _size(_option: Field[Any], value: Any) -> float:
    return size(value)


def _rates(option: Field[Any], value: Any) -> float | Mapping[str, float]:
    """One rate, or one for each route: "transfer=0.01,finetune=1e-4", or a dict of them."""
    if isinstance(value, str) and "=" in value:
        items = [item.partition("=") for item in _items(option, value)]
        names = [name.strip() for name, _, _ in items]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise OptionError(f"--learning-rate: {twice!r} has two rates. Give each route one.")
        value = {name: rate for name, _, rate in items}
    told = value if isinstance(value, Mapping) else {"": value}
    try:
        rates = {str(route).strip(): float(rate) for route, rate in told.items() if not isinstance(rate, bool)}
    except (TypeError, ValueError):
        rates = {}
    if not rates or len(rates) < len(told):
        raise OptionError(
            f"--learning-rate: {value!r} is not a number, nor route=number. Write 1e-4, or transfer=0.01."
        )
    return rates if isinstance(value, Mapping) else rates[""]


def _column(option: Field[Any], value: Any) -> str:
    """One column, or several from Python as a list: the reader takes them comma-separated."""
    return ",".join(value) if isinstance(value, list | tuple) else str(_plain(option, value))


def _template(_option: Field[Any], value: Any) -> str:
    """The text of a template, from its file, so that the run keeps what it was."""
    from alih.generate.prompt import NAMES, check_template, read_template

    text = read_template(os.fspath(value))
    check_template(text, NAMES)
    return text


def _counts(option: Field[Any], value: Any) -> tuple[int, ...]:
    counts = []
    for text in _items(option, value):
        if text == "all" or text == str(ALL_BLOCKS):
            counts.append(ALL_BLOCKS)
        elif re.fullmatch(r"\d+", text):
            counts.append(int(text))
        else:
            raise OptionError(f"--blocks: {text!r} is no number of blocks. Write 2, or 1,3,all.")
    return tuple(counts)


def _unknown(what: str, name: str, known: Iterable[str]) -> str:
    names = list(known)
    return f"there is no {what} {name!r}.{did_you_mean(name, names)} {what.capitalize()}s: {', '.join(names)}."


_CONVERT: dict[str, Callable[[Field[Any], Any], Any]] = {
    "routes": _names,
    "lora_targets": _layers,
    "blocks": _counts,
    "max_time": _duration,
    "max_memory": _size,
    "learning_rate": _rates,
    "text": _column,
    "label": _column,
    "template": _template,
}
