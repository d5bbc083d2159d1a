"""A run folder keeps every acknowledged trial: through crashes, cut lines, damage and a second writer."""

from __future__ import annotations

import json
import math
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alih.compare.runfolder import RunFolder
from alih.compare.trial import Costs, Scope, Trial, from_json, to_json, trial_id
from alih.errors import RunError


def trial(number: int = 0, **changes: object) -> Trial:
    base = Trial(
        id=trial_id("transfer", {"learning_rate": 0.01}, 100, number, "full"),
        route="transfer",
        label="transfer",
        setting={"learning_rate": 0.01},
        examples=100,
        seed=number,
        purpose="full",
        metrics={"accuracy": 0.9},
        train_metrics={"accuracy": 0.95},
        shifted_metrics={"accuracy": 0.8},
        scope=Scope("head", 10, 1000),
        costs=Costs(1.5, 10**9, 40, 100, 1e9, 2.5),
        history=({"epoch": 1, "train_loss": 0.5},),
    )
    return replace(base, **changes)  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    made = RunFolder.create(tmp_path / "runs", "my reviews")
    made.write_spec({"data": {}})
    return made


@given(st.floats(allow_nan=False, allow_infinity=False), st.text(max_size=30), st.integers(0, 2**40))
def test_a_trial_reads_back_as_it_was_written(score: float, words: str, count: int) -> None:
    written = trial(examples=count, label=words, metrics={"accuracy": score})
    assert from_json(to_json(written)) == written


def test_numbers_that_json_does_not_know_become_null() -> None:
    line = to_json(trial(metrics={"r2": math.nan, "mae": math.inf}))
    assert json.loads(line)["metrics"] == {"r2": None, "mae": None}


def test_a_newer_schema_is_named(folder: RunFolder) -> None:
    folder.append(trial())
    path = folder.path / "trials.jsonl"
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 9, "colour": "red"'))
    with pytest.raises(RunError, match=r"line 1.*schema 9.*colour.*update Alih"):
        folder.trials()


def test_the_newest_run_is_last(tmp_path: Path) -> None:
    first, second = (RunFolder.create(tmp_path, "a") for _ in range(2))
    assert first.path != second.path
    second.write_spec({})
    assert RunFolder.open(tmp_path / "last").path.resolve() == second.path.resolve()


def test_last_is_a_text_file_where_links_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "symlink_to", refuse)
    made = RunFolder.create(tmp_path, "a")
    made.write_spec({})
    assert (tmp_path / "last").is_file()
    assert RunFolder.open(tmp_path / "last").path == made.path


def test_a_missing_run_is_answered_with_those_that_are_there(folder: RunFolder) -> None:
    with pytest.raises(RunError, match=folder.path.name):
        RunFolder.open(folder.path.parent / "lost")


def test_a_second_writer_is_told(folder: RunFolder) -> None:
    with folder, pytest.raises(RunError, match="another process"), RunFolder(folder.path):
        pass


def test_a_line_cut_off_by_a_crash_is_left_out_and_writing_goes_on(folder: RunFolder) -> None:
    folder.append(trial(0))
    with (folder.path / "trials.jsonl").open("a") as file:
        file.write('{"id": "cut off he')
    assert [found.seed for found in folder.trials()] == [0]
    folder.append(trial(1))
    assert [found.seed for found in folder.trials()] == [0, 1]


def test_a_damaged_line_is_named_and_nothing_is_changed(folder: RunFolder) -> None:
    for number in range(3):
        folder.append(trial(number))
    path = folder.path / "trials.jsonl"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace('"id"', '"id', 1)
    path.write_text("\n".join(lines) + "\n")
    before = path.read_bytes()
    with pytest.raises(RunError, match="line 2: damaged"):
        folder.trials()
    assert path.read_bytes() == before


def test_predictions_come_back_bit_for_bit_or_with_a_message(folder: RunFolder) -> None:
    logits = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    folder.append(trial(), logits)
    assert (folder.predictions(trial()) == logits).all()
    file = next((folder.path / "predictions").iterdir())
    file.write_bytes(file.read_bytes()[:20])
    with pytest.raises(RunError, match="missing or damaged"):
        folder.predictions(trial())


def test_a_damaged_report_says_that_the_trials_are_untouched(folder: RunFolder) -> None:
    folder.write_report({"schema": 1})
    assert folder.report == {"schema": 1}
    (folder.path / "report.json").write_text("{")
    with pytest.raises(RunError, match=r"trials\.jsonl are untouched"):
        _ = folder.report


_WRITER = """
import sys
import numpy as np
from test_runfolder import trial
from alih.compare.runfolder import RunFolder
folder = RunFolder.open(sys.argv[1])
for number in range(10_000):
    folder.append(trial(number), np.full((4, 2), number, dtype=np.float32))
    print(number, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_kill_9_loses_no_acknowledged_trial(folder: RunFolder) -> None:
    generator = np.random.default_rng(0)
    for _ in range(10):
        (folder.path / "trials.jsonl").unlink(missing_ok=True)
        writer = subprocess.Popen(
            [sys.executable, "-c", _WRITER, str(folder.path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parent,
        )
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(float(generator.uniform(0.0, 0.4)))
        writer.send_signal(signal.SIGKILL)
        acknowledged = [int(line) for line in [first, *writer.stdout.read().splitlines()]]
        writer.wait()
        found = folder.trials()
        assert [one.seed for one in found][: len(acknowledged)] == acknowledged
        for one in found[: len(acknowledged)]:
            assert (folder.predictions(one) == one.seed).all()
