"""The command line answers at once, maps errors to exit codes, and shows no traceback for a user's mistake."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from alih.cli.main import build_parser, main
from alih.errors import AlihError

COMMANDS = ("demo", "compare", "adapt", "predict", "evaluate", "inspect", "cache", "doctor", "pretrain")


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


def test_every_flag_of_compare_is_an_option_that_something_reads() -> None:
    parser = build_parser()
    parsed = parser.parse_args(["compare", "x.csv", "--max-time", "20m", "--routes", "transfer,finetune"])
    assert (parsed.max_time, parsed.routes) == ("20m", "transfer,finetune")


def _interrupted(_arguments: object) -> int:
    raise KeyboardInterrupt


def _broken(_arguments: object) -> int:
    raise ZeroDivisionError


def test_errors_carry_their_exit_code() -> None:
    assert AlihError("x").exit_code == 2
