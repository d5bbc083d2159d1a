"""The actions of `alih rag` that measure: eval."""

from __future__ import annotations

import argparse
import json

from alih.cli.flags import Commands
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

_QUESTIONS = 'JSON Lines: {"question": …, "answer": … ("" where there is none), "source": document}'


def add_actions(actions: Commands) -> None:
    """Add eval."""
    measured = actions.add_parser(
        "eval",
        help="measure what is found and answered: every configuration side by side, with intervals",
        description="Measure what is found, answered and cited, and when there is no answer; no outside judge.",
    )
    measured.add_argument("questions", help=_QUESTIONS)
    add_library(measured)
    measured.add_argument("--depth", type=int, default=10, metavar="N", help="places of a ranking (default: 10)")
    measured.add_argument("--threshold", type=float, metavar="X", help="confidence below which there is no answer")
    measured.add_argument("--only-own", action="store_true", help="only the library's own configuration")
    measured.add_argument("--json", action="store_true", help="print JSON")
    add_generator(measured)
    add_reader(measured)
    add_retrieval(measured)
    measured.set_defaults(run=run_eval)


def run_eval(arguments: argparse.Namespace) -> int:
    """Run `alih rag eval`."""
    from alih.rag.evaluate.evaluation import configurations, evaluate
    from alih.rag.evaluate.measure import Reader
    from alih.rag.evaluate.questions import read_questions

    if not 1 <= arguments.depth <= 1000:
        raise OptionError(f"--depth {arguments.depth}: a number from 1 to 1,000.")
    questions = read_questions(arguments.questions)
    library = open_library(arguments)
    base = library.settings.retrieval.but(**retrieval(arguments))
    options = {"own": base} if arguments.only_own else configurations(base)
    if not arguments.only_own and base not in options.values():
        options["own"] = base
    found = evaluate(
        library,
        questions,
        options,
        depth=arguments.depth,
        reader=Reader(arguments.access, arguments.tag),
        generator=generator_of(arguments),
        threshold=arguments.threshold,
        progress=library.progress,
    )
    print(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) if arguments.json else found)
    return 0
