"""The table writes numbers as people do, and lines up."""

from __future__ import annotations

import pytest

from alih.compare.decide import Decision
from alih.compare.table import count, duration, render, size_of
from alih.evaluate.bootstrap import Interval


@pytest.mark.parametrize(
    ("number", "written"), [(770, "770"), (269_722, "270k"), (22_566_146, "22.6M"), (70_000_000_000, "70B")]
)
def test_parameters_are_counted_in_thousands_and_millions(number: int, written: str) -> None:
    assert count(number) == written


@pytest.mark.parametrize(("number", "written"), [(12, "12 B"), (90_900_000, "90.9 MB"), (2_000_000_000, "2 GB")])
def test_bytes_are_decimal(number: int, written: str) -> None:
    assert size_of(number) == written


@pytest.mark.parametrize(("number", "written"), [(0.42, "0.4 s"), (12.3, "12 s"), (210, "3.5 min")])
def test_durations_are_short(number: float, written: str) -> None:
    assert duration(number) == written


def record(label: str) -> dict[str, object]:
    return {
        "label": label,
        "scope": {"layers": "head", "trainable": 10, "total": 1000},
        "curve": [{"examples": 50, "score": 0.5, "seed": 0}, {"examples": 100, "score": 0.75, "seed": 0}],
        "enough_examples": 100,
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
    told = Decision("accuracy", labels[0], labels[0], {label: Interval(0, 0, 0) for label in labels}, {}, (), ())
    records = [record(label) for label in labels]
    markdown = render(records, told, markdown=True).splitlines()
    assert {line.count("|") for line in markdown} == {variants + 2}
    text = render(records, told).splitlines()
    assert max(len(line) for line in text) == len(text[1])
    assert f"{labels[0]} *" in text[0]
    assert sum("0.750" in line for line in text) == 2
