"""A trial: one variant, one setting, one number of examples, one seed; its scores and its costs."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, field, fields
from typing import Any, Literal, get_type_hints

from alih.compare.report.reading import read
from alih.errors import RunError

SCHEMA = 1
#: What to do about a damaged line.
DELETE_LINE = "Delete this line: alih resume then runs that trial again, and keeps every other one."
Purpose = Literal["search", "curve", "full"]


@dataclass(frozen=True)
class Scope:
    """Which layers trained.

    Args:
        layers: in words ("head + top 2 blocks").
        trainable: trained parameters.
        total: all parameters.
    """

    layers: str
    trainable: int
    total: int


@dataclass(frozen=True)
class Costs:
    """What a trial cost.

    Args:
        seconds: wall time of adapting, with this trial's share of the pass through the frozen part.
        peak_memory_bytes: of the process while it adapted.
        disk_bytes: of what training changed.
        examples_seen: examples fed, counted each time.
        flops: floating-point operations of the training steps; None where they were not counted.
        latency_ms: median time of one prediction; None where it was not measured.
        latency_p95_ms: the time that 95 % of the predictions stay below.
        energy_joules: of the processor while it adapted; None where the machine does not tell.
        frozen_seconds: this trial's share of the pass through the frozen part, which `seconds` contains.
        tokens: tokens that one prediction reads, mean of the validation split; None for pictures.
    """

    seconds: float
    peak_memory_bytes: int
    disk_bytes: int
    examples_seen: int
    flops: float | None = None
    latency_ms: float | None = None
    frozen_seconds: float = 0.0
    latency_p95_ms: float | None = None
    energy_joules: float | None = None
    tokens: float | None = None


@dataclass(frozen=True)
class Closer:
    """What is measured of the first run of a variant on all examples alone.

    Args:
        shifts: metric that decides after each shift alone, less before it, on the same validation rows; by shift.
        others: that metric on further sets that the user gave, by name.
        forgetting: accuracy on the source task after adapting, less before; None where it is not known.
        general: cross-entropy on general text after adapting, less before, nats a token: above zero is forgotten; None
            where the pre-trained model has no language-model head.
        drift: how far the features of the backbone moved, 1 − linear CKA (Kornblith et al. 2019, arXiv 1905.00414,
            equation 5) on validation rows: 0 not at all, 1 entirely; None where the backbone did not train.
    """

    shifts: dict[str, float] = field(default_factory=dict)
    others: dict[str, float] = field(default_factory=dict)
    forgetting: float | None = None
    drift: float | None = None
    general: float | None = None


@dataclass(frozen=True)
class Merged:
    """What merging adapters into the model changed.

    Args:
        metrics: on the validation split, of the merged model.
        before: the same with the adapters beside it.
        largest_difference: largest absolute difference of a logit.
        model_bytes: of the merged model's weights as they are written.
        nf4: on the validation split, of QLoRA's merged weights rounded to NF4 again; None for other routes.
    """

    metrics: dict[str, float]
    before: dict[str, float]
    largest_difference: float
    model_bytes: int
    nf4: dict[str, float] | None = None


@dataclass(frozen=True)
class Trial:
    """One trial, as it is written to `trials.jsonl`.

    Args:
        id: derived from variant, setting, examples, seed and purpose.
        route: the route's name.
        label: the variant in words.
        setting: hyper-parameters.
        examples: training examples used.
        seed: everything random followed from it.
        purpose: a run of the learning-rate search, a point of the learning curve, or a run on all examples.
        metrics: on the validation split.
        train_metrics: on the training rows (at most 1,000 of them).
        shifted_metrics: on the shifted copy of the validation split; empty unless on all examples.
        scope: which layers trained.
        costs: what it cost.
        history: one record an epoch.
        best_epoch: the epoch whose weights were scored.
        stopped: why training ended early, or None.
        closer: what only the first run on all examples is measured for.
        merged: what merging changed, of adapters trained on all examples.
        schema: version of this record.
    """

    id: str
    route: str
    label: str
    setting: dict[str, Any]
    examples: int
    seed: int
    purpose: Purpose
    metrics: dict[str, float]
    train_metrics: dict[str, float]
    shifted_metrics: dict[str, float]
    scope: Scope
    costs: Costs
    history: tuple[dict[str, Any], ...] = ()
    best_epoch: int = 1
    stopped: str | None = None
    closer: Closer | None = None
    merged: Merged | None = None
    schema: int = field(default=SCHEMA)


def trial_id(label: str, setting: Mapping[str, Any], examples: int, seed: int, purpose: str) -> str:
    """A short name that is the same for the same trial: 16 hexadecimal digits."""
    told = json.dumps([label, dict(setting), examples, seed, purpose], sort_keys=True)
    return hashlib.blake2b(told.encode(), digest_size=8).hexdigest()


def to_json(trial: Trial) -> str:
    """One line of strict JSON; numbers that JSON does not know (NaN, infinity) become null."""
    return json.dumps(finite(asdict(trial)), ensure_ascii=False, allow_nan=False)


def from_json(line: str) -> Trial:
    """Read one line.

    Raises:
        RunError: it was written by another version of Alih, or is no trial.
        ValueError: it is no JSON.
    """
    told = json.loads(line)
    if not isinstance(told, dict) or "schema" not in told:
        raise RunError(f"this line is no trial. {DELETE_LINE}")
    unknown = set(told) - {field.name for field in fields(Trial)}
    if told["schema"] != SCHEMA or unknown:
        extra = f", unknown: {', '.join(sorted(unknown))}" if unknown else ""
        raise RunError(f"written with schema {told['schema']}, this version of Alih reads {SCHEMA}{extra}; update Alih")
    try:
        for one in fields(Trial):
            if one.name not in told and one.default is MISSING and one.default_factory is MISSING:
                raise RunError(f"{one.name} is missing")
        hints = get_type_hints(Trial)
        return Trial(**{name: _part(hints[name], value, name) for name, value in told.items()})
    except RunError as error:
        raise RunError(f"this line is no trial ({str(error).rstrip('.')}). {DELETE_LINE}") from error


def _part(kind: Any, value: Any, name: str) -> Any:
    """One part of a trial, of the type that it should have."""
    if name == "setting" and isinstance(value, Mapping):
        return value
    if name == "history" and isinstance(value, list) and all(isinstance(epoch, Mapping) for epoch in value):
        return tuple(value)
    if name in {"setting", "history"}:
        raise RunError(f"{name} is {value!r}")
    if isinstance(value, Mapping):
        value = _scores(value) if name.endswith("metrics") else {key: _scores(one) for key, one in value.items()}
    return read(kind, value, name)


def _scores(told: Any) -> Any:
    """Scores as they were written, where these are scores; what JSON could not say is not a number again."""
    if not isinstance(told, Mapping):
        return told
    return {name: math.nan if value is None else value for name, value in told.items()}


def finite(value: Any) -> Any:
    """Replace numbers that are not finite by None, at any depth."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
