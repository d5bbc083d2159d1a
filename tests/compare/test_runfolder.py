"""A run folder keeps every acknowledged trial: through crashes, cut lines, damage and a second writer."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
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


def test_numbers_that_json_does_not_know_become_null_and_come_back_as_not_a_number() -> None:
    line = to_json(trial(metrics={"r2": math.nan, "mae": math.inf}, history=({"loss": math.nan},)))
    assert json.loads(line)["metrics"] == {"r2": None, "mae": None}
    assert json.loads(line)["history"] == [{"loss": None}]
    assert all(math.isnan(value) for value in from_json(line).metrics.values())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
FLOATS = st.floats(allow_nan=False, allow_infinity=False)


@given(
    st.dictionaries(st.text(max_size=8), JSON.filter(lambda value: "inf" not in repr(value)), max_size=4),
    st.lists(st.dictionaries(st.text(max_size=8), FLOATS | st.text(max_size=8), max_size=3), max_size=3),
    st.none() | FLOATS,
    st.none() | st.text(),
)
def test_settings_history_and_costs_read_back_on_one_line(
    setting: dict[str, object], history: list[dict[str, object]], flops: float | None, stopped: str | None
) -> None:
    written = trial(setting=setting, history=tuple(history), costs=Costs(0.1, 1, 2, 3, flops), stopped=stopped)
    line = to_json(written)
    assert "\n" not in line
    assert from_json(line) == written


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("[]", "no trial"),
        ("7", "no trial"),
        ('{"schema": 1}', "no trial"),
        ('{"schema": 1, "colour": 2}', "colour"),
        ('{"schema": 0}', "schema 0"),
    ],
)
def test_json_that_is_no_trial_is_refused(line: str, words: str) -> None:
    with pytest.raises(RunError, match=words):
        from_json(line)


@pytest.mark.parametrize("part", ["scope", "costs", "history", "metrics"])
def test_a_trial_with_a_damaged_part_is_refused(part: str) -> None:
    told = json.loads(to_json(trial()))
    for damaged in (None, 3, {"colour": "red"} if part in {"scope", "costs"} else 4):
        with pytest.raises(RunError, match=r"no trial .*Delete this line: alih resume"):
            from_json(json.dumps({**told, part: damaged}))


def test_the_name_of_a_trial_depends_on_each_of_its_parts_and_not_on_their_order() -> None:
    base = ("transfer", {"a": 1, "b": 2}, 100, 0, "full")
    others = [
        ("finetune", {"a": 1, "b": 2}, 100, 0, "full"),
        ("transfer", {"a": 1, "b": 3}, 100, 0, "full"),
        ("transfer", {"a": 1, "b": 2}, 101, 0, "full"),
        ("transfer", {"a": 1, "b": 2}, 100, 1, "full"),
        ("transfer", {"a": 1, "b": 2}, 100, 0, "curve"),
    ]
    assert len({trial_id(*one) for one in [base, *others]}) == 6
    assert trial_id(*base) == trial_id("transfer", {"b": 2, "a": 1}, 100, 0, "full")


def test_a_newer_schema_is_named(folder: RunFolder) -> None:
    folder.append(trial())
    path = folder.path / "trials.jsonl"
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 9, "colour": "red"'))
    with pytest.raises(RunError, match=r"line 1.*schema 9.*colour.*update Alih"):
        folder.trials()


def test_the_newest_run_is_last(tmp_path: Path) -> None:
    first, second = (RunFolder.create(tmp_path, "a") for _ in range(2))
    assert first.path != second.path
    for run in (first, second):
        run.write_spec({})
        run.become_last()
    assert RunFolder.open(tmp_path / "last").path.resolve() == second.path.resolve()


def test_last_is_a_text_file_where_links_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object, **_kwargs: object) -> None:
        raise OSError

    monkeypatch.setattr(Path, "symlink_to", refuse)
    made = RunFolder.create(tmp_path, "a")
    made.write_spec({})
    made.become_last()
    assert (tmp_path / "last").is_file()
    assert RunFolder.open(tmp_path / "last").path == made.path


def test_a_newer_run_moves_the_pointer_whether_it_was_a_link_or_a_file(tmp_path: Path) -> None:
    (tmp_path / "last").write_text("20261123-070000-gone\n")
    with pytest.raises(RunError, match="no run folder"):
        RunFolder.open(tmp_path / "last")
    for _ in range(2):
        made = RunFolder.create(tmp_path, "a")
        made.write_spec({})
        made.become_last()
        assert RunFolder.open(tmp_path / "last").path.resolve() == made.path.resolve()
    assert not list(tmp_path.glob(".*last*"))


@pytest.mark.parametrize("inside", ["model", "adapter", "model/deeper"])
def test_a_part_of_a_run_is_told_from_the_run(tmp_path: Path, inside: str) -> None:
    folder = RunFolder.create(tmp_path, "reviews")
    (folder.path / "spec.json").write_text("{}")
    (folder.path / inside).mkdir(parents=True)
    with pytest.raises(RunError, match=rf"part of the run {folder.path}: give that folder"):
        RunFolder.open(folder.path / inside)


def test_a_folder_that_a_run_does_not_have_is_not_called_a_part_of_it(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "reviews")
    (folder.path / "spec.json").write_text("{}")
    with pytest.raises(RunError, match=rf"nothing: there is no such folder in the run {folder.path}\. Give"):
        RunFolder.open(folder.path / "nothing")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("garbage", "Expecting value"),
        ("[1]", "no specification in it"),
        ('{"versions": {"alih": "0"}, "data": {}}', "no options in it"),
        ('{"versions": "new", "data": {}, "options": {}}', "no versions in it"),
    ],
)
def test_a_damaged_specification_is_told_with_what_to_do(folder: RunFolder, text: str, words: str) -> None:
    (folder.path / "spec.json").write_text(text)
    with pytest.raises(RunError, match=rf"damaged \({words}.*put a copy of spec\.json back.*or start anew"):
        _ = folder.spec


def finished(root: Path) -> Path:
    run = RunFolder.create(root, "same")
    run.become_last()
    return run.path


def test_many_creators_in_one_second_get_a_folder_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = Path.symlink_to

    def slowly(path: Path, target: str) -> None:
        link(path, target)
        time.sleep(0.01)  # so that the others are at the same point

    monkeypatch.setattr(Path, "symlink_to", slowly)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: finished(tmp_path), range(24)))
    assert len(set(made)) == 24
    assert all(path.is_dir() for path in made)
    assert (tmp_path / "last").resolve() in made


@given(st.text(max_size=80))
def test_any_name_makes_a_folder_below_the_root(name: str) -> None:
    with tempfile.TemporaryDirectory() as root:
        made = RunFolder.create(root, name)
        assert made.path.parent == Path(root)
        assert made.path.is_dir()


def test_a_root_that_is_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunError, match=r"--runs .*runs: cannot make"):
        RunFolder.create(tmp_path / "runs", "a")


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


def test_a_line_cut_anywhere_costs_nothing_that_was_acknowledged(folder: RunFolder) -> None:
    path = folder.path / "trials.jsonl"
    folder.append(trial(0))
    whole = path.read_bytes()
    line = to_json(trial(1, label="Übung “1”")).encode()
    for length in range(1, len(line) + 1):
        path.write_bytes(whole + line[:length])
        complete = [0, 1] if length == len(line) else [0]
        assert [found.seed for found in folder.trials()] == complete
        folder.append(trial(2))
        assert [found.seed for found in folder.trials()] == [*complete, 2]


def test_a_line_cut_short_among_others_is_damage_and_not_a_crash(folder: RunFolder) -> None:
    for number in range(3):
        folder.append(trial(number))
    path = folder.path / "trials.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text(lines[0] + lines[1][:50] + "\n" + lines[2])
    with pytest.raises(RunError, match="line 2: damaged"):
        folder.trials()
    path.write_text(lines[0] + lines[1] + lines[2][:50] + "\n")
    with pytest.raises(RunError, match="line 3: damaged"):
        folder.trials()


def test_a_disk_that_cannot_be_written_to_is_told_and_costs_no_trial(
    folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.append(trial(0))

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunError, match=rf"No space left.*go on with: alih resume {folder.path}"):
            folder.append(trial(1), {"statistics/accuracy": np.zeros((2, 2), dtype=np.float32)})
    folder.append(trial(2))
    assert [found.seed for found in folder.trials()] == [0, 2]


def test_a_damaged_line_is_named_and_nothing_is_changed(folder: RunFolder) -> None:
    for number in range(3):
        folder.append(trial(number))
    path = folder.path / "trials.jsonl"
    lines = path.read_text().splitlines()
    lines[1] = lines[1].replace('"id"', '"id', 1)
    path.write_text("\n".join(lines) + "\n")
    before = path.read_bytes()
    with pytest.raises(RunError, match=r"line 2: damaged .*Delete this line: alih resume"):
        folder.trials()
    assert path.read_bytes() == before


def test_predictions_come_back_bit_for_bit_or_with_a_message(folder: RunFolder) -> None:
    logits = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    folder.append(trial(1))
    folder.append(trial(), {"statistics/accuracy": logits, "predictions/logits": -logits})
    assert (folder.statistics(trial(), "accuracy") == logits).all()
    assert (folder.predictions(trial())["logits"] == -logits).all()
    file = next((folder.path / "predictions").iterdir())
    assert folder.has_predictions(trial())
    file.write_bytes(file.read_bytes()[:20])
    for _ in range(2):
        assert not folder.has_predictions(trial())
        with pytest.raises(RunError, match=r"missing or damaged.*Delete line 2 of .*trials\.jsonl: alih resume"):
            folder.predictions(trial())
        file.unlink(missing_ok=True)


def test_a_damaged_report_says_that_the_trials_are_untouched(folder: RunFolder) -> None:
    folder.write_report({"schema": 1})
    assert folder.report == {"schema": 1}
    for damage in ("{", "", "[1]", "null"):
        (folder.path / "report.json").write_text(damage)
        with pytest.raises(RunError, match=rf"damaged .*trials\.jsonl are untouched.*alih resume {folder.path}"):
            _ = folder.report


def test_a_run_without_a_report_was_stopped(folder: RunFolder) -> None:
    with pytest.raises(RunError, match="stopped before its report"):
        _ = folder.report


def test_a_report_that_cannot_be_written_leaves_the_old_one(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_report({"number": 1})

    def fail(_descriptor: int) -> None:
        raise OSError(errno.EIO, "broken")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(RunError, match=rf"broken.*go on with: alih resume {folder.path}"):
            folder.write_report({"number": 2})
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: fail(0))
        with pytest.raises(RunError, match="broken"):
            folder.write_report({"number": 2})
    with pytest.raises(TypeError):
        folder.write_report({"number": object()})
    assert folder.report == {"number": 1}


_WRITER = """
import sys
import numpy as np
from test_runfolder import trial
from alih.compare.runfolder import RunFolder
folder = RunFolder.open(sys.argv[1])
for number in range(10_000):
    values = np.full((4, 2), number, dtype=np.float32)
    folder.append(trial(number), {"statistics/accuracy": values, "predictions/logits": values})
    print(number, flush=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="kills with SIGKILL")
def test_kill_9_loses_no_acknowledged_trial(folder: RunFolder) -> None:
    generator = np.random.default_rng(0)
    for _ in range(10):
        before = len(folder.trials())
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
        found = folder.trials()[before:]
        assert [one.seed for one in found][: len(acknowledged)] == acknowledged
        for one in found:
            assert (folder.predictions(one)["logits"] == one.seed).all()
            assert (folder.statistics(one, "accuracy") == one.seed).all()


def test_a_run_opened_as_the_last_one_does_not_point_to_itself(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "reviews")
    folder.write_spec({"versions": {"alih": "0"}})
    folder.become_last()
    again = RunFolder.open(tmp_path / "last")
    again.become_last()
    assert (tmp_path / "last").resolve() == folder.path.resolve()
