"""The table writes numbers as people do, and lines up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alih.compare.contender import Contender
from alih.compare.curve import Prediction
from alih.compare.decide import Decision
from alih.compare.requirement import Requirement
from alih.compare.table import adapt_seconds, render, table_data
from alih.compare.trial import Costs, Scope, Trial
from alih.metrics.bootstrap import Interval
from alih.routes.base import Variant
from alih.training.search import SearchResult

#: Something was compared.
BEHIND: Any = {"another one": None}


def record(label: str) -> dict[str, object]:
    return {
        "label": label,
        "scope": {"layers": "head", "trainable": 10, "total": 1000},
        "curve": [{"examples": 50, "score": 0.5, "seed": 0}, {"examples": 100, "score": 0.75, "seed": 0}],
        "enough_examples": 100,
        "enough_interval": [60, 100],
        "seeds": [0, 1],
        "complete": True,
        "measured_on": 100,
        "predicted": None,
        "unshifted": 0.75,
        "search_seconds": 1.0,
        "seconds": 2.0,
        "peak_memory_bytes": 10**9,
        "flops": None,
        "disk_bytes": 40,
        "latency_ms": 3.0,
        "score": {"point": 0.75, "low": 0.7, "high": 0.8},
        "shifted": 0.6,
        "overfitting": {"gap": 0.1, "low": 0.05, "high": 0.15},
    }


@pytest.mark.parametrize("variants", [1, 2, 5])
def test_every_row_has_a_cell_for_every_variant(variants: int) -> None:
    labels = [f"finetune top {i} of 6" for i in range(variants)]
    told = Decision("accuracy", labels[0], labels[0], {label: Interval(0, 0, 0) for label in labels}, BEHIND, (), ())
    records = [record(label) for label in labels]
    markdown = render(records, told, markdown=True).splitlines()
    assert {line.count("|") for line in markdown} == {variants + 2}
    text = render(records, told).splitlines()
    assert max(len(line) for line in text) == len(text[1])
    assert f"{labels[0]} *" in text[0]
    assert sum("0.750" in line for line in text) == 2


@pytest.mark.parametrize("width", [60, 80, 100])
def test_variants_that_do_not_fit_beside_each_other_go_below(width: int) -> None:
    labels = [f"finetune top {i} of 6" for i in range(5)]
    told = Decision("accuracy", labels[0], labels[0], {}, BEHIND, (), ())
    text = render([record(label) for label in labels], told, width=width)
    assert max(len(line) for line in text.splitlines()) <= width
    assert all(text.count(label) == 1 for label in labels)
    assert text.count("on a shifted copy") == len(text.split("\n\n")) >= 2


def test_the_parts_of_a_table_have_the_same_rows_and_bounds() -> None:
    alone = Decision("accuracy", "a", "a", {}, {}, (), ())
    early = record("b") | {"measured_on": 50, "score": None, "curve": [{"examples": 50, "score": 0.5, "seed": 0}]}
    first, second = render([record("a"), early], alone, width=50).split("\n\n")
    assert [line[:26] for line in first.splitlines()[2:]] == [line[:26] for line in second.splitlines()[2:]]
    assert "a *" in first.splitlines()[0]
    assert "≥ 2.0 s" in second


def test_what_is_enough_is_told_with_its_interval() -> None:
    told = Decision("accuracy", "a", "a", {}, {}, (), ())
    assert "100 (60–100)" in render([record("a")], told)


def test_a_variant_alone_is_not_marked_as_recommended() -> None:
    alone = Decision("accuracy", "a", "a", {}, {}, (), ())
    assert "*" not in render([record("a")], alone)


def test_a_variant_cut_short_took_at_least_its_time() -> None:
    told = Decision("accuracy", "a", "a", {}, {}, (), ())
    assert "1.0 s + ≥ 2.0 s" in render([record("a") | {"complete": False}], told)


def test_markdown_marks_its_columns_for_alignment() -> None:
    told = Decision("accuracy", "a", "a", {}, BEHIND, (), ())
    head, rule, *body = render([record("a"), record("b")], told, markdown=True).splitlines()
    cells = rule.strip("|").split("|")
    assert [cell.strip("-") for cell in cells] == ["", ":", ":"]
    assert all(set(cell) <= set("-:") and len(cell) >= 4 for cell in cells)
    assert {len(line) for line in (head, rule, *body)} == {len(head)}


def trial(
    purpose: str,
    examples: int,
    seed: int,
    accuracy: float,
    seconds: float = 1.0,
    memory: int = 100,
    latency: float = 2.5,
) -> Trial:
    return Trial(
        id="x",
        route="transfer",
        label="transfer",
        setting={"learning_rate": 0.01},
        examples=examples,
        seed=seed,
        purpose=purpose,  # type: ignore[arg-type]
        metrics={"accuracy": accuracy, "log_loss": 1 - accuracy},
        train_metrics={"accuracy": accuracy + 0.1, "log_loss": 0.9 - accuracy},
        shifted_metrics={"accuracy": accuracy - 0.2, "log_loss": 1.2 - accuracy},
        scope=Scope("head", 10, 1000),
        costs=Costs(seconds, memory, 40, 100, 1e9, latency),
    )


def contender(*trials: Trial, search_seconds: float | None = 4.0) -> Contender:
    search = None if search_seconds is None else SearchResult(0.01, {0.01: 0.5}, search_seconds, True)
    variant = Variant("transfer", 0, 3)
    return Contender(variant, search=search, search_seconds=search_seconds or 0.0, trials=list(trials))


def decision(metric: str, low: float, high: float) -> Decision:
    return Decision(metric, "transfer", "transfer", {"transfer": Interval(low, 0.5, high)}, {}, (), ())


CURVE = (
    trial("full", 90, 0, 0.80, seconds=3.0, memory=50),
    trial("curve", 30, 0, 0.75),
    trial("curve", 10, 0, 0.40),
    trial("full", 90, 1, 0.90, seconds=5.0, memory=70, latency=2.0),
    trial("full", 90, 2, 0.85, seconds=100.0),
)


def test_a_record_holds_what_was_measured() -> None:
    [found] = table_data([contender(*CURVE)], decision("accuracy", 0.7, 0.9), {"transfer": Requirement(30, 12, 55)}, {})
    assert [(point["examples"], point["score"]) for point in found["curve"]] == [(10, 0.40), (30, 0.75), (90, 0.80)]
    assert (found["seconds"], found["search_seconds"]) == (5.0, 4.0)
    assert found["peak_memory_bytes"] == 100
    assert found["metrics"]["accuracy"] == pytest.approx(0.85)
    assert found["shifted"] == pytest.approx(0.65)
    assert found["seeds"] == [0, 1, 2]
    assert (found["enough_examples"], found["enough_interval"]) == (30, [12, 55])
    assert found["latency_ms"] == 2.0, "the shortest of its trials"
    assert adapt_seconds(contender(*CURVE)) == 9.0
    assert adapt_seconds(contender(*CURVE, search_seconds=None)) == 5.0


@pytest.mark.parametrize("metric", ["accuracy", "log_loss"])
def test_the_gap_is_positive_where_training_rows_are_easier(metric: str) -> None:
    [found] = table_data([contender(*CURVE)], decision(metric, 0.0, 1.0), {"transfer": None}, {})
    assert found["overfitting"] == pytest.approx({"gap": 0.1, "low": 0.1, "high": 0.1})


def test_a_size_that_a_variant_did_not_reach_is_a_dash() -> None:
    short = trial("full", 90, 0, 0.5)
    records = table_data([contender(*CURVE), contender(short)], decision("accuracy", 0.0, 1.0), {"transfer": None}, {})
    row = next(line for line in render(records, decision("accuracy", 0, 1)).splitlines() if "with 30 examples" in line)
    assert row.split()[-2:] == ["0.750", "–"]
    assert np.isfinite([one["seconds"] for one in records]).all()


def test_a_variant_that_stopped_early_shows_what_is_predicted_and_on_how_many_it_was_measured() -> None:
    early = contender(trial("curve", 10, 0, 0.40), trial("curve", 30, 0, 0.75))
    early.stopped = "it cannot win"
    told = {"transfer": Prediction(0.7, 0.82, 0.9)}
    records = table_data([contender(*CURVE), early], decision("accuracy", 0.7, 0.9), {"transfer": None}, told)
    rows = {
        line[:28].strip(): line[28:].split("  ") for line in render(records, decision("accuracy", 0, 1)).splitlines()
    }
    last = {name: [cell.strip() for cell in cells if cell.strip()][-1:] for name, cells in rows.items()}
    assert last["measured on examples"] == ["30"]
    assert last["with 30 examples"] == ["0.750"]
    assert last["with 90 examples"] == ["≈ 0.820"]
    assert last["95 % interval"] == ["≈ 0.700–0.900"]
    assert last["on a shifted copy"] == ["0.550 (-0.200)"]
    assert last["time: search + training"] == ["4.0 s + ≥ 1.0 s"]
    assert last["training FLOPs"] == ["≥ 1.0e+09"]
    assert last["over seeds"] == ["–"], "of one seed nothing is known"
