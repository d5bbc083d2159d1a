"""What the commands about libraries share: which library, who asks, how passages are found."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from alih.errors import OptionError, RunError

if TYPE_CHECKING:
    from alih.rag.generator import Generator
    from alih.rag.library import Library

_RETRIEVAL = ("mode", "k", "rerank", "dense_weight", "fusion", "diversity", "neighbours", "pool")


def add_library(parser: argparse.ArgumentParser) -> None:
    """Add the flags that name a library."""
    parser.add_argument("--library", metavar="NAME", help="name of the library (default: the only one there is)")
    parser.add_argument(
        "--root", metavar="FOLDER", help="folder of all libraries (default: $ALIH_HOME/libraries or ./libraries)"
    )


def add_reader(parser: argparse.ArgumentParser) -> None:
    """Add the flags that say who asks, and in which documents."""
    parser.add_argument("--access", action="append", default=[], metavar="LABEL", help="label that you hold; several")
    parser.add_argument("--tag", action="append", default=[], metavar="KEY=VALUE", help="only documents with this tag")


def add_retrieval(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `alih.rag.settings.Retrieval`; what is left out is as the library has it."""
    group = parser.add_argument_group("how passages are found (default: as the library has it)")
    group.add_argument("--mode", choices=("hybrid", "dense", "lexical"), help="vectors, BM25, or both")
    group.add_argument("--k", type=int, metavar="N", help="passages to find")
    group.add_argument("--rerank", metavar="MODEL", help='a cross-encoder (folder, Hub id), "late", or "none"')
    group.add_argument("--dense-weight", type=float, metavar="X", help="what vectors count for in a hybrid, 0 to 1")
    group.add_argument("--fusion", choices=("rrf", "weighted"), help="how a hybrid adds: ranks, or scaled scores")
    group.add_argument("--diversity", type=float, metavar="X", help="0 to 1: prefer passages unlike those taken")
    group.add_argument("--neighbours", type=int, metavar="N", help="chunks before and after each, given along with it")
    group.add_argument("--pool", type=int, metavar="N", help="candidates that each search brings")


def add_generator(parser: argparse.ArgumentParser) -> None:
    """Add the flags that choose who writes answers."""
    parser.add_argument(
        "--generator",
        "--model",
        metavar="MODEL",
        help="language model that writes: folder, Hub id, or a name on --server (default: sentences are quoted)",
    )
    parser.add_argument("--server", metavar="URL", help="OpenAI-compatible server, as in http://localhost:11434/v1")
    parser.add_argument(
        "--allow-remote", action="store_true", help="--server may be elsewhere: passages leave this machine"
    )
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="how long --server may be silent (120)")
    parser.add_argument("--max-tokens", type=int, metavar="N", help="tokens of a written answer, at most (300)")
    parser.add_argument("--temperature", type=float, metavar="X", help="0 to 2: 0 writes the likeliest (default)")


def generator_of(arguments: argparse.Namespace) -> Generator | None:
    """Open the language model that was asked for.

    Raises:
        OptionError, ModelError: it cannot be used.
    """
    if arguments.allow_remote and not (arguments.server or getattr(arguments, "judge_server", None)):
        raise OptionError("--allow-remote: is for --server; leave it out.")
    typed = {name: getattr(arguments, name) for name in ("timeout", "max_tokens", "temperature")}
    typed = {name: value for name, value in typed.items() if value is not None}
    for name, value in typed.items():
        flag = "--" + name.replace("_", "-")
        if name == "timeout" and not arguments.server:
            raise OptionError(f"{flag}: is for --server; leave it out.")
        if not (arguments.server or arguments.generator):
            raise OptionError(f"{flag}: is for answers that a model writes; add --generator or --server.")
        low, high = {"timeout": (0.001, 86_400), "max_tokens": (1, 100_000), "temperature": (0, 2)}[name]
        if not low <= value <= high:
            raise OptionError(f"{flag} {value}: a number from {low:g} to {high:,}.")
    if arguments.server:
        from alih.rag.generator import ServerGenerator

        return ServerGenerator(
            arguments.server, arguments.generator or "", allow_remote=arguments.allow_remote, **typed
        )
    if arguments.generator:
        from alih.rag.generator import LocalGenerator

        return LocalGenerator(arguments.generator, **typed)
    return None


def retrieval(arguments: argparse.Namespace) -> dict[str, Any]:
    """The retrieval options that the user typed."""
    typed = {name: getattr(arguments, name) for name in _RETRIEVAL if getattr(arguments, name, None) is not None}
    if typed.get("rerank") == "none":
        typed["rerank"] = ""
    return typed


def name_of(arguments: argparse.Namespace) -> str:
    """The library that was named, or the only one there is.

    Raises:
        RunError: none was named, and there are none or several.
    """
    from alih.data.messages import listed
    from alih.rag.settings import libraries_folder, library_names

    if arguments.library is not None:
        return str(arguments.library)
    names = library_names(arguments.root)
    if len(names) == 1:
        return names[0]
    if not names:
        raise RunError(
            f"there is no library in {libraries_folder(arguments.root)}. Make one with: "
            "alih rag index DOCS --library NAME"
        )
    raise OptionError(f"--library: there are several; name one of: {listed(names)}.")


def open_library(arguments: argparse.Namespace) -> Library:
    """Open a library that is there.

    Raises:
        RunError: it is not; the message names the nearest.
    """
    from alih.progress import Progress
    from alih.rag.library import Library

    library = Library(name_of(arguments), arguments.root, progress=Progress())
    _ = library.settings
    return library
