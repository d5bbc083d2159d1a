"""docs/REPORT.md names the fields that report.json has, and no others."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from alih.compare.compare import compare
from alih.compare.comparison import REPORT_SCHEMA
from alih.compare.options import Options
from alih.progress import Progress
from small_tasks import RATES

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "REPORT.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def report(reviews_csv: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    wanted = {"model": str(tiny_bert), "runs": str(tmp_path_factory.mktemp("runs")), "learning_rate": RATES}
    few = {"routes": "transfer,finetune", "seeds": 1, "epochs": 1, "plan": "full"}
    return compare(reviews_csv, Options.from_mapping({**wanted, **few}), Progress(quiet=True)).report


def documented(title: str) -> set[str]:
    """The fields in the first column of a section's table."""
    section = PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_the_page_is_of_this_schema(report: dict[str, Any]) -> None:
    assert PAGE.startswith(f"# report.json, schema {REPORT_SCHEMA}\n")
    assert report["schema"] == REPORT_SCHEMA


@pytest.mark.parametrize("title", ["The whole", "decision", "table", "handed_over", "evidence"])
def test_every_field_is_documented_and_every_documented_field_is_there(title: str, report: dict[str, Any]) -> None:
    found = report if title == "The whole" else report[title]
    if title == "table":
        found = found[0]
    assert documented(title) == set(found)
