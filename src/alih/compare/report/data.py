"""What a report shows: a plain tree of dataclasses that is written as JSON and read again by later versions.

Every part may be missing (None, or empty): what was not measured is left out of the page. Schema 1 is that of runs
before there was an `evidence` part; the fields it lacks get their defaults. A change that an older reader would
misunderstand raises `SCHEMA_VERSION`.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Literal

from alih.compare.report.reading import read
from alih.compare.trial import finite
from alih.errors import RunError
from alih.tasks.evidence import Answer, Calibration, Confusion, Mistake

SCHEMA_VERSION = 2
Severity = Literal["note", "warning", "serious"]


@dataclass(frozen=True)
class Sure:
    """A score, and the interval that contains it with 95 % probability."""

    point: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Run:
    """What was run.

    Args:
        name: of the run folder.
        date: ISO 8601, UTC; empty where the folder's name does not tell it.
        data: name of the data.
        digest: of the data's contents.
        model: the pre-trained model.
        task: kind of label and modality in words.
        sizes: examples a split.
        seeds: seeds a variant was to get.
        versions: of the packages that the numbers depend on.
        machine: in words.
        command: what runs it again.
        seconds: wall time in all.
        interrupted: stopped before its end.
    """

    name: str
    date: str = ""
    data: str = ""
    digest: str = ""
    model: str = ""
    task: str = ""
    sizes: dict[str, int] = field(default_factory=dict)
    seeds: int | None = None
    versions: dict[str, str] = field(default_factory=dict)
    machine: str = ""
    command: str = ""
    seconds: float | None = None
    interrupted: bool = False


@dataclass(frozen=True)
class Row:
    """The textbook's five rows for one variant: one column of the table.

    Args:
        label: the variant in words.
        layers: which layers train.
        trainable: trained parameters.
        total: all parameters.
        learning_rate: the one it was judged with.
        curve: (training examples, score) by size, ascending.
        enough_examples: smallest size within the noise of the score on all examples.
        enough_interval: 95 % interval of that number.
        measured_on: most training examples it was measured on.
        search_seconds: the search for its learning rate.
        seconds: one training run.
        complete: False where the time limit cut it short.
        peak_memory_bytes: while it adapted.
        flops: floating-point operations of one training run.
        disk_bytes: of what training changed.
        latency_ms: of one prediction, median.
        latency_p95_ms: of one prediction, 95th percentile.
        tokens: that one prediction reads, on average.
        energy_joules: of one training run.
        score: on the validation split, on all training examples.
        predicted: what its learning curve foresees, where it was stopped earlier.
        shifted: mean score on the shifted copy, or on each of them, by name.
        unshifted: mean score without the shift.
        forgetting: change of the score on the source task.
        general: change of the cross-entropy on general text, nats a token; above zero: forgotten.
        gap: training score minus validation score; positive = overfitting.
        stopped: why it was measured no further.
    """

    label: str
    layers: str = ""
    trainable: int | None = None
    total: int | None = None
    learning_rate: float | None = None
    curve: tuple[tuple[int, float], ...] = ()
    enough_examples: int | None = None
    enough_interval: tuple[int, int] | None = None
    measured_on: int | None = None
    search_seconds: float | None = None
    seconds: float | None = None
    complete: bool = True
    peak_memory_bytes: int | None = None
    flops: float | None = None
    disk_bytes: int | None = None
    latency_ms: float | None = None
    latency_p95_ms: float | None = None
    tokens: float | None = None
    energy_joules: float | None = None
    score: Sure | None = None
    predicted: Sure | None = None
    shifted: dict[str, float] = field(default_factory=dict)
    unshifted: float | None = None
    forgetting: float | None = None
    general: float | None = None
    gap: Sure | None = None
    stopped: str | None = None


@dataclass(frozen=True)
class MoreCosts:
    """What the table of report.json does not say of a variant; see `Row` for the units."""

    latency_p95_ms: float | None = None
    energy_joules: float | None = None
    forgetting: float | None = None
    general: float | None = None


@dataclass(frozen=True)
class Candidate:
    """One variant as the decision saw it; `pareto` = nothing was as good and cheaper."""

    label: str
    score: Sure
    seconds: float
    pareto: bool = False


@dataclass(frozen=True)
class Choice:
    """What was decided.

    Args:
        metric: the metric that decided.
        higher_is_better: its direction.
        chosen: label of the recommended variant.
        best: label of the variant with the best score.
        words: the reasons by language, sentence by sentence; English stands in for a language that is missing.
        candidates: those that were measured on all examples.
        test: score of the model handed over, on the test split.
        test_examples: size of that split.
    """

    metric: str
    chosen: str
    best: str = ""
    higher_is_better: bool = True
    words: dict[str, tuple[str, ...]] = field(default_factory=dict)
    candidates: tuple[Candidate, ...] = ()
    test: Sure | None = None
    test_examples: int | None = None


@dataclass(frozen=True)
class CurvePoint:
    """A point of a learning curve."""

    examples: int
    score: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Curve:
    """A learning curve: points ascending in examples."""

    label: str
    points: tuple[CurvePoint, ...]


@dataclass(frozen=True)
class Finding:
    """Something about the data that the reader should know."""

    title: str
    text: str = ""
    severity: Severity = "note"
    items: tuple[str, ...] = ()


@dataclass(frozen=True)
class Epoch:
    """Losses after one epoch."""

    epoch: int
    train_loss: float | None = None
    validation_loss: float | None = None


@dataclass(frozen=True)
class History:
    """Losses of a variant's first run on all examples; `best_epoch` is the one whose weights were scored."""

    label: str
    epochs: tuple[Epoch, ...]
    best_epoch: int | None = None


@dataclass(frozen=True)
class Skipped:
    """A trial that was not run, and why."""

    what: str
    why: str = ""


@dataclass(frozen=True)
class ReportData:
    """Everything a report shows.

    Args:
        run: what was run.
        choice: what was decided.
        table: one record a variant.
        curves: learning curves.
        probe: score of a linear probe on the output of each depth, input first.
        confusion: of the recommended model, on the validation split.
        calibration: of the same.
        mistakes: its most confident errors, most confident first.
        answers: of a model that writes, some of what it wrote.
        diagnosis: findings about the data, by language; English stands in for a language that is missing.
        histories: losses by epoch.
        skipped: trials that were not run.
        notes: what else one should know to read the numbers.
        schema: version of this record.
    """

    run: Run
    choice: Choice | None = None
    table: tuple[Row, ...] = ()
    curves: tuple[Curve, ...] = ()
    probe: tuple[float, ...] = ()
    confusion: Confusion | None = None
    calibration: Calibration | None = None
    mistakes: tuple[Mistake, ...] = ()
    answers: tuple[Answer, ...] = ()
    diagnosis: dict[str, tuple[Finding, ...]] = field(default_factory=dict)
    histories: tuple[History, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[str, ...] = ()
    schema: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """Strict JSON; numbers that JSON does not know (NaN, infinity) become null."""
        return json.dumps(finite(asdict(self)), ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ReportData:
        """Read what `to_json` wrote, in this version or an older one.

        Raises:
            RunError: a newer version of Alih wrote it, or it is no report.
        """
        try:
            told = json.loads(text)
        except ValueError as error:
            raise RunError(f"this report is damaged: {error}. Make it again with: alih report RUN") from error
        if not isinstance(told, dict):
            raise RunError("this is no report. Make one with: alih report RUN")
        check_schema(told.get("schema", 1), "this report")
        return read(cls, {**told, "schema": SCHEMA_VERSION}, "report")


def check_schema(schema: object, where: str) -> None:
    """Refuse what a newer version wrote.

    Raises:
        RunError: the schema is newer than this version reads, or is no version.
    """
    if not isinstance(schema, int) or isinstance(schema, bool) or schema < 1:
        raise RunError(f"{where}: {schema!r} is no version of a report; the file is damaged.")
    if schema > SCHEMA_VERSION:
        raise RunError(
            f"{where}: written with schema {schema} by a newer version of Alih; this one reads up to {SCHEMA_VERSION}. "
            "Upgrade with: pip install --upgrade alih"
        )
