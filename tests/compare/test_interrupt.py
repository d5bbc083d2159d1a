"""Cut short by Ctrl-C, by a kill, or by the time limit: what was measured is kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from alih.cli.main import main
from alih.compare.compare import compare
from alih.compare.opening import open_adapted
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder
from alih.errors import RunError
from alih.progress import Progress

_PATIENCE_SECONDS = 200


@contextmanager
def comparing(data: Path, model: Path, runs: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A comparison that would run for very long, once its first variant has been measured."""
    command = [sys.executable, "-m", "alih", "compare", str(data), "--model", str(model), "--runs", str(runs)]
    command += [
        "--learning-rate",
        "transfer=0.01,finetune=0.01",
        "--epochs",
        "1",
        "--seeds",
        "100000",
        "--routes",
        "transfer,finetune",
    ]
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        # Started in the background by a shell, tests inherit that the signal is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        yield process, _wait_for_a_trial(process, runs)
    finally:
        process.kill()
        process.wait()


def _wait_for_a_trial(process: subprocess.Popen[str], runs: Path) -> Path:
    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until and process.poll() is None:
        for path in runs.glob("*/trials.jsonl"):
            if path.parent.name != "last" and path.read_text().count('"purpose": "full"') >= 4:
                return path.parent
        time.sleep(0.05)
    process.kill()
    raise AssertionError(f"no trial was written: {process.communicate()[1]}")


def test_ctrl_c_keeps_the_trials_hands_over_the_best_and_exits_with_130(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    with comparing(reviews_csv, tiny_bert, tmp_path / "runs") as (process, folder):
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=_PATIENCE_SECONDS)
    assert process.returncode == 130
    assert "Traceback" not in error
    assert f"trials are kept in {tmp_path / 'runs'}" in error
    assert "adaptability" in output, "the table of what was measured"
    run = RunFolder.open(folder)
    assert len(run.trials()) >= 4
    assert run.report["interrupted"] is True
    assert run.report["handed_over"]["agrees_with_memory"]
    assert run.report["handed_over"]["test"] is None, "kept for the end"
    assert "kept for the end" in " ".join(output.split())
    assert list(run.weights.iterdir()), "what goes on needs them"
    assert open_adapted(tmp_path / "runs" / "last").predict(["good"])


def test_ctrl_c_again_leaves_the_model_out_and_the_report_in(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_arguments: Any, **_more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alih.compare.comparison.hand_over", stop)
    wanted = {"model": str(tiny_bert), "runs": str(tmp_path), "seeds": 1, "routes": "transfer"}
    found = compare(reviews_csv, Options.from_mapping(wanted), Progress(quiet=True))
    assert found.interrupted
    assert found.folder.report["handed_over"] is None
    with pytest.raises(RunError, match="holds no adapted model"):
        open_adapted(found.folder.path)


def test_a_killed_run_leaves_a_folder_that_reads(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    with comparing(reviews_csv, tiny_bert, tmp_path / "runs") as (process, folder):
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=_PATIENCE_SECONDS)
    run = RunFolder.open(folder)
    kept = run.trials()
    assert len(kept) >= 4
    assert all(run.predictions(trial)["logits"].shape == (18, 2) for trial in kept if trial.purpose == "full")
    with pytest.raises(RunError, match="stopped before its report"):
        _ = run.report


def test_ctrl_c_before_anything_was_measured_leaves_one_line(
    reviews_csv: Path,
    tiny_bert: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def stop(*_arguments: Any, **_more: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("alih.tasks.bench.Stage.fit", stop)
    assert main(["compare", str(reviews_csv), "--model", str(tiny_bert), "--runs", str(tmp_path)]) == 130
    captured = capsys.readouterr()
    assert "Stopped. 0 trials are kept" in captured.err
    assert captured.out == ""


def test_a_time_limit_ends_with_a_decision_on_what_was_measured(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    wanted = {"model": str(tiny_bert), "runs": str(tmp_path), "max_time": "1s", "seeds": 100_000}
    start = time.monotonic()
    found = compare(reviews_csv, Options.from_mapping(wanted), Progress(quiet=True))
    # Within reason, on a machine that others use too: without the limit this would take hours.
    assert time.monotonic() - start < 60
    assert found.skipped
    assert "time limit" in " ".join(found.skipped)
    assert found.handed_over is not None
    assert found.best.predict(["good"])
    assert not found.interrupted
