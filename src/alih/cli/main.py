"""The command `alih`: parse, dispatch, and turn errors into messages and exit codes.

Exit codes: 0 done; 2 a mistake the user can mend (one message, no traceback); 130 stopped with Ctrl-C; 1 a bug in Alih.
Nothing heavy is imported before a command runs, so that `alih --help` answers at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from alih.cli import comparing, looking, pretraining, using
from alih.errors import AlihError
from alih.version import VERSION

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
    for module in (comparing, using, looking, pretraining):
        module.add_commands(commands)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    try:
        code = options.run(options)
        sys.stdout.flush()
    except AlihError as error:
        print(f"alih: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("alih: stopped.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # The reader (head, less) has what it wanted; python must not complain while flushing at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return int(code or 0)
