"""The command `alih`: parse, dispatch, and turn errors into messages and exit codes.

Exit codes: 0 done; 2 a mistake the user can mend (one message, no traceback); 130 stopped with Ctrl-C; 1 a bug in Alih.
Nothing heavy is imported before a command runs, so that `alih --help` answers at once.
"""

from __future__ import annotations

import argparse
import errno
import os
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path

from alih import interrupt
from alih.cli import (
    asking,
    comparing,
    explaining,
    generating,
    looking,
    ragging,
    reporting,
    tokens,
    translating,
    using,
)
from alih.errors import AlihError, OptionError
from alih.version import VERSION

#: What the operating system refuses for reasons outside Alih: a full disk, a folder that may not be written to.
_NOT_OURS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS})
_DESCRIPTION = "Which way should I adapt this pre-trained model to my data, and what does each way cost? Measured."
_START = """start here:
  alih demo                    the main job on built-in data, no network needed
  alih compare reviews.csv     your labelled texts: every route measured, one recommended, the adapted model saved
  alih compare photos/         your labelled pictures: one sub-folder a class
  alih predict runs/last "a new text"
"""


def build_parser() -> argparse.ArgumentParser:
    """Build the parser of every command."""
    parser = argparse.ArgumentParser(
        prog="alih",
        description=_DESCRIPTION,
        epilog=_START,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"alih {VERSION}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for module in (
        comparing,
        reporting,
        using,
        generating,
        translating,
        ragging,
        asking,
        looking,
        explaining,
        tokens,
    ):
        module.add_commands(commands)
    return parser


def _refuse_undecodable(arguments: Sequence[str]) -> None:
    """Refuse a typed text whose bytes are not UTF-8; names of files that exist may be any bytes.

    Raises:
        OptionError: there is one.
    """
    for text in arguments:
        if any("\udc80" <= character <= "\udcff" for character in text) and not Path(text).exists():
            shown = text.encode(errors="surrogateescape").decode(errors="replace")
            raise OptionError(f'"{shown[:80]}": is not valid UTF-8 text. Type it in a terminal set to UTF-8.')


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    return run(build_parser(), arguments)


def run(parser: argparse.ArgumentParser, arguments: Sequence[str] | None = None) -> int:
    """Run the command that the parser finds in the arguments; its errors become messages and exit codes."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that knows no "–" must not stop a run
    if isinstance(sys.stdin, TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="strict")  # what is no UTF-8 is told, never half understood
    interrupt.listen()
    options = parser.parse_args(arguments)
    try:
        _refuse_undecodable(sys.argv[1:] if arguments is None else arguments)
        code = options.run(options)
        sys.stdout.flush()
    except AlihError as error:
        print(f"{parser.prog}: {error}", file=sys.stderr)
        return error.exit_code
    except UnicodeDecodeError as error:
        print(
            f"{parser.prog}: byte {error.start:,} (0x{error.object[error.start]:02X}) of what was read is no UTF-8. "
            "Convert it first: iconv -f WINDOWS-1252 -t UTF-8",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        interrupt.answered()
        print(f"{parser.prog}: stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) has what it wanted; python must not complain while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in _NOT_OURS:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(
            f"{parser.prog}: {where}{error.strerror}. Make room, or choose a folder that may be written to.",
            file=sys.stderr,
        )
        return 2
    return int(code or 0)
