"""The textbook's table with this run's numbers: scope, data requirement, cost, adaptability, risk of overfitting."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from alih.compare.contender import Contender
from alih.compare.curve import Prediction
from alih.compare.decide import Decision
from alih.compare.quantities import count, duration, size_of
from alih.compare.requirement import Requirement
from alih.metrics.names import named

#: Group → its lines; every cell is text, made from the data in `table_data`.
Lines = dict[str, list[tuple[str, list[str]]]]


def table_data(
    contenders: Sequence[Contender],
    decision: Decision,
    enough: Mapping[str, Requirement | None],
    predictions: Mapping[str, Prediction | None],
) -> list[dict[str, Any]]:
    """One record a variant: everything measured of it, as JSON-able data.

    Args:
        contenders: what was measured.
        decision: what was decided.
        enough: how many training examples each needs, by label; see `alih.compare.requirement`.
        predictions: what those that stopped on fewer examples would score on all of them.
    """
    return [_record(c, decision, enough[c.label], predictions.get(c.label)) for c in contenders if c.curve]


def adapt_seconds(contender: Contender) -> float:
    """Measured time to adapt once: the search for the learning rate, and the median training run."""
    return contender.search_seconds + float(np.median([trial.costs.seconds for trial in contender.full]))


def render(
    records: Sequence[dict[str, Any]], decision: Decision, *, markdown: bool = False, width: int | None = None
) -> str:
    """The table as text: one column a variant, the chosen one marked with an asterisk.

    Args:
        records: from `table_data`.
        decision: which one was chosen.
        markdown: as a Markdown table.
        width: of the page in characters; variants that do not fit beside each other go into a second table below.
    """
    rest, tables = list(records), []
    while rest:
        fit = len(rest)
        while fit > 1 and width is not None and _width(_render(rest[:fit], decision, markdown, records)) > width:
            fit -= 1
        tables.append(_render(rest[:fit], decision, markdown, records))
        rest = rest[fit:]
    return "\n\n".join(tables)


def _width(text: str) -> int:
    return max(map(len, text.splitlines()))


def _render(
    records: Sequence[dict[str, Any]], decision: Decision, markdown: bool, every: Sequence[dict[str, Any]]
) -> str:
    marked = decision.chosen if len(every) > 1 or decision.behind else None  # one alone is no recommendation
    heads = [record["label"] + (" *" if record["label"] == marked else "") for record in records]
    rows: list[list[str]] = []
    for group, lines in _lines(records, decision.metric, every).items():
        rows.append([f"**{group}**" if markdown else group, *([""] * len(records))])
        rows.extend([("" if markdown else "  ") + name, *cells] for name, cells in lines)
    widths = [max(len(row[i]) for row in [["", *heads], *rows]) for i in range(len(records) + 1)]

    def line(cells: Sequence[str]) -> str:
        padded = [cells[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True))]
        return "| " + " | ".join(padded) + " |" if markdown else "  ".join(padded).rstrip()

    rule = (
        "|" + "|".join("-" * (w + 1) + (":" if i else "-") for i, w in enumerate(widths)) + "|"
        if markdown
        else "─" * (sum(widths) + 2 * len(records))
    )
    return "\n".join([line(["", *heads]), rule, *(line(row) for row in rows)])


def _record(
    contender: Contender, decision: Decision, enough: Requirement | None, prediction: Prediction | None
) -> dict[str, Any]:
    metric, curve = decision.metric, contender.curve
    label = contender.label
    full = contender.full or curve[-1:]  # stopped on fewer examples: what is known is known of those
    first = full[0]
    sign = named(metric).sign
    gaps = [sign * (trial.train_metrics[metric] - trial.metrics[metric]) for trial in full]
    return {
        "label": label,
        "route": contender.variant.route,
        "scope": asdict(first.scope),
        "learning_rate": first.setting["learning_rate"] or None,  # what trains nothing has none
        "learning_rate_search": contender.search.values if contender.search else None,
        "seeds": [trial.seed for trial in full],
        "curve": [{"examples": t.examples, "score": t.metrics[metric], "seed": t.seed} for t in curve],
        "enough_examples": None if enough is None else enough.examples,
        "enough_interval": None if enough is None else [enough.low, enough.high],
        "complete": contender.complete,
        "stopped": contender.stopped,
        "measured_on": first.examples,
        "predicted": asdict(prediction) if prediction is not None and not contender.full else None,
        "search_seconds": contender.search_seconds,
        "seconds": float(np.median([trial.costs.seconds for trial in full])),
        "peak_memory_bytes": max(trial.costs.peak_memory_bytes for trial in full),
        "flops": first.costs.flops,
        "disk_bytes": first.costs.disk_bytes,
        "latency_ms": contender.latency_ms,
        "latency_p95_ms": contender.latencies_ms[1],
        "tokens": first.costs.tokens,
        "energy_joules": first.costs.energy_joules,
        "merged": None if first.merged is None else asdict(first.merged),
        "closer": None if first.closer is None else asdict(first.closer),
        "score": asdict(decision.scores[label]) if contender.full else None,
        "metrics": {name: float(np.mean([t.metrics[name] for t in full])) for name in first.metrics},
        "unshifted": float(np.mean([t.metrics[metric] for t in full])),
        "shifted": float(np.mean([t.shifted_metrics[metric] for t in full])) if first.shifted_metrics else None,
        "overfitting": {"gap": float(np.mean(gaps)), "low": min(gaps), "high": max(gaps)},
    }


def _lines(records: Sequence[dict[str, Any]], metric: str, every: Sequence[dict[str, Any]]) -> Lines:
    """The rows of some variants, the same ones for each part of `every` variant there is."""
    most = max(record["measured_on"] for record in every)
    partial = any(record["score"] is None for record in every)
    read = {record.get("tokens") for record in every}
    prompted = None not in read and len(read) > 1
    sizes = sorted({point["examples"] for record in every for point in record["curve"]})

    def at(record: dict[str, Any], size: int) -> str:
        found = next((f"{point['score']:.3f}" for point in record["curve"] if point["examples"] == size), None)
        if found is None and size == sizes[-1] and record["predicted"] is not None:
            return f"≈ {record['predicted']['point']:.3f}"
        return found or "–"

    def each(function: Any) -> list[str]:
        return [function(record) for record in records]

    return {
        "scope": [
            ("layers that train", each(lambda r: r["scope"]["layers"])),
            (
                "trainable parameters",
                each(lambda r: f"{count(r['scope']['trainable'])} of {count(r['scope']['total'])}"),
            ),
            *([("measured on examples", each(lambda r: f"{r['measured_on']:,}"))] if partial else []),
        ],
        f"data requirement ({metric})": [
            *((f"with {size:,} examples", each(lambda r, size=size: at(r, size))) for size in sizes),
            (
                "enough, within the noise",
                each(_enough),
            ),
        ],
        "computational cost": [
            (
                "time: search + training",
                each(
                    lambda r: (
                        f"{duration(r['search_seconds'])} + "
                        f"{'' if r['complete'] and r['measured_on'] == most else '≥ '}{duration(r['seconds'])}"
                    )
                ),
            ),
            ("peak memory", each(lambda r: size_of(r["peak_memory_bytes"]))),
            ("training FLOPs", each(lambda r: _operations(r, most))),
            *(
                [("the model on disk", each(lambda r: _merged(r, lambda m: size_of(m["model_bytes"]))))]
                if any(r.get("merged") for r in every)
                else []
            ),
            ("bytes that changed", each(lambda r: size_of(r["disk_bytes"]))),
            (
                "one prediction",
                each(lambda r: "–" if r["latency_ms"] is None else f"{r['latency_ms']:.1f} ms"),
            ),
            *([("tokens it reads", each(lambda r: f"{r['tokens']:.0f}"))] if prompted else []),
        ],
        f"adaptability ({metric})": [
            ("validation, mean of seeds", each(lambda r: _sure(r, lambda s: f"{s['point']:.3f}"))),
            ("95 % interval", each(lambda r: _sure(r, _ends))),
            *(
                [
                    (
                        "before and after merging",
                        each(lambda r: _merged(r, lambda m: f"{m['before'][metric]:.3f} → {m['metrics'][metric]:.3f}")),
                    )
                ]
                if any(r.get("merged") for r in every)
                else []
            ),
            *(
                [
                    (
                        "merged, in NF4 again",
                        each(lambda r: _merged(r, lambda m: f"{m['nf4'][metric]:.3f}" if m.get("nf4") else "–")),
                    )
                ]
                if any((r.get("merged") or {}).get("nf4") for r in every)
                else []
            ),
            *([("on a shifted copy", each(_shifted))] if any(r["shifted"] is not None for r in every) else []),
            *((f"on {name}", each(lambda r, name=name: _other(r, name))) for name in _others(every)),
            *([("change on source task", each(_forgetting))] if any(_forgetting(r) != "–" for r in every) else []),
            *([("forgotten, nats a token", each(_forgotten))] if any(forgotten(r) is not None for r in every) else []),
        ],
        "overfitting risk": [
            ("train − validation", each(lambda r: f"{r['overfitting']['gap']:+.3f}")),
            ("over seeds", each(_over_seeds)),
        ],
    }


def _operations(record: dict[str, Any], most: int) -> str:
    """A lower bound where it was measured on fewer examples than others."""
    if record["flops"] is None:
        return "–"
    return f"{'' if record['measured_on'] == most else '≥ '}{record['flops']:.1e}"


def _over_seeds(record: dict[str, Any]) -> str:
    if len(record["seeds"]) < 2:
        return "–"
    return f"{record['overfitting']['low']:+.3f}…{record['overfitting']['high']:+.3f}"


def _enough(record: dict[str, Any]) -> str:
    found, between = record["enough_examples"], record.get("enough_interval")
    if found is None:
        return "–"
    return f"{found:,}" if between is None else f"{found:,} ({between[0]:,}–{between[1]:,})"


def _ends(score: dict[str, float]) -> str:
    """An interval; nothing where it has no width, which is no finding."""
    return f"{score['low']:.3f}–{score['high']:.3f}" if score["low"] < score["high"] else "–"


def _merged(record: dict[str, Any], say: Callable[[dict[str, Any]], str]) -> str:
    """Of what merging adapters changed; nothing where there were none."""
    found = record.get("merged")
    return "–" if found is None else say(found)


def _others(records: Sequence[dict[str, Any]]) -> list[str]:
    """Names of the further sets that the user gave."""
    return list(dict.fromkeys(name for r in records if r.get("closer") for name in r["closer"]["others"]))


def _other(record: dict[str, Any], name: str) -> str:
    found = ((record.get("closer") or {}).get("others") or {}).get(name)
    return "–" if found is None else f"{found:.3f}"


def _forgetting(record: dict[str, Any]) -> str:
    found = (record.get("closer") or {}).get("forgetting")
    return "–" if found is None else f"{found:+.3f}"


def _shifted(record: dict[str, Any]) -> str:
    found, before = record["shifted"], record["unshifted"]
    return "–" if found is None or before is None else f"{found:.3f} ({found - before:+.3f})"


def _forgotten(record: dict[str, Any]) -> str:
    """How much worse general text is foretold."""
    found = forgotten(record)
    return "–" if found is None else f"{found:+.3f}"


def forgotten(record: Mapping[str, Any]) -> float | None:
    """Change of the cross-entropy on general text, nats a token; None where it was not measured."""
    both = record.get("general")
    if both:
        return float(both["after"] - both["before"])
    return (record.get("closer") or {}).get("general")


def _sure(record: dict[str, Any], say: Callable[[dict[str, float]], str]) -> str:
    """Of the score on all examples; of the predicted one, marked as such, where it was not measured."""
    if record["score"] is not None:
        return say(record["score"])
    return "–" if record["predicted"] is None else f"≈ {say(record['predicted'])}"
