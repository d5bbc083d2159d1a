"""The commands that measure: demo, compare, adapt."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from alih.cli.flags import Commands, add_options, add_some, given
from alih.compare.options import Options

if TYPE_CHECKING:
    from alih.compare.comparison import Comparison


_DATA_HELP = (
    "CSV, TSV, JSON, JSONL or Parquet file; image folder; saved dataset; Hub dataset; alih/digits; alih/docstrings"
)


def add_commands(commands: Commands) -> None:
    """Add demo, compare and adapt."""
    demo = commands.add_parser("demo", help="the main job on built-in images and texts, no network needed")
    add_some(demo, ("seed", "cache_limit", "runs"))
    demo.set_defaults(run=run_demo)

    compare = commands.add_parser("compare", help="measure every route on your data, recommend one, save the model")
    compare.add_argument("data", help=_DATA_HELP)
    add_options(compare, "compare")
    compare.add_argument("--dry-run", action="store_true", help="say what it would take, and stop there")
    compare.set_defaults(run=run_compare)

    adapt = commands.add_parser("adapt", help="run one route, without comparing")
    adapt.add_argument("data", help=_DATA_HELP)
    add_options(adapt, "adapt")
    adapt.set_defaults(run=run_adapt)

    resume = commands.add_parser("resume", help="go on with a comparison that was stopped")
    resume.add_argument("run_folder", nargs="?", metavar="RUN", help="its run folder (default: the newest unfinished)")
    resume.add_argument("--data", help="the data, where they have been moved since")
    add_some(resume, ("runs",))
    resume.set_defaults(run=run_resume)


def run_compare(arguments: argparse.Namespace) -> int:
    """Run `alih compare`."""
    options = Options.from_mapping(given(arguments))
    from alih.compare.compare import compare, foresee
    from alih.compare.forecast import render

    if arguments.dry_run:
        found = foresee(arguments.data, options)
        print(render(found, options.seeds, max_memory=options.max_memory, max_seconds=options.max_time))
        return 0
    return _show(compare(arguments.data, options))


def run_adapt(arguments: argparse.Namespace) -> int:
    """Run `alih adapt`: one route, once."""
    options = Options.from_mapping(given(arguments))
    from alih.compare.compare import adapt

    return _show(adapt(arguments.data, options.route, options))


def run_resume(arguments: argparse.Namespace) -> int:
    """Run `alih resume`."""
    from alih.compare.compare import resume
    from alih.compare.runfolder import newest_unfinished

    folder = arguments.run_folder or newest_unfinished(arguments.runs or Options.runs)
    return _show(resume(folder, arguments.data))


def run_demo(arguments: argparse.Namespace) -> int:
    """Run `alih demo`: images, then texts."""
    from alih.compare.demo import demos

    options = Options.from_mapping(given(arguments))
    for number, (title, run) in enumerate(demos(options)):
        print(f"{'' if number == 0 else chr(10)}{title}\n{'=' * len(title)}", flush=True)
        code = _show(run())
        if code:
            return code
    return 0


def _show(comparison: Comparison) -> int:
    print(comparison)
    return 130 if comparison.interrupted else 0
