"""The actions of `alih rag` that measure: eval, tune, calibrate."""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from alih.rag.evaluate.judge import Judge

_QUESTIONS = 'JSON Lines: {"question": …, "answer": … ("" where there is none), "source": document}'


def add_actions(actions: Commands) -> None:
    """Add eval, tune and calibrate."""
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
    measured.add_argument(
        "--judge",
        metavar="MODEL",
        help="language model that is asked whether answers are right and supported: folder, built-in name, Hub id, or "
        "its name on --judge-server (default: no judge)",
    )
    measured.add_argument("--judge-server", metavar="URL", help="OpenAI-compatible server of the judge")
    add_generator(measured)
    add_reader(measured)
    add_retrieval(measured)
    measured.set_defaults(run=run_eval)

    tuned = actions.add_parser(
        "tune",
        help="choose chunk size, k, weights and reranking by what they do for your questions",
        description="Measure configurations on half of the questions, check on the other half, and keep the simplest "
        "that is not worse.",
    )
    tuned.add_argument("questions", help=_QUESTIONS)
    add_library(tuned)
    tuned.add_argument(
        "--chunk-sizes", metavar="N,N", help="to try beside the library's; each embeds all anew (default: half of it)"
    )
    tuned.add_argument("--rerank", default="late", metavar="MODEL", help='to try (default: late; "none" for none)')
    _add_learning(tuned)
    tuned.set_defaults(run=run_tune)

    learnt = actions.add_parser(
        "calibrate",
        help='learn from your questions when to say "not in the documents"',
        description="Fit the confidence and its threshold on half of the questions, and check them on the other half.",
    )
    learnt.add_argument("questions", help=_QUESTIONS)
    add_library(learnt)
    add_generator(learnt)
    _add_learning(learnt)
    learnt.set_defaults(run=run_calibrate)

    exported = actions.add_parser(
        "onnx",
        help="embed questions through ONNX Runtime, if that gives the same vectors and is faster here",
        description="Export the library's embedding model, compare its vectors with PyTorch's, time both for single "
        "questions, and use the faster one from then on. Needs the extra: pip install 'alih[onnx]'.",
    )
    add_library(exported)
    exported.add_argument("--json", action="store_true", help="print JSON")
    exported.set_defaults(run=run_onnx)


def run_onnx(arguments: argparse.Namespace) -> int:
    """Run `alih rag onnx`."""
    from dataclasses import asdict

    from alih.rag.onnx import export

    library = open_library(arguments)
    told = export(library.embedder, library.folder)
    print(json.dumps({**asdict(told), "used": told.used}, indent=2) if arguments.json else told)
    return 0


def _add_learning(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="measure, and leave the library as it is")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the halves (default: 0)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_reader(parser)


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
        judge=_judge(arguments),
        progress=library.progress,
    )
    print(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) if arguments.json else found)
    return 0


def _judge(arguments: argparse.Namespace) -> Judge | None:
    """The judge that was asked for; --allow-remote counts for its server, too."""
    if arguments.judge is None and arguments.judge_server is None:
        return None
    from alih.rag.evaluate.judge import Judge
    from alih.rag.generator import LocalGenerator, ServerGenerator

    if arguments.judge_server:
        return Judge(
            ServerGenerator(arguments.judge_server, arguments.judge or "", allow_remote=arguments.allow_remote)
        )
    return Judge(LocalGenerator(arguments.judge))


def run_tune(arguments: argparse.Namespace) -> int:
    """Run `alih rag tune`."""
    from alih.rag.evaluate.measure import Reader
    from alih.rag.evaluate.questions import read_questions
    from alih.rag.tune import apply, tune

    sizes = _sizes(arguments.chunk_sizes)
    questions = read_questions(arguments.questions)
    library = open_library(arguments)
    found = tune(
        library,
        questions,
        sizes=sizes,
        rerank="" if arguments.rerank == "none" else arguments.rerank,
        reader=Reader(arguments.access, arguments.tag),
        seed=arguments.seed,
    )
    if not arguments.dry_run and found.changes:
        apply(library, found)
    print(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) if arguments.json else found)
    return 0


def run_calibrate(arguments: argparse.Namespace) -> int:
    """Run `alih rag calibrate`."""
    from alih.rag.calibrate import calibrate
    from alih.rag.evaluate.measure import Reader
    from alih.rag.evaluate.questions import read_questions

    questions = read_questions(arguments.questions)
    library = open_library(arguments)
    found = calibrate(
        library,
        questions,
        reader=Reader(arguments.access, arguments.tag),
        generator=generator_of(arguments),
        seed=arguments.seed,
    )
    if not arguments.dry_run and found.better:
        library.configure(weights=found.weights, threshold=found.threshold)
    print(json.dumps(found.as_dict(), indent=2, ensure_ascii=False) if arguments.json else found)
    return 0


def _sizes(told: str | None) -> list[int] | None:
    if told is None:
        return None
    try:
        return [int(one) for one in told.split(",") if one.strip()]
    except ValueError as error:
        raise OptionError(f"--chunk-sizes {told}: numbers of tokens with commas, as in 90,180.") from error
