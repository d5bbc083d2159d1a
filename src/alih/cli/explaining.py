"""The command that shows what a text model computes: explain."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from alih.cli.flags import Commands, typed
from alih.errors import OptionError

_PAGE = Path("explain.html")


def add_commands(commands: Commands) -> None:
    """Add explain."""
    explain = commands.add_parser(
        "explain", help="show what a text model computes: tokens, positions, Q, K, V, attention, next words"
    )
    explain.add_argument("model", help="built-in name (alih/minilm), run folder, folder, or Hub id")
    explain.add_argument("text", help="the text to read, or - for standard input")
    explain.add_argument("--layer", type=int, default=1, metavar="N", help="layer to work out, from 1 (default: 1)")
    explain.add_argument("--head", type=int, default=1, metavar="N", help="head to work out, from 1 (default: 1)")
    explain.add_argument(
        "--to", metavar="TEXT", help='what is written: "translate" lets the model write (default), or a text of yours'
    )
    explain.add_argument("--lang", choices=("en", "id"), default="en", help="language of the page (default: en)")
    form = explain.add_mutually_exclusive_group()
    form.add_argument("-o", "--output", type=Path, help=f"the page to write (default: {_PAGE})")
    form.add_argument("--json", action="store_true", help="print the numbers as JSON instead")
    explain.add_argument("--png", type=Path, metavar="FOLDER", help="write the maps as pictures, too")
    explain.add_argument("--open", action="store_true", help="open the page in the browser")
    explain.add_argument("--revision", help="revision of a model on the Hub")
    explain.add_argument("--allow-pickle", action="store_true", help="also read pickled weights (tensors only)")
    explain.set_defaults(run=run_explain)


def run_explain(arguments: argparse.Namespace) -> int:
    """Run `alih explain`."""
    if arguments.json and arguments.open:
        raise OptionError("--open: there is no page to open with --json. Leave one of them out.")
    page: Path = arguments.output or _PAGE
    if not arguments.json:
        _check_page(page)
    from alih.explain.explanation import MOST_TOKENS, explain

    found = explain(
        arguments.model,
        typed(arguments.text),
        layer=arguments.layer,
        head=arguments.head,
        to=arguments.to,
        revision=arguments.revision,
        allow_pickle=arguments.allow_pickle,
    )
    if found.cut_from is not None:
        kept = sum(not token.generated for token in found.tokens)
        print(
            f"The text has {found.cut_from} tokens; the first {kept} are read (the model's limit, or Alih's of "
            f"{MOST_TOKENS}).",
            file=sys.stderr,
        )
    if arguments.png is not None:
        files = found.pictures(arguments.png)
        print(f"{len(files)} pictures in {arguments.png}", file=sys.stderr)
    if arguments.json:
        print(found.to_json())
        return 0
    print(found.save(page, arguments.lang))
    if arguments.open:
        import webbrowser

        if not webbrowser.open(page.resolve().as_uri()):
            print("No browser was found; open the page by hand.", file=sys.stderr)
    return 0


def _check_page(path: Path) -> None:
    if path.suffix not in {".html", ".htm"}:
        raise OptionError(f"--output {path}: a page is written to a file that ends in .html.")
    if not path.parent.is_dir():
        raise OptionError(f"--output {path}: there is no folder {path.parent}. Make it first.")
    if path.is_dir():
        raise OptionError(f"--output {path}: is a folder. Name a file.")
