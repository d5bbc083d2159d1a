"""A run folder's files as the data of a report.

`spec.json`, `trials.jsonl` and `report.json` give most parts. What needs predictions or the data themselves stands in
`report.json` under "evidence", each key optional, each value in the JSON form of the dataclass (`dataclasses.asdict`):

| key | value | made by |
|---|---|---|
| `confusion` | `Confusion` | `evidence.evidence` (recommended model, validation split) |
| `calibration` | `Calibration` | `evidence.evidence` |
| `mistakes` | list of `Mistake` | `evidence.evidence` |
| `answers` | list of `Answer` | the task (recommended model, examples that judge) |
| `curves` | list of `Curve`: points with intervals; replace those of the table, which have none | `outlook` |
| `diagnosis` | object, by language (`en`, `id`): list of `Finding`; or that list, in English | `diagnosis` |
| `costs` | object, by label of the table's record: `MoreCosts` | the trials |
| `shifted` | object, by label: object, by name of the shift: score, replaces `shifted` of the table | the trials |
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from alih.compare.report.again import command_again
from alih.compare.report.data import (
    Candidate,
    Choice,
    Curve,
    CurvePoint,
    Epoch,
    Finding,
    History,
    MoreCosts,
    ReportData,
    Row,
    Run,
    Skipped,
    Sure,
    check_schema,
)
from alih.compare.report.reading import read
from alih.compare.runfolder import COPY_BACK, RunFolder
from alih.compare.table import forgotten
from alih.compare.trial import Trial
from alih.errors import RunError
from alih.messages import Reason
from alih.metrics.names import find
from alih.tasks.evidence import Answer, Calibration, Confusion, Mistake

#: Keys under "evidence", with what stands under them.
EVIDENCE = ("confusion", "calibration", "mistakes", "answers", "curves", "diagnosis", "costs", "shifted")


def report_data(run_folder: str | Path | RunFolder) -> ReportData:
    """Read a run folder; one that was stopped before its report gives what there is.

    Args:
        run_folder: the folder ("runs/last" is the newest one).

    Raises:
        RunError: it is no run folder, is damaged, or was written by a newer version of Alih.
    """
    folder = run_folder if isinstance(run_folder, RunFolder) else RunFolder.open(run_folder)
    spec = folder.spec
    path = folder.path / "report.json"
    written = path.exists()
    told = folder.report if written else {"interrupted": True}
    check_schema(told.get("schema", 1), str(path))
    for part in ("decision", "table"):
        if written and part not in told:  # a page of what is left would replace the one that shows it
            raise RunError(f"{path}: damaged (no {part} in it). {folder.rebuild}")
    try:
        run = _run(folder, spec, told)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(f"{folder.path / 'spec.json'}: damaged ({error!r}). {COPY_BACK}") from error
    try:
        return _report_data(folder, run, spec, told)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise RunError(f"{folder.path}: spec.json or report.json is damaged ({error!r}). {folder.rebuild}") from error


def run_date(name: str) -> str:
    """The time in a run folder's name as ISO 8601; empty where there is none."""
    found = re.match(r"(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)-", name)
    return "{}-{}-{}T{}:{}:{}Z".format(*found.groups()) if found else ""


def _report_data(folder: RunFolder, run: Run, spec: Mapping[str, Any], told: Mapping[str, Any]) -> ReportData:
    path, evidence = str(folder.path / "report.json"), told.get("evidence") or {}
    unknown = sorted(set(evidence) - set(EVIDENCE))
    if unknown:
        raise RunError(f"{path}: evidence.{unknown[0]} is unknown; it was written by another version of Alih.")

    if isinstance(evidence.get("diagnosis"), list):
        evidence = {**evidence, "diagnosis": {"en": evidence["diagnosis"]}}

    def part(kind: Any, key: str) -> Any:
        return read(kind, evidence[key], f"{path}: evidence.{key}") if evidence.get(key) is not None else None

    costs = part(dict[str, MoreCosts], "costs") or {}
    shifted = part(dict[str, dict[str, float | None]], "shifted") or {}
    records = told.get("table") or []
    metric = told["decision"]["metric"] if told.get("decision") else None
    return ReportData(
        run=run,
        choice=_choice(told, records) if metric else None,
        table=tuple(_row(one, costs.get(one["label"], MoreCosts()), shifted.get(one["label"], {})) for one in records),
        curves=_curves(records, part(tuple[Curve, ...], "curves") or ()),
        probe=tuple(told.get("probe_by_depth") or ()),
        confusion=part(Confusion, "confusion"),
        calibration=part(Calibration, "calibration"),
        mistakes=part(tuple[Mistake, ...], "mistakes") or (),
        answers=part(tuple[Answer, ...], "answers") or (),
        diagnosis=part(dict[str, tuple[Finding, ...]], "diagnosis") or {},
        histories=_histories(folder.trials()),
        skipped=tuple(_skipped(one) for one in told.get("skipped") or ()),
        notes=(*spec["data"].get("notes", ()), *(told.get("notes") or ())),
    )


def _run(folder: RunFolder, spec: Mapping[str, Any], told: Mapping[str, Any]) -> Run:
    data, task, options = spec["data"], spec.get("task") or {}, spec.get("options") or {}
    name = folder.path.resolve().name
    machine = ", ".join(
        part for part in (spec.get("machine"), f"Python {spec['python']}" if "python" in spec else "") if part
    )
    return Run(
        name=name,
        date=run_date(name),
        data=str(data.get("name", "")),
        digest=str(data.get("digest", "")),
        model=str(spec["model"]["name"]),
        task=", ".join(str(part) for part in (task.get("modality"), task.get("kind")) if part),
        sizes=dict(data.get("examples") or {}),
        seeds=options.get("seeds"),
        versions=dict(spec["versions"]),
        machine=machine,
        command=command_again(spec),
        seconds=told.get("seconds"),
        interrupted=bool(told.get("interrupted")),
    )


def _choice(told: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> Choice:
    decision, handed = told["decision"], told.get("handed_over")
    metric = str(decision["metric"])
    seconds = {one["label"]: one["search_seconds"] + one["seconds"] for one in records}
    scores: Mapping[str, Mapping[str, float]] = decision["scores"]
    candidates = [
        Candidate(label, _sure(score), seconds[label], label in decision["front"])
        for label, score in scores.items()
        if label in seconds
    ]
    test = handed["test"] if handed else None
    return Choice(
        metric=metric,
        chosen=decision["chosen"],
        best=decision["best"],
        higher_is_better=(known := find(metric)) is None or known.higher_is_better,
        words=_words(decision),
        candidates=tuple(candidates),
        test=Sure(test["metrics"][test["primary"]], *test["interval"]) if test else None,
        test_examples=test["examples"] if test else None,
    )


def _words(decision: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
    """The reasons in both languages; in English alone where another version's reasons are not known here."""
    english = tuple(decision.get("words") or ())
    try:
        reasons = [_reason(one) for one in decision["reasons"]]
        return {"en": english, "id": tuple(str(one.say("id")) for one in reasons)}
    except (KeyError, AttributeError, TypeError):
        return {"en": english}


def _reason(told: Mapping[str, Any]) -> Reason:
    return Reason(told["key"], {name: _nested(value) for name, value in told["values"].items()})


def _nested(value: Any) -> Any:
    if isinstance(value, Mapping):
        return _reason(value)
    return [_nested(one) for one in value] if isinstance(value, list) else value


def _row(record: Mapping[str, Any], costs: MoreCosts, shifted: Mapping[str, float | None]) -> Row:
    gap, scope = record["overfitting"], record["scope"]
    return Row(
        label=record["label"],
        layers=scope["layers"],
        trainable=scope["trainable"],
        total=scope["total"],
        learning_rate=record.get("learning_rate"),
        curve=tuple((point["examples"], point["score"]) for point in record["curve"] if point["score"] is not None),
        enough_examples=record.get("enough_examples"),
        enough_interval=tuple(record["enough_interval"]) if record.get("enough_interval") else None,
        measured_on=record.get("measured_on"),
        search_seconds=record["search_seconds"],
        seconds=record["seconds"],
        complete=record.get("complete", True),
        peak_memory_bytes=record["peak_memory_bytes"],
        flops=record.get("flops"),
        disk_bytes=record["disk_bytes"],
        latency_ms=record.get("latency_ms"),
        tokens=record.get("tokens"),
        score=_sure(record["score"]) if record.get("score") else None,
        predicted=_sure(record["predicted"]) if record.get("predicted") else None,
        shifted={name: value for name, value in shifted.items() if value is not None}
        or ({"": record["shifted"]} if record.get("shifted") is not None else {}),
        unshifted=record.get("unshifted"),
        gap=_sure({"point": gap["gap"], **gap}) if gap["gap"] is not None else None,
        latency_p95_ms=costs.latency_p95_ms,
        energy_joules=costs.energy_joules,
        forgetting=costs.forgetting,
        general=forgotten(record) if costs.general is None else costs.general,
        stopped=record.get("stopped"),
    )


def _sure(told: Mapping[str, float]) -> Sure:
    return Sure(told["point"], told.get("low"), told.get("high"))


def _curves(records: Sequence[Mapping[str, Any]], known: Sequence[Curve]) -> tuple[Curve, ...]:
    """Those with intervals; of the other variants, from the table: with that of the score on all examples alone."""
    found = list(known)
    labels = {curve.label for curve in known}
    for record in records:
        if record["label"] in labels:
            continue
        points = [CurvePoint(p["examples"], p["score"]) for p in record["curve"] if p["score"] is not None]
        score = record.get("score")
        if points and score and points[-1].examples == record.get("measured_on", points[-1].examples):
            points[-1] = CurvePoint(points[-1].examples, score["point"], score.get("low"), score.get("high"))
        if points:
            found.append(Curve(record["label"], tuple(points)))
    return tuple(found)


def _histories(trials: Sequence[Trial]) -> tuple[History, ...]:
    """Of each variant's first trial on all examples; of its largest one, where there is none."""
    chosen: dict[str, Trial] = {}
    for trial in trials:
        held = chosen.get(trial.label)
        if trial.purpose != "search" and (held is None or _rank(trial) > _rank(held)):
            chosen[trial.label] = trial
    return tuple(
        History(trial.label, tuple(_epoch(one) for one in trial.history), trial.best_epoch)
        for trial in chosen.values()
        if trial.history
    )


def _rank(trial: Trial) -> tuple[bool, int]:
    return trial.purpose == "full", trial.examples


def _epoch(told: Mapping[str, Any]) -> Epoch:
    def known(name: str) -> float | None:
        value = told.get(name)
        return value if isinstance(value, int | float) and math.isfinite(value) else None

    return Epoch(int(told["epoch"]), known("train_loss"), known("validation_loss"))


def _skipped(told: str) -> Skipped:
    what, _, why = told.rstrip(".").partition(": ")
    return Skipped(what, why)
