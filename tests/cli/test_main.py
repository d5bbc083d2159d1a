"""The command line answers at once, maps errors to exit codes, and shows no traceback for a user's mistake."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from alih.cli.flags import given
from alih.cli.main import build_parser, main
from alih.compare.options import Options
from alih.errors import AlihError

COMMANDS = ("demo", "compare", "adapt", "predict", "evaluate", "inspect", "cache", "doctor")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([command, "--help"])
    assert stopped.value.code == 0
    assert "usage: alih" in capsys.readouterr().out


def test_help_and_import_load_nothing_heavy() -> None:
    code = (
        "import sys, alih\nfrom alih.cli.main import build_parser\nbuild_parser().format_help()\n"
        "print([name for name in ('torch', 'transformers', 'sklearn', 'pyarrow', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_users_mistake_is_one_message_and_exit_code_2(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["compare", str(tmp_path / "missing.csv")]) == 2
    error = capsys.readouterr().err
    assert "missing.csv" in error
    assert "Traceback" not in error


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["tokens", "caf\udce9"], "is not valid UTF-8 text"),
        (["tokens", "-"], "standard input, row 1: byte 3 (0xE9) is not UTF-8 text. Convert it on its way"),
        (["explain", "alih/minilm", "-"], "standard input, row 1: byte 3 (0xE9)"),
        (["generate", "alih/lm-small", "-"], "byte 3 (0xE9) of what was read is no UTF-8"),
        (["translate", "alih/translator", "-"], "standard input, line 1: byte 3 (0xE9) is not UTF-8 text"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_text_that_is_no_utf8_is_a_message_in_every_command(arguments: list[str], says: str) -> None:
    typed = [os.fsencode(argument) for argument in arguments]
    done = subprocess.run([sys.executable, "-m", "alih", *typed], input=b"caf\xe9\n", capture_output=True, check=False)
    error = done.stderr.decode()
    assert done.returncode == 2, error
    assert says in error
    assert "Traceback" not in error


def test_an_unknown_flag_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["compare", "x.csv", "--learning-rte", "3"])
    assert stopped.value.code == 2
    assert "--learning-rte" in capsys.readouterr().err


def test_ctrl_c_exits_with_130(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("alih.cli.looking.run_doctor", _interrupted)
    assert main(["doctor"]) == 130
    assert "stopped" in capsys.readouterr().err


def test_a_bug_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alih.cli.looking.run_doctor", _broken)
    with pytest.raises(ZeroDivisionError):
        main(["doctor"])


def test_compare_has_a_flag_for_every_option_and_no_other() -> None:
    parsed = vars(build_parser().parse_args(["compare", "x.csv"]))
    assert set(parsed) - {"data", "run", "dry_run"} == {option.name for option in fields(Options)} - {"route"}


def test_a_typed_option_reaches_the_options_and_a_default_is_left_alone() -> None:
    parsed = build_parser().parse_args(["compare", "x.csv", "--max-time", "20m", "--blocks", "1,all", "--seeds", "2"])
    options = Options.from_mapping(given(parsed))
    assert (options.max_time, options.blocks, options.seeds, options.batch_size) == (1200.0, (1, -1), 2, 32)


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EFBIG])
def test_a_full_disk_is_a_message(
    number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(_arguments: object) -> int:
        raise OSError(number, os.strerror(number), "runs/x")

    monkeypatch.setattr("alih.cli.looking.run_doctor", full)
    assert main(["doctor"]) == 2
    assert f"runs/x: {os.strerror(number)}. Make room" in capsys.readouterr().err


def test_a_reader_that_has_enough_is_no_error() -> None:
    command = [sys.executable, "-m", "alih", "inspect", "alih/resnet-small", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        error = process.stderr.read().decode()
    assert process.returncode == 0
    assert error == ""


def test_a_terminal_that_knows_ascii_only_does_not_stop_a_run(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "alih", "inspect", str(tmp_path / "größe")],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def _interrupted(_arguments: object) -> int:
    raise KeyboardInterrupt


def _broken(_arguments: object) -> int:
    raise ZeroDivisionError


def test_errors_carry_their_exit_code() -> None:
    assert AlihError("x").exit_code == 2
