"""A report with every part, and run folders as a comparison leaves them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alih.compare.report.data import (
    Candidate,
    Choice,
    Curve,
    CurvePoint,
    Epoch,
    Finding,
    History,
    ReportData,
    Row,
    Run,
    Skipped,
    Sure,
)
from alih.compare.runfolder import RunFolder
from alih.compare.trial import Costs, Scope, Trial, trial_id
from alih.tasks.evidence import Answer, Bin, Calibration, Confusion, Mistake

PICTURE = "data:image/png;base64,iVBORw0KGgo="


def full(word: str = "word") -> ReportData:
    """A report with every part; `word` is in every text that a user, a file or a model's card can name."""
    labels = [f"{word}{number}" for number in range(3)]
    return ReportData(
        run=Run(word, word, word, word, word, word, {"train": 80, "validation": 20}, 2, {word: word}, word, word, 61.0),
        choice=Choice(
            metric=word,
            chosen=labels[1],
            best=labels[0],
            words={"en": (word, word), "id": (word,)},
            candidates=tuple(
                Candidate(label, Sure(0.9 - 0.1 * at, 0.8 - 0.1 * at, 0.95 - 0.1 * at), 3.0 ** (at + 1), at < 2)
                for at, label in enumerate(labels)
            ),
            test=Sure(0.88, 0.8, 0.93),
            test_examples=20,
        ),
        table=tuple(
            Row(
                label,
                layers=word,
                trainable=650,
                total=269_722,
                learning_rate=0.01,
                curve=((20, 0.7), (80, 0.9)),
                enough_examples=80,
                measured_on=80,
                search_seconds=1.0,
                seconds=2.0,
                peak_memory_bytes=10**9,
                flops=1e9,
                disk_bytes=2600,
                latency_ms=3.0,
                latency_p95_ms=5.0,
                energy_joules=1500.0,
                score=Sure(0.9, 0.8, 0.95),
                shifted={word: 0.7},
                unshifted=0.9,
                forgetting=-0.02,
                gap=Sure(0.05, 0.02, 0.08),
                stopped=word,
            )
            for label in labels
        ),
        curves=tuple(
            Curve(label, (CurvePoint(20, 0.7, 0.6, 0.8), CurvePoint(80, 0.9, 0.85, 0.95))) for label in labels
        ),
        probe=(0.5, 0.8, 0.7),
        confusion=Confusion((f"a{word}", f"b{word}"), ((9, 1), (2, 8))),
        calibration=Calibration((Bin(0.6, 0.5, 4), Bin(0.95, 0.9, 16)), 0.06),
        mistakes=(
            Mistake(word, word, 0.9, text=word, origin=word),
            Mistake(word, word, 0.8, picture=PICTURE, origin=word),
            Mistake(word, word, 0.7, picture=word, origin=word),
        ),
        answers=(Answer(word, word, word, word), Answer(word, word, "")),
        diagnosis={"en": (Finding(word, word, "note", (word,)), Finding(word, word, "serious", (word,)))},
        histories=tuple(History(label, (Epoch(1, 1.0, 1.1), Epoch(2, 0.5, 0.7)), 2) for label in labels),
        skipped=(Skipped(word, word),),
        notes=(word,),
    )


def run_folder(root: Path, name: str, *, report: dict[str, Any] | None = None, **spec: Any) -> RunFolder:
    """A run folder with a specification, two trials and, unless it is {}, a report."""
    path = root / name
    path.mkdir(parents=True)
    folder = RunFolder(path)
    folder.write_spec(
        {
            "command": "compare",
            "data": {
                "source": "reviews.csv",
                "name": "reviews",
                "digest": "abc",
                "examples": {"train": 80, "validation": 20, "test": 20},
                "notes": ["two rows were left out"],
            },
            "task": {"modality": "text", "kind": "single-label", "classes": ["bad", "good"], "pair": False},
            "model": {"name": "alih/minilm"},
            "options": {"seeds": 1, "max_examples": 80},
            "versions": {"alih": "0.1.0", "torch": "2.13.0"},
            "python": "3.11.7",
            "machine": "x86_64",
            **spec,
        }
    )
    folder.append(trial(20, "curve"))
    folder.append(trial(80, "full"))
    if report != {}:
        folder.write_report(report or told())
    return folder


def trial(examples: int, purpose: Any) -> Trial:
    """A trial of transfer learning."""
    return Trial(
        id=trial_id("transfer", {"learning_rate": 0.01}, examples, 0, purpose),
        route="transfer",
        label="transfer",
        setting={"learning_rate": 0.01},
        examples=examples,
        seed=0,
        purpose=purpose,
        metrics={"accuracy": 0.9},
        train_metrics={"accuracy": 0.95},
        shifted_metrics={"accuracy": 0.8},
        scope=Scope("head", 10, 1000),
        costs=Costs(1.5, 10**9, 40, 100, 1e9, 2.5),
        history=(
            {"epoch": 1, "train_loss": 0.5, "validation_loss": 0.6},
            {"epoch": 2, "train_loss": 0.25, "validation_loss": None},
        ),
        best_epoch=1,
    )


def told(score: float = 0.9, **changes: Any) -> dict[str, Any]:
    """A report.json as a comparison writes it."""
    sure = {"low": score - 0.1, "point": score, "high": score + 0.05, "level": 0.95}
    take = {"chosen": "transfer", "metric": "accuracy", "score": "0.900", "examples": "20"}
    take |= {"interval": {"key": "interval", "values": {"low": "0.800", "high": "0.950"}}, "seconds": "2.5"}
    return {
        "schema": 1,
        "decision": {
            "metric": "accuracy",
            "chosen": "transfer",
            "best": "transfer",
            "scores": {"transfer": sure},
            "behind": {},
            "front": ["transfer"],
            "reasons": [{"key": "take", "values": take}],
            "words": ["Take transfer."],
        },
        "table": [
            {
                "label": "transfer",
                "route": "transfer",
                "scope": {"layers": "head", "trainable": 10, "total": 1000},
                "learning_rate": 0.01,
                "curve": [
                    {"examples": 20, "score": 0.8, "seed": 0},
                    {"examples": 80, "score": score, "seed": 0},
                ],
                "enough_examples": 20,
                "complete": True,
                "search_seconds": 1.0,
                "seconds": 1.5,
                "peak_memory_bytes": 10**9,
                "flops": 1e9,
                "disk_bytes": 40,
                "latency_ms": 2.5,
                "score": sure,
                "unshifted": score,
                "shifted": 0.8,
                "overfitting": {"gap": 0.05, "low": 0.05, "high": 0.05},
            }
        ],
        "probe_by_depth": [0.5, 0.9],
        "skipped": ["scratch: the time limit was reached before its first trial."],
        "notes": [],
        "handed_over": {
            "test": {"examples": 20, "metrics": {"accuracy": 0.88}, "primary": "accuracy", "interval": [0.8, 0.93]}
        },
        "seconds": 61.0,
        "interrupted": False,
        **changes,
    }
