"""Options of retrieval alone, and what its options must fit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

from alih.option import option
from alih.task import RETRIEVAL

ROUTES = ("zero-shot", "finetune", "lora", "qlora", "qalora", "ia3", "scratch")
#: What `alih compare` runs where the user names no routes.
COMPARED = ("zero-shot", "finetune", "lora")


@dataclass(frozen=True)
class RetrievalOptions:
    """What only the training of an embedding model has."""

    TITLE: ClassVar[str] = "retrieval"

    hard_negatives: int = option(
        1,
        "passages a question that the model finds near it although they do not answer it",
        check=lambda value: None if 0 <= value <= 10 else f"must be from 0 to 10, not {value}.",
        tasks=(RETRIEVAL,),
    )
    library: str | None = option(
        None, "library whose passages hard negatives are mined from, too", metavar="NAME", tasks=(RETRIEVAL,)
    )
    libraries: str | None = option(
        None, "folder of the libraries", unset="as for alih rag", metavar="FOLDER", tasks=(RETRIEVAL,)
    )


def check(options: Any) -> Iterator[tuple[str, str]]:
    """Options that do not fit retrieval, each with what is wrong.

    Args:
        options: those that were given, as `alih.compare.options.Options` holds them.
    """
    if options.batch_size < 2:
        yield "batch_size", "must be at least 2: the other passages of the batch are the negatives."
    if options.libraries is not None and options.library is None:
        yield "libraries", "says where a library is; name it with --library."
