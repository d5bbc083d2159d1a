"""Options of the data: columns, splits, sizes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from alih.data.split_options import SplitOptions
from alih.errors import OptionError
from alih.option import at_least, option
from alih.task import CLASSIFICATION, GENERATION, RETRIEVAL, TAGGING


def _column(value: Any, flag: str) -> str:
    """One column, or several from Python as a list: the reader takes them comma-separated."""
    parts = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(part, str) for part in parts):
        raise OptionError(f"{flag}: {value!r} is not a text.")
    return ",".join(parts)


@dataclass(frozen=True)
class DataOptions:
    """What is read, and how it is split (shares and numbers of examples are checked by `SplitOptions`)."""

    TITLE: ClassVar[str] = "data"

    text: str | None = option(
        None,
        "column of the text; two, comma-separated, for pairs",
        unset="found, and said",
        convert=_column,
        tasks=(CLASSIFICATION,),
    )
    label: str | None = option(
        None,
        "column of the label; several 0/1 columns, comma-separated, for multi-label",
        unset="found, and said",
        convert=_column,
        tasks=(CLASSIFICATION,),
    )
    group: str | None = option(None, "column whose equal values stay on one side of the split", tasks=(CLASSIFICATION,))
    kind: str | None = option(
        None,
        "kind of label",
        unset="found, and said",
        choices=("single-label", "multi-label", "regression"),
        tasks=(CLASSIFICATION,),
    )
    decimal: str | None = option(
        None,
        "the mark before decimals in the label, where its numbers do not tell",
        unset="found, and said",
        choices=(".", ","),
        tasks=(CLASSIFICATION,),
    )
    max_examples: int | None = option(
        None, "use at most so many training examples (seeded; stratified by class)", unset="all", check=at_least(1)
    )
    max_length: int | None = option(
        None,
        "cut texts after so many tokens",
        unset="what the model takes",
        check=at_least(1),
        tasks=(CLASSIFICATION, GENERATION, TAGGING),
    )
    validation: float | None = option(
        None,
        "share of the examples that choose settings, where no validation split is given",
        by_task={CLASSIFICATION: SplitOptions.validation},
        unset=f"{SplitOptions.validation}; generation, translation: a tenth, and retrieval: 0.15, within limits",
    )
    test: float | None = option(
        None,
        "share of the examples kept for the last, single test, where no test split is given",
        by_task={CLASSIFICATION: SplitOptions.test},
        unset=f"{SplitOptions.test}; generation, translation: a tenth, and retrieval: 0.15, within limits",
    )
    shifted: str | None = option(
        None,
        "labelled file or folder from another place or time: every route is scored on it, too",
        metavar="DATA",
    )
    general: str | None = option(
        None,
        "text file with passages, to measure what a language model forgets",
        unset="the standard library's documentation",
        metavar="FILE",
        tasks=(CLASSIFICATION, GENERATION, RETRIEVAL, TAGGING),
    )
