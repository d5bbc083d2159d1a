"""The result of a comparison of writers: the table, the decision, the test score; as text, page and report.json."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from alih.compare.comparison import REPORT_SCHEMA
from alih.compare.decide import Decision
from alih.compare.report.from_run import report_data
from alih.compare.report.html import render_html
from alih.compare.table import render
from alih.data.messages import excerpt
from alih.instruct.scores import Scores
from alih.instruct.trial import Measured
from alih.messages import Language
from alih.metrics.names import named

if TYPE_CHECKING:
    from alih.instruct.writer import Writer

_SHOWN, _LEAST_WIDTH = 70, 80


@dataclass(frozen=True)
class Shown:
    """A validation prompt, its reference, and what each route wrote, by label."""

    prompt: str
    reference: str
    answers: dict[str, str]


@dataclass(frozen=True)
class Comparison:
    """What `alih compare --task generation` gives; print it for the table and the recommendation.

    Args:
        folder: the run folder.
        model: what was adapted.
        decision: what was chosen and why.
        records: the table's data, one record a route.
        skipped: routes that were not run, and why.
        notes: what else one should know.
        test: scores of the chosen model, from disk, on the test split.
        examples: a few validation prompts with everybody's answers.
        seconds: wall time of the whole comparison.
    """

    folder: Path
    model: str
    decision: Decision
    records: list[dict[str, Any]]
    skipped: tuple[str, ...]
    notes: tuple[str, ...]
    test: Scores
    examples: tuple[Shown, ...]
    seconds: float

    @property
    def best(self) -> Writer:
        """The chosen model, opened from disk."""
        from alih.instruct.writer import Writer

        return Writer.open(self.folder)

    @property
    def report(self) -> dict[str, Any]:
        """The comparison as JSON-able data, as in `report.json`; see docs/REPORT.md."""
        metric = self.decision.metric
        test = self.test.intervals[metric]
        return {
            "schema": REPORT_SCHEMA,
            "interrupted": False,
            "seconds": self.seconds,
            "decision": asdict(self.decision) | {"words": list(self.decision.words)},
            "table": self.records,
            "skipped": list(self.skipped),
            "notes": list(self.notes),
            "handed_over": {
                "test": {
                    "examples": self.test.examples,
                    "metrics": self.test.values,
                    "primary": metric,
                    "interval": [test.low, test.high],
                },
            },
            "evidence": {
                "shifted": {one["label"]: {"typing mistakes": one["shifted"]} for one in self.records if one["shifted"]}
            },
            "generation": {"test": self.test.as_dict(), "examples": [asdict(one) for one in self.examples]},
        }

    def html(self, language: Language = "en") -> str:
        """The report as one page."""
        return render_html(report_data(self.folder), language)

    def __str__(self) -> str:
        width = max(shutil.get_terminal_size().columns, _LEAST_WIDTH)
        metric = self.decision.metric
        parts = [render(self.records, self.decision, width=width), "* recommended", ""]
        said = [*self.decision.words, *self.notes]
        front = ", ".join(self.decision.front)
        said.append(f"On the Pareto front of score, time, memory, bytes and forgetting: {front}.")
        said += [f"Not measured: {one}" for one in self.skipped]
        test = self.test.intervals[metric]
        said.append(
            f"The model on disk scores {metric} {test.point:.3f} on {self.test.examples:,} test examples "
            f"({test.words()}), looked at this once."
        )
        parts += [textwrap.fill(one, width) for one in said]
        for one in self.examples[:2]:
            parts += ["", f"  prompt: {excerpt(one.prompt, _SHOWN)}", f"  reference: {excerpt(one.reference, _SHOWN)}"]
            parts += [f"    {label}: {excerpt(text, _SHOWN) or '(nothing)'}" for label, text in one.answers.items()]
        parts += ["", f"{self.seconds:.0f} s in all. Run folder: {self.folder}"]
        parts.append(f'Use it: alih generate {self.folder} "a prompt"')
        return "\n".join(parts)


def record(runs: Sequence[Measured], decision: Decision, examples: int, general_before: float | None) -> dict[str, Any]:
    """One route as the table and the report show it, in the form that routes to classify have."""
    first, metric = runs[0], decision.metric
    gaps = [named(metric).sign * (one.train[metric] - one.held[metric]) for one in runs]
    points = [named(metric).score(one.values(metric)) for one in runs]
    merged = first.unmerged is not None and first.merged is not None
    return {
        "label": first.label,
        "route": first.route,
        "scope": {"layers": first.layers, "trainable": first.trainable, "total": first.parameters},
        "learning_rate": first.rate,
        "seeds": [one.seed for one in runs],
        "curve": [
            {"examples": examples, "score": point, "seed": one.seed} for one, point in zip(runs, points, strict=True)
        ],
        "enough_examples": None,
        "complete": all(one.complete for one in runs),
        "stopped": None,
        "measured_on": examples,
        "predicted": None,
        "search_seconds": first.search_seconds,
        "seconds": float(np.median([one.seconds - one.search_seconds for one in runs])),
        "peak_memory_bytes": max(one.peak for one in runs),
        "flops": None,
        "disk_bytes": first.disk,
        "latency_ms": first.latency_ms,
        "latency_p95_ms": None,
        "energy_joules": None,
        "tokens_per_answer": None if first.tokens is None else list(first.tokens),
        "merged": None,
        "merged_loss": [first.unmerged, first.merged] if merged else None,
        "general": None
        if general_before is None
        else {
            "before": general_before,
            "after": float(np.mean([one.general for one in runs])),
            "low": min(one.general for one in runs),
            "high": max(one.general for one in runs),
        },
        "closer": None,
        "score": asdict(decision.scores[first.label]),
        "metrics": {
            name: float(np.mean([named(name).score(one.values(name)) for one in runs])) for name in first.scores
        },
        "unshifted": float(np.mean([one.unshifted[metric] for one in runs])) if first.unshifted else None,
        "shifted": float(np.mean([one.shifted[metric] for one in runs])) if first.shifted else None,
        "overfitting": {"gap": float(np.mean(gaps)), "low": min(gaps), "high": max(gaps)},
    }
