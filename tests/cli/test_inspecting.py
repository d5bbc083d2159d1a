"""`alih inspect`: memory by route, what fits, and how sizes that cannot be are refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alih.cli.main import main


def test_json_keeps_what_it_had_and_adds_needs(tiny_bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tiny_bert), "--json", "--batch-size", "4", "--length", "16", "--memory", "1kB"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"name", "source", "anatomy", "routes", "parameters", "gflops_per_example", "max_length"} <= told.keys()
    needs = told["needs"]
    assert (needs["batch_size"], needs["length"], needs["memory"]) == (4, 16, 1000.0)
    assert {row["route"] for row in needs["routes"]} >= {"transfer", "finetune", "lora", "qalora", "scratch"}
    assert all(not row["fits"] and row["largest_batch"] == 0 for row in needs["routes"])


def test_the_table_says_what_fits(tiny_bert: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(tiny_bert), "--length", "16", "--memory", "8GB"]) == 0
    out = capsys.readouterr().out
    assert "in steps of 32 texts of 16 tokens" in out
    assert "everything fits into 8.0 GB" in out
    assert main(["inspect", str(tiny_bert), "--length", "16", "--memory", "1kB"]) == 0
    assert "nothing fits; the least is" in capsys.readouterr().out


def test_a_configuration_alone_is_enough(tiny_bert: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_bytes((tiny_bert / "config.json").read_bytes())
    assert main(["inspect", str(tmp_path / "config.json"), "--length", "16"]) == 0
    assert "finetune all 3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--memory", "eight"], "--memory: 'eight' is no size"),
        (["--memory", "0GB"], "--memory: must be above zero"),
        (["--batch-size", "0"], "--batch-size: must be at least 1"),
        (["--length", "0"], "--length: must be at least 1"),
        (["--length", "999999"], "takes at most"),
        (["--config-only", "--allow-pickle"], "no weights are opened"),
    ],
)
def test_sizes_that_cannot_be_are_refused(
    flags: list[str], told: str, tiny_bert: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["inspect", str(tiny_bert), *flags]) == 2
    assert told in capsys.readouterr().err
