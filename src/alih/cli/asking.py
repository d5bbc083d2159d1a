"""The command ask: a cited answer from a library, or a conversation with it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from alih.cli.flags import Commands, typed
from alih.cli.rag_flags import (
    add_generator,
    add_library,
    add_reader,
    add_retrieval,
    generator_of,
    open_library,
    retrieval,
)
from alih.errors import OptionError

if TYPE_CHECKING:
    from alih.rag.answer import Answer, Sentence
    from alih.rag.generator import Generator
    from alih.rag.library import Library

_EXAMPLES = """examples:
  alih ask "Berapa hari cuti tahunan?" --library handbook      the best sentences, verbatim, each with its place
  alih ask "…" --server http://localhost:11434/v1              written by a model of yours, every sentence checked
  alih ask --chat --library handbook                           a conversation: follow-up questions are understood
"""


def add_commands(commands: Commands) -> None:
    """Add ask."""
    ask = commands.add_parser(
        "ask",
        help="answer a question from your documents, every sentence with its citation",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    ask.add_argument("question", nargs="?", help="in words, or - for standard input; left out with --chat")
    add_library(ask)
    ask.add_argument("--chat", action="store_true", help="ask on and on; an empty line ends it")
    add_generator(ask)
    ask.add_argument("--language", choices=("en", "id"), help="of what Alih itself says (default: the question's)")
    ask.add_argument("--threshold", type=float, metavar="X", help="confidence below which there is no answer, 0 to 1")
    ask.add_argument("--json", action="store_true", help="print JSON")
    add_reader(ask)
    add_retrieval(ask)
    ask.set_defaults(run=run_ask)


def run_ask(arguments: argparse.Namespace) -> int:
    """Run `alih ask`."""
    if arguments.chat and arguments.question:
        raise OptionError("--chat: asks for questions itself; leave the question out.")
    if not arguments.chat and not (arguments.question or "").strip():
        raise OptionError('ask: write a question, as in: alih ask "How many days of leave are there?"')
    if arguments.threshold is not None and not 0 <= arguments.threshold <= 1:
        raise OptionError(f"--threshold {arguments.threshold}: a number from 0 to 1.")
    library = open_library(arguments)
    library.settings.retrieval.but(**retrieval(arguments))  # a wrong flag is told before a model is loaded
    generator = generator_of(arguments)
    previous = ""
    for question in _questions() if arguments.chat else [typed(arguments.question)]:
        previous = _answer(library, question, previous, generator, arguments)
    return 0


def _questions() -> Iterator[str]:
    """Lines from the terminal (or a pipe) until an empty one."""
    terminal = sys.stdin.isatty()
    while True:
        if terminal:
            print("> ", end="", flush=True)
        line = sys.stdin.readline().strip()
        if not line:
            return
        yield line


def _answer(
    library: Library, question: str, previous: str, generator: Generator | None, arguments: argparse.Namespace
) -> str:
    """Answer one question, and return what the next one may follow on."""
    from alih.rag.answer import answer, stream
    from alih.rag.conversation import rewrite

    whole = rewrite(question, previous)
    searched = "" if whole == question else whole
    options = library.settings.retrieval.but(**retrieval(arguments))
    access, tags, threshold = arguments.access, arguments.tag, arguments.threshold
    if searched and not arguments.json:
        print(f"(understood as: {searched})")
    if generator is None or arguments.json:
        made = answer(
            library,
            question,
            options,
            access=access,
            tags=tags,
            generator=generator,
            threshold=threshold,
            searched=searched,
        )
        _print(_in_language(made, arguments.language), arguments)
    else:
        pieces = stream(
            library, question, options, generator, access=access, tags=tags, threshold=threshold, searched=searched
        )
        _print_stream(pieces, arguments)
    if arguments.chat and not arguments.json:
        print()
    return previous if searched else question


def _in_language(made: Answer, language: str | None) -> Answer:
    return replace(made, language=language) if language else made


def _print(made: Answer, arguments: argparse.Namespace) -> None:
    if arguments.json:
        print(json.dumps(made.as_dict(), indent=None if arguments.chat else 2, ensure_ascii=False), flush=True)
        return
    print(made)
    if not made.found and made.passages:
        near = "; ".join(dict.fromkeys(str(one.place) for one in made.passages[:2]))
        print(f"(confidence {made.confidence:.2f}; the nearest passages: {near})", file=sys.stderr)


def _print_stream(pieces: Iterator[Sentence | Answer], arguments: argparse.Namespace) -> None:
    """Print sentences as they are written, citations numbered in the order in which they come.

    The first sentence waits for what comes after it: alone it may say that there is no answer.
    """
    from alih.rag.answer import Answer, parting

    numbers: dict[int, int] = {}
    waiting = ""
    for count, one in enumerate(pieces):
        if isinstance(one, Answer):
            made = _in_language(one, arguments.language)
            if made.found:
                print(waiting if count == 1 else "")
                if made.citations:
                    print("\n" + str(made).partition("\n\n")[2])
            else:
                _print(made, arguments)
            return
        marks = "".join(f"[{numbers.setdefault(number, len(numbers) + 1)}]" for number in one.citations)
        told = f"{one.text} {marks if one.supported else '[unsupported]'}"
        if count == 0:
            waiting = told
        else:
            parted = f"{parting(one.text)}{told}"
            print(f"{waiting}{parted}" if count == 1 else parted, end="", flush=True)
