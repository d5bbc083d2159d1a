"""What a user may ask of an embedding model's training: one dataclass, whose fields' help is the CLI's help."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from alih.compare.options import ALL_BLOCKS, Options
from alih.data.messages import did_you_mean
from alih.errors import OptionError

ROUTES = ("finetune", "lora")
#: Options of the other tasks that mean the same here.
SHARED = (
    *("model", "blocks", "max_examples", "validation", "test", "epochs", "learning_rate", "rank", "alpha", "rslora"),
    *("dora", "batch_size", "seed", "max_time", "runs", "name"),
)


def _own(default: Any, help: str, **more: Any) -> Any:
    return field(default=default, metadata={"help": help, **more})


@dataclass(frozen=True)
class EmbeddingOptions:
    """Options of `alih adapt --task embedding`; `alih.adapt(…, task="embedding")` takes the same names.

    Those that other tasks have, too, mean the same as in `alih.compare.options.Options`.

    Raises:
        OptionError: a value is out of range or does not fit another one; the message names the option.
    """

    hard_negatives: int = _own(1, "passages a question that the model finds near it although they do not answer it")
    library: str | None = _own(None, "library whose passages hard negatives are mined from, too", metavar="NAME")
    libraries: str | None = _own(None, "folder of the libraries (default: as for alih rag)", metavar="FOLDER")
    model: str = "alih/minilm"
    route: str = "finetune"
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
    batch_size: int = 32
    seed: int = 0
    max_time: float | None = None
    runs: str = "runs"
    name: str | None = None

    def __post_init__(self) -> None:
        def fail(option: str, problem: str) -> None:
            raise OptionError(f"--{option.replace('_', '-')}: {problem}")

        if self.route not in ROUTES:
            fail("route", f"{self.route!r} is no route of an embedding model. Routes: {', '.join(ROUTES)}.")
        if not 0 <= self.hard_negatives <= 10:
            fail("hard_negatives", f"must be from 0 to 10, not {self.hard_negatives}.")
        if self.batch_size < 2:
            fail("batch_size", "must be at least 2: the other passages of the batch are the negatives.")
        if self.libraries is not None and self.library is None:
            fail("libraries", "says where a library is; name it with --library.")
        for option in ("validation", "test"):
            share = getattr(self, option)
            if share is not None and not 0 < share < 0.5:
                fail(option, f"must be above 0 and below 0.5, not {share}.")
        for option in ("rank", "alpha", "rslora", "dora") if self.route == "finetune" else ():
            if getattr(self, option) != _DEFAULTS[option]:
                fail(option, "is of adapters; add --route lora, or leave it out.")

    def command(self, data: str) -> str:
        """The command that runs the same again, quoted for a POSIX shell."""
        parts = ["alih", "adapt", data, "--task=embedding"]
        for option in fields(self):
            value = getattr(self, option.name)
            if value != option.default:
                flag = f"--{option.name.replace('_', '-')}"
                said = f"{value:.9f}".rstrip("0").rstrip(".") + "s" if option.name == "max_time" else str(value)
                parts.append(flag if value is True else f"{flag}={said}")
        return " ".join(shlex.quote(part) for part in parts)

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> EmbeddingOptions:
        """Build options from keyword arguments, rejecting unknown names and mending simple types.

        Raises:
            OptionError: a name is unknown, means nothing here, or a value has the wrong form.
        """
        known = [option.name for option in fields(cls)]
        general = [option.name for option in fields(Options)]
        given = {name: value for name, value in values.items() if value is not None}
        for name in given:
            if name not in known and name in general:
                raise OptionError(f"--{name.replace('_', '-')}: means nothing for an embedding model; leave it out.")
            if name not in known:
                raise OptionError(
                    f"there is no option {name!r}.{did_you_mean(name, known)} Options: {', '.join(known)}."
                )
        mended = Options.from_mapping({name: value for name, value in given.items() if name in SHARED})
        clean: dict[str, Any] = {name: getattr(mended, name) if name in SHARED else given[name] for name in given}
        if "hard_negatives" in clean:
            clean["hard_negatives"] = _whole("hard_negatives", clean["hard_negatives"])
        if "libraries" in clean:
            clean["libraries"] = os.fspath(clean["libraries"])
        if "blocks" in clean:
            if len(clean["blocks"]) > 1:
                raise OptionError("--blocks: an embedding model takes one number of blocks.")
            clean["blocks"] = None if clean["blocks"][0] == ALL_BLOCKS else clean["blocks"][0]
        if isinstance(clean.get("learning_rate"), Mapping):
            raise OptionError("--learning-rate: one route runs, so give one rate.")
        return cls(**clean)


_DEFAULTS = {option.name: option.default for option in fields(EmbeddingOptions)}


def _whole(name: str, value: Any) -> int:
    try:
        if not isinstance(value, bool) and int(value) == float(value):
            return int(value)
    except (TypeError, ValueError, OverflowError):
        pass
    raise OptionError(f"--{name.replace('_', '-')}: {value!r} is not a whole number.")
