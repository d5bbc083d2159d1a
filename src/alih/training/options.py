"""Options of training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from alih.errors import OptionError
from alih.option import BELOW_HEAD, TRAINED, at_least, items, option
from alih.task import CLASSIFICATION, GENERATION, RETRIEVAL, TAGGING, TRANSLATION

#: The largest seed that every random generator in use takes.
_MOST_SEED = 2**32 - 1


def _rates(value: Any, flag: str) -> float | Mapping[str, float]:
    """One rate, or one for each route: "transfer=0.01,finetune=1e-4", or a dict of them."""
    if isinstance(value, str) and "=" in value:
        pairs = [item.partition("=") for item in items(value, flag)]
        names = [name.strip() for name, _, _ in pairs]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise OptionError(f"{flag}: {twice!r} has two rates. Give each route one.")
        value = {name: rate for name, _, rate in pairs}
    given = value if isinstance(value, Mapping) else {"": value}
    try:
        rates = {str(route).strip(): float(rate) for route, rate in given.items() if not isinstance(rate, bool)}
    except (TypeError, ValueError):
        rates = {}
    if not rates or len(rates) < len(given):
        raise OptionError(f"{flag}: {value!r} is not a number, nor route=number. Write 1e-4, or transfer=0.01.")
    return rates if isinstance(value, Mapping) else rates[""]


def _check_rates(value: float | Mapping[str, float]) -> str | None:
    rates = value.values() if isinstance(value, Mapping) else [value]
    wrong = [rate for rate in rates if not (isinstance(rate, float) and 0 < rate < 10)]
    return f"must be above 0 and below 10, not {wrong[0]}." if wrong else None


def _check_seed(value: int) -> str | None:
    return None if 0 <= value <= _MOST_SEED else f"must be from 0 to {_MOST_SEED:,}, not {value}."


@dataclass(frozen=True)
class TrainingOptions:
    """How long, how fast and on how many examples at a time."""

    TITLE: ClassVar[str] = "training"

    epochs: int | None = option(
        None, "passes over the training data", unset="by the data", check=at_least(1), routes=BELOW_HEAD
    )
    steps: int | None = option(
        None,
        "updates of the weights, instead of --epochs",
        unset="by the data",
        check=at_least(1),
        tasks=(GENERATION, TRANSLATION),
        routes=BELOW_HEAD,
    )
    learning_rate: float | Mapping[str, float] | None = option(
        None,
        "use this learning rate instead of searching for one; for several routes: transfer=0.01,finetune=1e-4",
        unset="searched for",
        metavar="RATE",
        convert=_rates,
        check=_check_rates,
        routes=TRAINED,
    )
    batch_size: int = option(32, "examples a step", check=at_least(1), tasks=(CLASSIFICATION, RETRIEVAL, TAGGING))
    batch_tokens: int | None = option(
        None,
        "most tokens of a batch; of a translation, of source and of target",
        unset="translation: by the size",
        by_task={GENERATION: 1024},
        check=at_least(1),
        tasks=(GENERATION, TRANSLATION),
        routes=BELOW_HEAD,
    )
    batching: Literal["packed", "length"] = option(
        "packed",
        "packed: several examples a row that do not see each other; length: rows padded beside others like them",
        choices=("packed", "length"),
        tasks=(GENERATION,),
        routes=BELOW_HEAD,
    )
    seed: int = option(0, "the first seed; everything random follows from it", check=_check_seed)

    def rate_for(self, route: str) -> float | None:
        """The learning rate that the user gave for a route; None where it is to be searched."""
        return self.learning_rate.get(route) if isinstance(self.learning_rate, Mapping) else self.learning_rate
