"""Options of the pre-trained model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from alih.option import PRETRAINED, TRAINED, option
from alih.task import CLASSIFICATION, GENERATION, RETRIEVAL, TRANSLATION

#: A translator that is trained from scratch starts from no model.
_NOT_FROM_SCRATCH = {TRANSLATION: PRETRAINED}


@dataclass(frozen=True)
class ModelOptions:
    """Which model, and how it is opened."""

    TITLE: ClassVar[str] = "model"

    model: str | None = option(
        None,
        "pre-trained model: built-in name, local folder, or Hub id",
        unset="a built-in one, by the data; translation: none, from scratch",
        by_task={GENERATION: "alih/lm-small", RETRIEVAL: "alih/minilm"},
    )
    revision: str | None = option(
        None,
        "revision of a model on the Hub",
        routes=_NOT_FROM_SCRATCH,
    )
    allow_pickle: bool = option(
        False,
        "also read pickled weights (tensors only); off, since pickles can run code",
        routes=_NOT_FROM_SCRATCH,
    )
    pooling: Literal["auto", "native", "mean"] = option(
        "auto",
        "how a text encoder's tokens become one vector",
        choices=("auto", "native", "mean"),
        tasks=(CLASSIFICATION,),
    )
    precision: Literal["fp32", "bf16", "fp16"] | None = option(
        None,
        "compute type",
        unset="the fastest exact enough on this device",
        choices=("fp32", "bf16", "fp16"),
        routes={GENERATION: TRAINED},
    )
