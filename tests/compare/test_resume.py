"""Stopped and gone on with, a comparison ends as if it had never been stopped."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alih.cli.main import main
from alih.compare.compare import compare, resume
from alih.compare.comparison import Comparison
from alih.compare.options import Options
from alih.compare.runfolder import RunFolder, newest_unfinished
from alih.data.read import read
from alih.errors import RunError
from alih.progress import Progress

QUIET = Progress(quiet=True)


def options(model: Path, runs: Path, **more: Any) -> Options:
    few = {"routes": "transfer,finetune", "seeds": 2, "epochs": 2, "plan": "full"}
    return Options.from_mapping({"model": str(model), "runs": str(runs), **few, **more})


def content(folder: RunFolder) -> dict[str, Any]:
    """Everything measured, without times."""
    trials = {}
    for trial in folder.trials():
        history = [{k: v for k, v in epoch.items() if k != "seconds"} for epoch in trial.history]
        logits = None if trial.purpose == "search" else folder.predictions(trial)["logits"].tobytes()
        trials[trial.id] = (trial.label, trial.purpose, trial.metrics, trial.shifted_metrics, history, logits)
    weights = (folder.model / "model.safetensors").read_bytes()
    return {"trials": trials, "weights": weights, "test": folder.report["handed_over"]["test"]}


class Killed(BaseException):
    """What nothing catches, as kill -9 is caught by nothing."""


def stopped_after(
    count: int, data: Path, model: Path, runs: Path, monkeypatch: pytest.MonkeyPatch, **more: Any
) -> RunFolder:
    """A run folder as a process leaves it that dies after `count` trials."""
    real, written = RunFolder.append, 0

    def append(self: RunFolder, *arguments: Any) -> None:
        nonlocal written
        if written == count:
            raise Killed
        real(self, *arguments)
        written += 1

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "append", append)
        with pytest.raises(Killed):
            compare(data, options(model, runs, **more), QUIET)
    return RunFolder(newest_unfinished(runs))


@pytest.fixture(scope="module")
def whole(reviews_csv: Path, tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Comparison:
    return compare(reviews_csv, options(tiny_bert, tmp_path_factory.mktemp("runs")), QUIET)


@pytest.mark.parametrize("count", [0, 1, 5, 9, 16, 19])
def test_resumed_equals_uninterrupted_bit_for_bit(
    count: int, whole: Comparison, reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stopped_after(count, reviews_csv, tiny_bert, tmp_path, monkeypatch)
    assert len(folder.trials()) == count < len(whole.trials)
    found = resume(folder.path, progress=QUIET)
    assert content(found.folder) == content(whole.folder)
    assert found.decision.behind == whole.decision.behind
    assert not folder.weights.exists()


def test_no_trial_is_run_twice(
    whole: Comparison, reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stopped_after(12, reviews_csv, tiny_bert, tmp_path, monkeypatch)
    before = (folder.path / "trials.jsonl").read_bytes()
    resume(folder.path, progress=QUIET)
    after = (folder.path / "trials.jsonl").read_bytes()
    assert after.startswith(before)
    assert len(RunFolder.open(folder.path).trials()) == len(whole.trials)


def test_after_ctrl_c_it_goes_on_too(
    whole: Comparison, reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, written = RunFolder.append, 0

    def append(self: RunFolder, *arguments: Any) -> None:
        nonlocal written
        written += 1
        if written == 14:
            raise KeyboardInterrupt
        real(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "append", append)
        stopped = compare(reviews_csv, options(tiny_bert, tmp_path), QUIET)
    assert stopped.interrupted
    assert stopped.report["handed_over"]["test"] is None, "the test split is not looked at before the end"
    found = resume(stopped.folder.path, progress=QUIET)
    assert content(found.folder) == content(whole.folder)
    names = [json.loads(line)["id"] for line in (found.folder.path / "trials.jsonl").read_text().splitlines()]
    assert len(names) == len(set(names)), "no trial was run and written twice"
    assert found.seconds > stopped.seconds


def test_a_complete_run_is_left_alone(whole: Comparison, capsys: pytest.CaptureFixture[str]) -> None:
    before = (whole.folder.path / "report.json").read_bytes()
    assert main(["resume", str(whole.folder.path)]) == 2
    assert "is complete" in capsys.readouterr().err
    assert (whole.folder.path / "report.json").read_bytes() == before


def test_where_nothing_was_stopped_it_says_so(whole: Comparison, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["resume", "--runs", str(whole.folder.path.parent)]) == 2
    assert "no run there was stopped" in capsys.readouterr().err


def test_changed_data_are_refused_with_what_changed(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "mine.csv"
    data.write_bytes(reviews_csv.read_bytes())
    folder = stopped_after(2, data, tiny_bert, tmp_path / "runs", monkeypatch)
    lines = data.read_text().splitlines()
    data.write_text("\n".join(lines[:-9]) + "\n")
    with pytest.raises(RunError, match=r"mine.csv has changed since \(train 54 then, .* now"):
        resume(folder.path, progress=QUIET)
    assert len(folder.trials()) == 2
    data.write_text("\n".join([lines[0], "another " + lines[1], *lines[2:]]) + "\n")
    with pytest.raises(RunError, match="as many examples, but others"):
        resume(folder.path, progress=QUIET)
    data.unlink()
    assert main(["resume", str(folder.path)]) == 2
    assert content(resume(folder.path, reviews_csv, QUIET).folder)


def test_a_second_set_is_found_from_any_folder_and_refused_where_it_has_changed(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    other = tmp_path / "other.csv"
    other.write_bytes(reviews_csv.read_bytes())
    folder = stopped_after(2, reviews_csv, tiny_bert, tmp_path / "runs", monkeypatch, shifted="other.csv", seeds=1)
    monkeypatch.chdir("/")
    other.write_text("".join(reviews_csv.read_text().splitlines(keepends=True)[:-9]))
    with pytest.raises(RunError, match=rf"--shifted {other} has changed since"):
        resume(folder.path, progress=QUIET)
    assert len(folder.trials()) == 2
    other.write_bytes(reviews_csv.read_bytes())
    assert resume(folder.path, progress=QUIET).handed_over is not None


def test_another_version_is_refused_with_its_number(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stopped_after(2, reviews_csv, tiny_bert, tmp_path, monkeypatch)
    path = folder.path / "spec.json"
    told = json.loads(path.read_text())
    told["versions"]["torch"] = "1.0"
    path.write_text(json.dumps(told))
    with pytest.raises(RunError, match=r"torch 1\.0, now"):
        resume(folder.path, progress=QUIET)
    path.write_text("{")
    with pytest.raises(RunError, match=r"spec\.json: damaged"):
        resume(folder.path, progress=QUIET)


def test_a_cache_that_is_gone_costs_time_and_nothing_else(
    whole: Comparison, reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIH_CACHE", str(tmp_path / "one"))
    folder = stopped_after(10, reviews_csv, tiny_bert, tmp_path / "runs", monkeypatch)
    monkeypatch.setenv("ALIH_CACHE", str(tmp_path / "other"))
    assert content(resume(folder.path, progress=QUIET).folder) == content(whole.folder)


@pytest.mark.parametrize("part", ["weights", "predictions"])
def test_a_trial_whose_weights_or_predictions_are_damaged_is_run_again(
    part: str,
    whole: Comparison,
    reviews_csv: Path,
    tiny_bert: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = stopped_after(len(whole.trials) - 1, reviews_csv, tiny_bert, tmp_path, monkeypatch)
    full = [trial for trial in folder.trials() if trial.purpose == "full" and folder.weights_of(trial).is_file()]
    path = folder.weights_of(full[0]) if part == "weights" else folder.path / part / f"{full[0].id}.safetensors"
    path.write_bytes(path.read_bytes()[:100])
    found = resume(folder.path)
    assert content(found.folder) == content(whole.folder)
    told = [line for line in capsys.readouterr().err.splitlines() if "run again" in line]
    assert len(told) == 1
    assert full[0].label in told[0]


def test_data_given_in_memory_are_given_again(
    reviews_csv: Path, tiny_bert: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = stopped_after(3, reviews_csv, tiny_bert, tmp_path, monkeypatch)
    assert resume(folder.path, read(reviews_csv), QUIET).handed_over is not None


@pytest.mark.slow
def test_killed_at_20_random_moments_and_resumed_the_results_are_the_same(
    whole: Comparison, reviews_csv: Path, tiny_bert: Path, tmp_path: Path
) -> None:
    generator = random.Random(0)
    environment = {**os.environ, "OMP_NUM_THREADS": str(np.max([1, int(os.environ.get("OMP_NUM_THREADS", "1"))]))}
    kills, runs = 0, 0
    while kills < 20:
        root = tmp_path / str(runs)
        runs += 1
        command = [sys.executable, "-m", "alih", "compare", str(reviews_csv), "--model", str(tiny_bert)]
        command += ["--runs", str(root), "--routes", "transfer,finetune", "--seeds", "2", "--epochs", "2"]
        command += ["--plan", "full"]
        complete = False
        while not complete:
            said = tmp_path / f"said-{kills}.txt"
            with said.open("wb") as errors:
                process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors, env=environment)
            _until_it_works(root, said, process)
            if kills < 20:
                # Up to a third of a second: a trial takes about a tenth.
                time.sleep(generator.uniform(0, 0.35))
                process.send_signal(signal.SIGKILL)
            process.wait(timeout=120)
            kills += process.returncode == -signal.SIGKILL
            text = said.read_text()
            complete = process.returncode == 0 or "is complete" in text or "no run there was stopped" in text
            assert complete or process.returncode == -signal.SIGKILL, text
            command = [sys.executable, "-m", "alih", "resume", "--runs", str(root)]
        [folder] = [RunFolder(path.parent) for path in root.glob("2*/spec.json")]
        assert content(folder) == content(whole.folder)


def _until_it_works(runs: Path, said: Path, process: subprocess.Popen[bytes]) -> None:
    """Until there is a run folder, and the process has said what it does: it has read its data by then."""
    until = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < until:
        if said.stat().st_size and list(runs.glob("2*/spec.json")):
            return
        time.sleep(0.01)
