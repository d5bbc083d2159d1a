"""What one route with one seed is measured for in a comparison, and its record on disk."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alih import files
from alih.data.examples import Examples
from alih.data.shift import shifted
from alih.errors import RunError
from alih.instruct.conversation import USER, Conversation, Turn
from alih.instruct.write import Sampling
from alih.instruct.writer import Writer
from alih.metrics import text
from alih.metrics.base import Floats
from alih.metrics.names import named
from alih.task import Kind, Modality, Task

#: What the functions that take a task are given; metrics of written text do not look at it.
TEXT_TASK = Task(Modality.TEXT, Kind.SINGLE)
#: Examples that the shifted copy and the training score are taken of, and single answers that are timed.
_SOME, _TIMED = 64, 8


@dataclass(frozen=True)
class Measured:
    """One route with one seed; rows are validation examples.

    Args:
        label: the route in words.
        route: its name.
        seed: of training.
        scores: statistics (n, 2) of each metric; see `alih.metrics.text`.
        shifted: mean of each metric of written answers to prompts with typing mistakes.
        unshifted: the same of the same prompts as they are.
        train: the metrics on some training examples.
        held: the same on as many validation examples.
        general: cross-entropy on general text, nats a token.
        unmerged: validation cross-entropy before adapters were merged; None where there were none.
        merged: the same after.
        rate: learning rate; None where nothing trained.
        trainable: trained parameters.
        parameters: all parameters.
        layers: what trains, in words.
        seconds: to adapt, the search for a learning rate included.
        search_seconds: that search.
        peak: bytes of memory at most.
        disk: bytes of the model.
        latency_ms: median time of one answer.
        tokens: mean tokens of a prompt with all that stands before it, and of its answer.
        steps: updates made.
        complete: False where the time limit cut training short.
        answers: some answers, in the order of the validation examples.
    """

    label: str
    route: str
    seed: int
    scores: dict[str, list[list[float]]]
    shifted: dict[str, float]
    unshifted: dict[str, float]
    train: dict[str, float]
    held: dict[str, float]
    general: float
    unmerged: float | None
    merged: float | None
    rate: float | None
    trainable: int
    parameters: int
    layers: str
    seconds: float
    search_seconds: float
    peak: int
    disk: int
    latency_ms: float | None
    tokens: tuple[float, float] | None
    steps: int
    complete: bool
    answers: tuple[str, ...]

    def values(self, metric: str) -> NDArray[np.float64]:
        """The statistics of the validation examples by one metric, (n, 2)."""
        return np.asarray(self.scores[metric], dtype=np.float64)


def measured(writer: Writer, judged: Sequence[Conversation], train: Sequence[Conversation]) -> dict[str, Any]:
    """Let a model answer: the fields of `Measured` that need the model alone, but `general` and `latency_ms`."""
    losses, _ = writer.losses(judged)
    scores: dict[str, list[list[float]]] = {"perplexity": [[total, float(count)] for total, count in losses]}
    asked = [one for one in judged if one.form != "text"]
    some = asked[:_SOME]
    told: dict[str, Any] = {"shifted": {}, "unshifted": {}, "answers": (), "tokens": None}
    if asked:
        written = writer.answer([one.prompt for one in asked])
        scores |= {name: table.tolist() for name, table in _tables(written, asked).items()}
        told["shifted"] = _means(_tables(writer.answer(_mistyped(some)), some))
        told["unshifted"] = _means(_tables(written[: len(some)], some))
        told["answers"] = tuple(written)
        told["tokens"] = (
            float(np.mean([len(writer.prompt(one.prompt)) for one in asked])),
            float(np.mean([len(writer.opened.tokenizer(answer, verbose=False)["input_ids"]) for answer in written])),
        )
    taught = train[: len(some) or _SOME]
    told |= {
        "scores": scores,
        "train": _scored(writer, taught),
        "held": _scored(writer, judged[: len(taught)]),
    }
    return told


def latency(writer: Writer, judged: Sequence[Conversation]) -> float | None:
    """Median milliseconds of one greedy answer, one prompt at a time, as `alih generate` runs the model.

    It comes last: the model is for answering only afterwards.
    """
    asked = [one for one in judged if one.form != "text"]
    if not asked:
        return None
    writer.make_fast()
    return _latency(writer, asked)


def write(path: Path, found: Measured) -> None:
    """Write a record: whole, or not at all."""
    files.write_text(path, json.dumps(asdict(found), ensure_ascii=False))


def read(path: Path) -> Measured | None:
    """The record, if it is there and whole.

    Raises:
        RunError: another version wrote it.
    """
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    try:
        found = Measured(**told)
    except TypeError as error:
        raise RunError(f"{path}: written by another version of Alih ({error}). Start the comparison anew.") from error
    tokens = None if found.tokens is None else (found.tokens[0], found.tokens[1])
    return replace(found, tokens=tokens, answers=tuple(found.answers))


def _tables(written: Sequence[str], asked: Sequence[Conversation]) -> dict[str, Floats]:
    return text.statistics(written, [one.answer.strip() for one in asked])


def _means(tables: dict[str, Floats]) -> dict[str, float]:
    return {name: named(name).score(table) for name, table in tables.items()}


def _scored(writer: Writer, conversations: Sequence[Conversation]) -> dict[str, float]:
    losses, _ = writer.losses(conversations)
    found = {"perplexity": text.PERPLEXITY.score(np.array(losses))}
    asked = [one for one in conversations if one.form != "text"]
    return {**found, **_means(_tables(writer.answer([one.prompt for one in asked]), asked))} if asked else found


def _mistyped(asked: Sequence[Conversation]) -> list[tuple[Turn, ...]]:
    """Prompts whose last turn was typed carelessly; the same for every route."""
    last = Examples([one.prompt[-1].content for one in asked], None, [one.origin for one in asked])
    changed = shifted(last, TEXT_TASK, 0, kinds=("typing mistakes",)).inputs
    return [(*one.prompt[:-1], Turn(USER, str(typed))) for one, typed in zip(asked, changed, strict=True)]


def _latency(writer: Writer, asked: Sequence[Conversation]) -> float:
    """Median milliseconds of one greedy answer, one prompt at a time."""
    sampling = Sampling(writer.told.max_new_tokens)
    writer.answer([asked[0].prompt], sampling)
    times = []
    for one in asked[:_TIMED]:
        start = time.perf_counter()
        writer.answer([one.prompt], sampling)
        times.append(1000 * (time.perf_counter() - start))
    return float(np.median(times))
