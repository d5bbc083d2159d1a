"""A comparison: the trials, the decision drawn from them, the evidence for it, and the model handed over."""

from __future__ import annotations

import html
import shutil
import textwrap
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from alih import interrupt
from alih.compare import plots
from alih.compare.campaign import Campaign
from alih.compare.contender import Contender
from alih.compare.curve import LearningCurve, Point
from alih.compare.decide import Candidate, Decision, decide
from alih.compare.diagnosis import diagnose
from alih.compare.export import HandedOver, hand_over
from alih.compare.limits import Limits
from alih.compare.outlook import learning_curve, outlook, predicted
from alih.compare.quantities import size_of
from alih.compare.report.from_run import report_data
from alih.compare.report.html import render_html
from alih.compare.requirement import enough_examples
from alih.compare.runfolder import RunFolder
from alih.compare.table import adapt_seconds, render, table_data
from alih.compare.trial import Trial
from alih.errors import OptionError, RunError
from alih.messages import LANGUAGES, Language
from alih.metrics.base import Metric
from alih.tasks.adapted import Adapted

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

REPORT_SCHEMA = 2
#: A table is never squeezed below so many characters.
_LEAST_WIDTH = 80
#: Trials named one by one in the text; the report has all of them.
_NAMED = 3


@dataclass(frozen=True)
class Comparison:
    """What `alih.compare` returns; print it for the table and the recommendation.

    Args:
        folder: the run folder, where all of this is on disk.
        decision: what was chosen and why.
        records: the table's data, one record a variant.
        probe: validation score of a linear probe on each depth's output, input first; empty where none was made.
        skipped: trials that were not run, and why.
        notes: what else one should know to read the numbers.
        handed_over: the adapted model and its scores from disk; None where the run was stopped.
        seconds: wall time of the whole comparison.
        interrupted: stopped with Ctrl-C.
        evidence: what the report shows beside the table, as JSON-able data; see `alih.compare.report.from_run`.
    """

    folder: RunFolder
    decision: Decision
    records: list[dict[str, Any]]
    probe: tuple[float, ...]
    skipped: tuple[str, ...]
    notes: tuple[str, ...]
    handed_over: HandedOver | None
    seconds: float
    interrupted: bool
    evidence: dict[str, Any]

    @classmethod
    def conclude(cls, campaign: Campaign, folder: RunFolder, *, interrupted: bool) -> Comparison:
        """Decide on what was measured, hand the chosen model over, and write the report.

        Ctrl-C while the model is handed over leaves it out.
        """
        bench, metric = campaign.bench, campaign.metric
        candidates = [candidate(contender) for contender in campaign.finalists]
        groups, options = bench.task.judged.groups, campaign.options
        decision = decide(
            metric,
            candidates,
            groups=groups,
            limits=Limits(options.max_memory, options.max_latency),
            prefer=options.prefer,
            stopped=[c.label for c in campaign.contenders if c.cannot_win],
            unmeasured=[c.label for c in campaign.contenders if not (c.full or c.cannot_win or c.over_limit)],
            beyond=[c.label for c in campaign.contenders if c.over_limit],
            seed=options.seed,
        )
        chosen = next(c for c in campaign.finalists if c.label == decision.chosen)
        contenders, size = campaign.contenders, len(bench.dataset.train)
        judged = (metric, campaign.statistics, groups)
        curves = {c.label: learning_curve(c, *judged) for c in contenders}
        decision = replace(decision, reasons=(*decision.reasons, *outlook(decision, curves, size)))
        enough = {c.label: enough_examples(c, *judged, curves[c.label]) for c in contenders}
        predictions = {c.label: predicted(curves[c.label], size) for c in contenders}
        try:
            handed_over = hand_over(bench, chosen, folder, metric.name, test=not interrupted)
        except KeyboardInterrupt:
            interrupt.answered()
            handed_over, interrupted = None, True
        shown = _evidence(campaign, folder, handed_over, curves)
        comparison = cls(
            folder,
            decision,
            table_data(contenders, decision, enough, predictions),
            tuple(bench.probe()),
            tuple(campaign.skipped),
            (*_stopped(contenders), *campaign.notes, *_unforgotten(campaign)),
            handed_over,
            campaign.budget.elapsed + campaign.earlier_seconds,
            interrupted,
            shown,
        )
        folder.write_report(comparison.report)
        folder.write_page(comparison.html())
        folder.finish(interrupted=interrupted)
        return comparison

    @property
    def best(self) -> Adapted:
        """The adapted model, opened from disk.

        Raises:
            RunError: the run was stopped before a model was handed over.
        """
        if self.handed_over is None:
            raise RunError(f"{self.folder.path}: stopped before a model was handed over. Run the comparison again.")
        return self.handed_over.adapted

    @property
    def trials(self) -> list[Trial]:
        """Every trial, in the order they ran."""
        return self.folder.trials()

    @property
    def report(self) -> dict[str, Any]:
        """The comparison as JSON-able data, as in `report.json`."""
        told = self.handed_over
        return {
            "schema": REPORT_SCHEMA,
            "decision": asdict(self.decision) | {"words": list(self.decision.words)},
            "table": self.records,
            "probe_by_depth": list(self.probe),
            "skipped": list(self.skipped),
            "notes": list(self.notes),
            "handed_over": None
            if told is None
            else {
                "validation": told.validation.as_dict(),
                "test": None if told.test is None else told.test.as_dict(),
                "largest_difference_from_memory": told.largest_difference,
                "agrees_with_memory": told.agrees,
                "disk_bytes": told.disk_bytes,
            },
            "seconds": self.seconds,
            "interrupted": self.interrupted,
            "evidence": self.evidence,
        }

    def text_table(self, *, markdown: bool = False, width: int | None = None) -> str:
        """The table as text, or as Markdown; at most `width` characters wide where one variant fits into that."""
        return render(self.records, self.decision, markdown=markdown, width=width)

    @property
    def table(self) -> pandas.DataFrame:
        """The table as a pandas data frame: one row a variant, nested values as "score.point".

        What the search tried stays in `records`: its rates would be columns.

        Raises:
            OptionError: pandas is not installed.
        """
        try:
            import pandas
        except ImportError as error:
            raise OptionError("the table as a data frame needs pandas: pip install 'alih[notebook]'") from error
        records = [{k: v for k, v in one.items() if k != "learning_rate_search"} for one in self.records]
        return pandas.json_normalize(records).set_index("label")

    def plot_curves(self, axes: Axes | None = None) -> Axes:
        """Draw the learning curves; see `alih.compare.plots`."""
        return plots.plot_curves(self.records, self.decision.metric, axes)

    def plot_pareto(self, axes: Axes | None = None) -> Axes:
        """Draw the score against the time to adapt."""
        return plots.plot_pareto(self.records, self.decision.metric, self.decision.front, axes)

    def plot_probe(self, axes: Axes | None = None) -> Axes:
        """Draw the score of a linear probe on each depth.

        Raises:
            RunError: no probe was made, since nothing of the model was frozen.
        """
        if not self.probe:
            raise RunError(f"{self.folder.path}: no probe was made: nothing of the model was frozen.")
        return plots.plot_probe(self.probe, axes)

    def html(self, language: Language = "en") -> str:
        """The report as one page."""
        return render_html(report_data(self.folder), language)

    def _repr_html_(self) -> str:
        """What a notebook shows: the report in a frame of its own, which keeps its style to itself."""
        page = html.escape(self.html(), quote=True)
        return f'<iframe srcdoc="{page}" style="width:100%;height:900px;border:0"></iframe>'

    def __str__(self) -> str:
        width = max(shutil.get_terminal_size().columns, _LEAST_WIDTH)
        mark = ["* recommended"] if len(self.records) > 1 else []
        parts = [self.text_table(width=width), *mark, ""]
        said = [*self.decision.words, *self.notes]
        if len(self.records) > 1:
            front = ", ".join(self.decision.front)
            said.append(f"On the Pareto front of score, time, memory, bytes and what is known of forgetting: {front}.")
        if self.probe:
            depths = " ".join(f"{score:.3f}" for score in self.probe)
            said.append(f"A linear probe on each depth, input to last block: {depths}.")
        said += _skipped(self.skipped)
        if self.handed_over is not None:
            told, metric = self.handed_over, self.decision.metric
            on_disk = f"The model on disk ({size_of(told.disk_bytes)})"
            if told.test is None:
                said.append(f"{on_disk} is the best so far. The test split is kept for the end: alih resume.")
            else:
                test = told.test.interval
                said.append(
                    f"{on_disk} scores {metric} {test.point:.3f} on {told.test.examples:,} test examples "
                    f"({test.words()}), looked at this once."
                )
            if not told.agrees:
                said.append(
                    f"Do not use it: its outputs are up to {told.largest_difference:.3g} off those before saving."
                )
        parts += [textwrap.fill(one, width) for one in said]
        parts.append(f"{self.seconds:.0f} s in all. Run folder, with report.html: {self.folder.path}")
        return "\n".join(parts)


def candidate(contender: Contender) -> Candidate:
    """A variant measured on all examples, as the decision sees it."""
    trials = contender.full
    return Candidate(
        contender.label,
        np.stack([contender.statistics[trial.seed] for trial in trials]),
        adapt_seconds(contender),
        contender.peak_memory_bytes,
        trials[0].costs.disk_bytes,
        contender.latency_ms,
        contender.complete,
        _forgetting(trials[0]),
    )


def _forgetting(trial: Trial) -> float | None:
    """How much worse it became: on general text, else on the source task."""
    closer = trial.closer
    if closer is None or closer.general is not None:
        return None if closer is None else closer.general
    return None if closer.forgetting is None else -closer.forgetting


def _evidence(
    campaign: Campaign, folder: RunFolder, handed_over: HandedOver | None, curves: dict[str, LearningCurve | None]
) -> dict[str, Any]:
    bench, metric = campaign.bench, campaign.metric
    scored = metric.in_points and metric.higher_is_better
    best, examples = _routes_at_one_size(campaign.contenders, metric) if scored else ({}, None)
    drifts = {c.label: looked.drift for c in campaign.finalists if (looked := c.full[0].closer) and looked.drift}
    findings = [
        *bench.task.diagnose(bench, campaign.options.seed),
        *diagnose(best, examples or len(bench.dataset.train), drifts),
    ]
    told: dict[str, Any] = {"diagnosis": {lang: [one.told(lang) for one in findings] for lang in LANGUAGES}}
    told["curves"] = [
        {"label": label, "points": [_curve_point(point) for point in curve.points]}
        for label, curve in curves.items()
        if curve is not None
    ]
    told |= _closer(campaign.finalists, metric)
    return told if handed_over is None else told | bench.task.evidence(handed_over.predictions)


def _routes_at_one_size(contenders: Sequence[Contender], metric: Metric) -> tuple[dict[str, float], int | None]:
    """The best score of a new head and of fine-tuning on the most examples that both were measured on."""
    found: dict[int, dict[str, list[float]]] = {}
    for contender in contenders:
        for size in {trial.examples for trial in contender.curve}:
            runs = [t.metrics[metric.name] for t in contender.trials if t.examples == size and t.purpose != "search"]
            found.setdefault(size, {}).setdefault(contender.variant.route, []).append(float(np.mean(runs)))
    sizes = [size for size, routes in found.items() if {"transfer", "finetune"} <= routes.keys()]
    if not sizes:
        return {}, None
    return {name: max(scores) for name, scores in found[max(sizes)].items()}, max(sizes)


def _closer(finalists: Sequence[Contender], metric: Metric) -> dict[str, Any]:
    """What the first run of each variant on all examples was measured for, as the report shows it."""
    costs: dict[str, dict[str, float | None]] = {}
    shifted: dict[str, dict[str, float]] = {}
    for contender in finalists:
        trial, own = contender.full[0], contender.full[0].costs
        costs[contender.label] = {"latency_p95_ms": contender.latencies_ms[1], "energy_joules": own.energy_joules}
        if trial.closer is None:
            continue
        costs[contender.label]["forgetting"] = trial.closer.forgetting
        costs[contender.label]["general"] = trial.closer.general
        before = float(np.mean([t.metrics[metric.name] for t in contender.full]))
        together = [t.shifted_metrics[metric.name] for t in contender.full if t.shifted_metrics]
        shifted[contender.label] = {
            **({"": float(np.mean(together))} if together else {}),
            **{kind: before + change for kind, change in trial.closer.shifts.items()},
            **trial.closer.others,
        }
    return {"costs": costs, "shifted": shifted}


def _curve_point(point: Point) -> dict[str, float]:
    assert point.interval is not None
    low, high = point.interval
    return {"examples": point.examples, "score": point.score, "low": low, "high": high}


def _stopped(contenders: Sequence[Contender]) -> list[str]:
    return [f"{c.label} was not measured on all examples: {c.stopped}." for c in contenders if c.stopped]


def _unforgotten(campaign: Campaign) -> list[str]:
    """Why the row that tells what was forgotten is missing, where it is."""
    looked = [
        trial.closer
        for contender in campaign.finalists
        for trial in contender.full
        if trial.closer is not None and contender.variant.trainable_blocks and not contender.variant.random_weights
    ]
    if not looked or any(one.forgetting is not None or one.general is not None for one in looked):
        return []
    return [
        f"What {campaign.bench.choice.name} forgot was not measured: no examples of what it was trained on are at "
        "hand, and it has no language-model head."
    ]


def _skipped(skipped: Sequence[str]) -> list[str]:
    """One line a trial that was not measured in full; one line a reason, where many trials share it."""
    by_reason: dict[str, list[str]] = {}
    for one in skipped:
        what, _, why = one.rstrip(".").partition(": ")
        by_reason.setdefault(why, []).append(what)
    lines = []
    for why, names in by_reason.items():
        told = "; ".join(names) if len(names) <= _NAMED else f"{len(names)} trials, first {names[0]}"
        lines.append(f"Not measured in full: {told}: {why}.")
    return lines
