"""The command about libraries of documents: index, sync, delete, list, show, move; what measures is beside it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alih.cli import rag_measuring
from alih.cli.flags import Commands
from alih.cli.rag_flags import add_library, add_reader, add_retrieval, open_library, retrieval
from alih.errors import DataError, OptionError

if TYPE_CHECKING:
    from alih.rag.library import Library
    from alih.rag.passage import Passage
    from alih.rag.sync import SyncReport

_EXAMPLES = """examples:
  alih rag index docs/ --library handbook     again later: only what changed is embedded
  alih rag index --stdlib --library python    the built-in example: Python's own documentation
  alih rag sync                               every folder of the library, brought up to date
  alih rag show "annual leave"                what is found, where, and why
  alih ask "How many days of leave are there?"
"""
_TEXT_WIDTH = 100


def add_commands(commands: Commands) -> None:
    """Add rag and what it can do."""
    rag = commands.add_parser(
        "rag",
        help="libraries of your documents: index, search, measure, tune",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = rag.add_subparsers(title="actions", metavar="ACTION", required=True)
    _add_index(actions)
    sync = _action(actions, "sync", "bring folders up to date: only what changed is embedded", run_sync)
    sync.add_argument("paths", nargs="*", metavar="PATH", help="folders of the library (default: all of them)")
    _add_yes(sync)
    delete = _action(actions, "delete", "take documents out (their files stay)", run_delete)
    delete.add_argument("names", nargs="*", metavar="DOCUMENT", help="names or folders, as `rag list` shows them")
    delete.add_argument("--whole-library", action="store_true", help="delete the library itself")
    add_reader(_action(actions, "list", "libraries there are; with --library: its documents", run_list))
    show = _action(actions, "show", "what is found for a query, and why: scores by component", run_show)
    show.add_argument("query", help="question or words")
    add_reader(show)
    add_retrieval(show)
    rag_measuring.add_actions(actions)
    move = _action(actions, "move", "move a library to another store; nothing is embedded again", run_move)
    move.add_argument("store", help="lancedb, postgresql://user@host/database or qdrant://host:6333")


def _action(actions: Commands, name: str, told: str, run: Any) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=told, description=told[0].upper() + told[1:] + ".")
    add_library(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=run)
    return parser


def _add_index(actions: Commands) -> None:
    index = _action(actions, "index", "put documents into a library, or bring them up to date", run_index)
    index.add_argument(
        "paths", nargs="*", metavar="PATH", help="folders, files (PDF, Word, HTML, Markdown, text, rows)"
    )
    index.add_argument("--stdlib", action="store_true", help="the documentation of Python's standard library")
    index.add_argument(
        "--access",
        action="append",
        metavar="LABEL",
        help='who may read them; several; "none": everybody (default: as before)',
    )
    index.add_argument(
        "--tag",
        action="append",
        metavar="KEY=VALUE",
        help='a tag to search by; several; "none": no tag (default: as before)',
    )
    _add_yes(index)
    made = index.add_argument_group("of a new library (cannot be changed later)")
    made.add_argument("--model", help="embedding model: built-in name, folder, Hub id (default: alih/minilm)")
    made.add_argument("--store", help="lancedb (default), postgresql://user@host/database or qdrant://host:6333")
    made.add_argument("--chunk-size", type=int, metavar="N", help="most tokens of a chunk (default: 180)")
    made.add_argument("--overlap", type=int, metavar="N", help="tokens that a chunk repeats (default: 0)")
    made.add_argument("--language", choices=("en", "id", "both"), help="of lexical search (default: found out)")


def _add_yes(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--yes", action="store_true", help="remove documents even where most of a folder is gone")


def run_index(arguments: argparse.Namespace) -> int:
    """Run `alih rag index`."""
    from alih.progress import Progress
    from alih.rag.chunk import ChunkOptions
    from alih.rag.ingest import find
    from alih.rag.library import Library

    if not arguments.paths and not arguments.stdlib:
        raise OptionError("rag index: name folders or files, or --stdlib: alih rag index docs/ --library handbook")
    if arguments.library is None:
        raise OptionError("--library: name the library that they go into, as in: --library handbook")
    for path in arguments.paths:
        if not Path(path).expanduser().exists():
            find(path)  # says what is near; before anything else goes in
    chunks = None
    if arguments.chunk_size is not None or arguments.overlap is not None:
        default = ChunkOptions()
        size = default.size if arguments.chunk_size is None else arguments.chunk_size
        chunks = ChunkOptions(size, default.overlap if arguments.overlap is None else arguments.overlap)
    library = Library(
        arguments.library,
        arguments.root,
        model=arguments.model,
        store=arguments.store,
        chunks=chunks,
        language=arguments.language,
        progress=Progress(),
    )
    fresh = not library.exists
    access, tags = (
        None if given is None else [] if given == ["none"] else given for given in (arguments.access, arguments.tag)
    )
    reports = [library.add(path, access=access, tags=tags, yes=arguments.yes) for path in arguments.paths]
    if arguments.stdlib:
        reports.append(library.add_stdlib())
    code = _tell(reports, as_json=arguments.json)
    if code and fresh:
        library.destroy()  # an empty one is in nobody's way
    elif fresh and not arguments.json:
        root = f" --root {arguments.root}" if arguments.root else ""
        print(f'next: alih ask "…" --library {library.name}{root}')
    return code


def run_sync(arguments: argparse.Namespace) -> int:
    """Run `alih rag sync`."""
    library = open_library(arguments)
    if not arguments.paths:
        return _tell([library.sync(yes=arguments.yes)], as_json=arguments.json)
    roots = {root.path: root for root in library.catalogue.roots() if root.path}
    wanted = []
    for path in arguments.paths:
        root = roots.get(str(Path(path).expanduser().resolve()))
        if root is None:
            raise DataError(
                f"{path}: is no folder of the library {library.name}. Put it in with: "
                f"alih rag index {path} --library {library.name}"
            )
        wanted.append((path, root))
    reports = [library.add(path, access=root.access, tags=root.tags, yes=arguments.yes) for path, root in wanted]
    return _tell(reports, as_json=arguments.json)


def run_delete(arguments: argparse.Namespace) -> int:
    """Run `alih rag delete`."""
    if arguments.whole_library == bool(arguments.names):
        raise OptionError("rag delete: name documents (see: alih rag list --library …), or --whole-library, not both")
    if arguments.whole_library and arguments.library is None:
        raise OptionError("--library: name the library that is to be deleted")
    library = open_library(arguments)
    if not arguments.whole_library:
        folders = {root.label: Path(root.path) for root in library.catalogue.roots() if root.path}
        report = library.delete(arguments.names)
        parts = [name.partition("/") for name in report.removed]
        there = [rest for label, _, rest in parts if label in folders and (folders[label] / rest).exists()]
        whole = not {label for label, _, _ in parts} & {root.label for root in library.catalogue.roots()}
        if there and not whole:
            report.notes.append(
                "Their files are still there: the next sync takes them in again, unless they are moved."
            )
        return _tell([report], as_json=arguments.json)
    gone = library.destroy()
    kept = "the documents' files stay" + ("" if gone else f"; what is no part of it stays in {library.folder}")
    print(json.dumps({"deleted": library.name}) if arguments.json else f"{library.name}: deleted; {kept}")
    return 0


def run_list(arguments: argparse.Namespace) -> int:
    """Run `alih rag list`."""
    if arguments.library is not None:
        return _list_documents(open_library(arguments), arguments)
    from alih.rag.catalogue import Catalogue
    from alih.rag.settings import folder_of, libraries_folder, library_names, read_settings

    found = []
    for name in library_names(arguments.root):
        folder = folder_of(name, arguments.root)
        settings = read_settings(folder, name)
        catalogue = Catalogue(folder / "catalogue.sqlite")
        counts = catalogue.counts()
        catalogue.close()
        found.append(
            {
                "library": name,
                "documents": counts["documents"],
                "chunks": counts["chunks"],
                "model": settings.model,
                "store": settings.store,
                "language": settings.language,
            }
        )
    if arguments.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    if not found:
        print(f"no library in {libraries_folder(arguments.root)}; make one: alih rag index DOCS --library NAME")
        return 0
    _table(("library", "documents", "chunks", "model", "store"), found)
    return 0


def _list_documents(library: Library, arguments: argparse.Namespace) -> int:
    from alih.rag.store.base import Filter

    reader = Filter(frozenset(arguments.access), frozenset(arguments.tag))
    chunks = library.catalogue.chunks_by_document()
    roots = {root.label: root for root in library.catalogue.roots()}
    found: list[dict[str, Any]] = []
    for row in library.catalogue.documents().values():
        root = roots.get(row.root)
        if not reader.admits(root.access if root else (), root.tags if root else ()):
            continue
        found.append(
            {
                "document": row.name,
                "kind": row.kind,
                "chunks": chunks.get(row.name, 0),
                "title": row.title,
                "access": list(root.access) if root else [],
                "tags": list(root.tags) if root else [],
                "notes": list(row.notes),
            }
        )
    if arguments.json:
        print(json.dumps(found, indent=2, ensure_ascii=False))
        return 0
    if not found and chunks:
        print(f"{library.name}: holds no documents that you may read, with this tag; say who you are: --access LABEL")
        return 0
    if not found:
        print(f"{library.name}: holds no documents; put some in: alih rag index DOCS --library {library.name}")
        return 0
    shown = [{**row, "access": ", ".join(row["access"]), "tags": ", ".join(row["tags"])} for row in found]
    columns = [name for name in ("document", "kind", "chunks", "access", "tags") if any(row[name] for row in shown)]
    _table(columns, shown)
    return 0


def run_show(arguments: argparse.Namespace) -> int:
    """Run `alih rag show`."""
    library = open_library(arguments)
    options = library.settings.retrieval.but(**retrieval(arguments))
    found = library.retrieve(arguments.query, options, arguments.access, arguments.tag, embed=False)
    if arguments.json:
        told = {
            "query": arguments.query,
            "mode": options.mode,
            "terms": library.analyser.terms(arguments.query),
            "passages": [one.as_dict() for one in found.passages],
            "seconds": found.seconds,
        }
        print(json.dumps(told, indent=2, ensure_ascii=False))
        return 0
    terms = library.analyser.terms(arguments.query)
    print(
        f"{options.mode} search{f', reranked by {options.rerank}' if options.rerank else ''}; terms: {' '.join(terms)}"
    )
    if not found.passages:
        print(
            "nothing found" + (": no document has these words; try --mode dense" if options.mode == "lexical" else "")
        )
    for number, one in enumerate(found.passages, 1):
        print(f"\n{number}. {_why(one, terms)}\n   {one.place}")
        also = sorted({row.document for row in one.sources} - {one.place.document})
        if also:
            print(f"   also in {', '.join(also)}")
        print(f"   {_shortened(one.text)}")
    print("\n" + "  ".join(f"{stage} {1000 * seconds:.1f} ms" for stage, seconds in found.seconds.items()))
    return 0


def run_move(arguments: argparse.Namespace) -> int:
    """Run `alih rag move`."""
    from alih.data.messages import counted
    from alih.rag.store.open import without_password

    library = open_library(arguments)
    count = library.move(arguments.store)
    store = without_password(arguments.store)
    told = {"library": library.name, "store": store, "chunks": count}
    print(json.dumps(told) if arguments.json else f"{counted(count, 'chunk')} of {library.name} moved to {store}")
    return 0


def _why(one: Passage, terms: list[str]) -> str:
    parts = [f"score {one.score:.4f}"]
    for name, told in (("dense", "likeness of vectors"), ("lexical", "BM25"), ("rerank", "reranker")):
        if name in one.scores:
            rank = f" (rank {one.ranks[name]})" if name in one.ranks else ""
            parts.append(f"{told} {one.scores[name]:.3f}{rank}")
    shared = sorted(set(terms) & set(one.terms))
    return "  ".join(parts) + (f"  words: {', '.join(shared)}" if shared else "")


def _shortened(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= 3 * _TEXT_WIDTH else plain[: 3 * _TEXT_WIDTH - 1] + "…"


def _tell(reports: list[SyncReport], *, as_json: bool) -> int:
    """Print what was done; 2 where nothing at all could be read."""
    if as_json:
        told = [one.as_dict() for one in reports]
        print(json.dumps(told if len(told) > 1 else told[0], indent=2, ensure_ascii=False))
    else:
        for one in reports:
            print(one)
    skipped = [one for report in reports for one in report.skipped]
    went_in = any(report.added or report.changed or report.unchanged or report.removed for report in reports)
    if skipped and not went_in:
        print("alih: no document could be read; the reasons are above.", file=sys.stderr)
        return 2
    return 0


def _table(columns: tuple[str, ...] | list[str], rows: list[dict[str, Any]]) -> None:
    cells = [[f"{row[name]:,}" if isinstance(row[name], int) else str(row[name]) for name in columns] for row in rows]
    widths = [max(len(name), *(len(row[at]) for row in cells)) for at, name in enumerate(columns)]
    numbers = [isinstance(rows[0][name], int) for name in columns]
    for row in [list(columns), *cells]:
        print(
            "  ".join(f"{c:>{w}}" if n else f"{c:<{w}}" for c, w, n in zip(row, widths, numbers, strict=True)).rstrip()
        )
