"""The commands that report: a run as a page; the runs there are, two of them side by side, one deleted."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from alih import files
from alih.cli.flags import Commands
from alih.errors import OptionError

if TYPE_CHECKING:
    from alih.compare.report.data import ReportData


def add_commands(commands: Commands) -> None:
    """Add report and runs."""
    report = commands.add_parser("report", help="write a run as one HTML page, in English or Indonesian")
    report.add_argument("run_folder", metavar="RUN", help="run folder (runs/last), or a file that --json made")
    report.add_argument("--lang", choices=("en", "id"), default="en", help="language (default: en)")
    form = report.add_mutually_exclusive_group()
    form.add_argument("-o", "--output", type=Path, help="the page to write (default: report.html in the run folder)")
    form.add_argument("--json", action="store_true", help="print what the page shows as JSON instead")
    report.add_argument("--open", action="store_true", help="open the page in the browser")
    report.set_defaults(run=run_report)

    runs = commands.add_parser("runs", help="list the runs, compare two, delete one")
    _add_folder(runs, "runs")
    runs.set_defaults(run=run_list)
    actions = runs.add_subparsers(title="actions", metavar="ACTION")
    listed = actions.add_parser("list", help="list them (default)")
    _add_folder(listed, argparse.SUPPRESS)
    compare = actions.add_parser("compare", help="show two runs side by side")
    compare.add_argument("one", metavar="A", help="name of a run, or its folder")
    compare.add_argument("other", metavar="B", help="name of a run, or its folder")
    _add_folder(compare, argparse.SUPPRESS)
    compare.set_defaults(run=run_compare)
    delete = actions.add_parser("delete", help="delete a run with its model")
    delete.add_argument("name", metavar="NAME", help="name of the run")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    _add_folder(delete, argparse.SUPPRESS)
    delete.set_defaults(run=run_delete)


def run_report(arguments: argparse.Namespace) -> int:
    """Run `alih report`."""
    from alih.compare.report.html import render_html

    if arguments.json and arguments.open:
        raise OptionError("--open: there is no page to open with --json. Leave one of them out.")
    data, beside = _read(arguments.run_folder)
    if arguments.json:
        print(data.to_json())
        return 0
    path = arguments.output or beside
    _check_page(path)
    page = render_html(data, arguments.lang)
    try:
        files.write_text(path, page)
    except OSError as error:
        raise OptionError(f"{path}: cannot be written ({error.strerror}). Name another file with --output.") from error
    print(path)
    if arguments.open:
        import webbrowser

        if not webbrowser.open(path.resolve().as_uri()):
            print("No browser was found; open the page by hand.", file=sys.stderr)
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """Run `alih runs`."""
    from alih.compare.report.listing import render_list, summaries

    found = summaries(arguments.runs)
    print(render_list(found) if found else f"{arguments.runs}: no runs. Make one with: alih compare DATA")
    return 0


def run_compare(arguments: argparse.Namespace) -> int:
    """Run `alih runs compare`."""
    from alih.compare.report.from_run import report_data
    from alih.compare.report.listing import find_run, side_by_side

    one, other = (report_data(find_run(arguments.runs, name)) for name in (arguments.one, arguments.other))
    print(side_by_side(one, other))
    return 0


def run_delete(arguments: argparse.Namespace) -> int:
    """Run `alih runs delete`."""
    from alih.compare.report.removal import check_removal, delete_run

    folder = check_removal(arguments.runs, arguments.name)
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise OptionError(f"{folder}: nobody is there to ask. Add --yes to delete it with its model.")
        if input(f"Delete {folder} with its model? [y/N] ").strip().lower() not in {"y", "yes"}:
            print("nothing was deleted")
            return 0
    print(f"deleted {delete_run(arguments.runs, arguments.name)}")
    return 0


def _add_folder(parser: argparse.ArgumentParser, default: str) -> None:
    """`--runs`, before or after the action: what stands after it must not be set back to the default."""
    parser.add_argument("--runs", type=Path, default=default, metavar="FOLDER", help="the runs folder (default: runs)")


def _read(name: str) -> tuple[ReportData, Path]:
    """What to show, and where its page goes by default."""
    from alih.compare.report.data import ReportData
    from alih.compare.report.from_run import report_data
    from alih.compare.runfolder import RunFolder

    path = Path(name)
    if path.suffix == ".json" and path.is_file():
        return ReportData.from_json(path.read_text(encoding="utf-8", errors="replace")), path.with_suffix(".html")
    folder = RunFolder.open(path)
    return report_data(folder), folder.path / "report.html"


def _check_page(path: Path) -> None:
    if path.suffix not in {".html", ".htm"}:
        raise OptionError(f"--output {path}: a page is written to a file that ends in .html.")
    if not path.parent.is_dir():
        raise OptionError(f"--output {path}: there is no folder {path.parent}. Make it first.")
    if path.is_dir():
        raise OptionError(f"--output {path}: is a folder. Name a file.")
