"""The commands that measure: demo, compare, adapt."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from alih.cli.embedding import (
    adapt_embedding,
    add_embedding_options,
    refuse_embedding_options,
    resume_embedding,
)
from alih.cli.flags import Commands, add_options, given
from alih.cli.generating import (
    adapt_generation,
    add_generation_options,
    compare_generation,
    refuse_generation_options,
    resume_generation,
)
from alih.cli.translating import (
    adapt_translation,
    add_translation_options,
    refuse_translation_options,
    resume_translation,
)
from alih.compare.options import Options

if TYPE_CHECKING:
    from alih.compare.comparison import Comparison


_DATA = (
    "text",
    "label",
    "group",
    "kind",
    "decimal",
    "validation",
    "test",
    "max_examples",
    "max_length",
    "shifted",
    "general",
)
_MODEL = ("model", "pooling", "revision", "allow_pickle", "precision")
_TRAINING = ("epochs", "learning_rate", "batch_size", "seed", "metric")
_ADAPTERS = ("rank", "alpha", "lora_targets", "rslora", "dora", "bits", "group_size", "rounding", "merge")
_PROMPTS = ("template", "shots", "shots_by")
_LIMITS = ("max_memory", "max_latency", "prefer")
_FOLDERS = ("cache_limit", "runs", "name")
_DATA_HELP = (
    "CSV, TSV, JSON, JSONL or Parquet file; image folder; saved dataset; Hub dataset; alih/digits; alih/docstrings"
)


def add_commands(commands: Commands) -> None:
    """Add demo, compare and adapt."""
    demo = commands.add_parser("demo", help="the main job on built-in images and texts, no network needed")
    add_options(demo, ("seed", *_FOLDERS[:2]))
    demo.set_defaults(run=run_demo)

    compare = commands.add_parser("compare", help="measure every route on your data, recommend one, save the model")
    compare.add_argument("data", help=_DATA_HELP)
    compare.add_argument(
        "--task",
        choices=("generation",),
        help="generation: instructions with answers, or texts, for a model that writes (default: by the labels)",
    )
    add_generation_options(compare, alone=True)
    add_options(
        compare,
        (
            *(*_MODEL, "routes", "blocks", *_ADAPTERS, *_PROMPTS, *_DATA, *_TRAINING),
            *("seeds", "plan", "max_time", *_LIMITS, *_FOLDERS),
        ),
    )
    compare.add_argument("--dry-run", action="store_true", help="say what it would take, and stop there")
    compare.set_defaults(run=run_compare)

    adapt = commands.add_parser("adapt", help="run one route, without comparing")
    adapt.add_argument("data", help=_DATA_HELP)
    adapt.add_argument(
        "--route",
        help="the route (default: transfer; a translation: finetune with --model, scratch without; "
        "generation: lora; embedding: finetune)",
    )
    adapt.add_argument(
        "--task",
        choices=("translation", "generation", "embedding"),
        help="translation: pairs of sentences; generation: instructions with answers, or texts; embedding: questions "
        "with the passages that answer them (default: by the labels)",
    )
    add_options(adapt, (*_MODEL, "blocks", *_ADAPTERS, *_PROMPTS, *_DATA, *_TRAINING, "max_time", *_FOLDERS))
    add_translation_options(adapt)
    add_generation_options(adapt)
    add_embedding_options(adapt)
    adapt.set_defaults(run=run_adapt)

    resume = commands.add_parser("resume", help="go on with a comparison that was stopped")
    resume.add_argument("run_folder", nargs="?", metavar="RUN", help="its run folder (default: the newest unfinished)")
    resume.add_argument("--data", help="the data, where they have been moved since")
    add_options(resume, ("runs",))
    resume.set_defaults(run=run_resume)


def run_compare(arguments: argparse.Namespace) -> int:
    """Run `alih compare`."""
    if arguments.task == "generation":
        return compare_generation(arguments)
    refuse_generation_options(arguments)
    from alih.compare.compare import compare, foresee
    from alih.compare.forecast import render

    options = Options.from_mapping(given(arguments))
    if arguments.dry_run:
        found = foresee(arguments.data, options)
        print(render(found, options.seeds, max_memory=options.max_memory, max_seconds=options.max_time))
        return 0
    return _show(compare(arguments.data, options))


def run_adapt(arguments: argparse.Namespace) -> int:
    """Run `alih adapt`: a comparison of one candidate, with one seed."""
    if arguments.task == "embedding":
        return adapt_embedding(arguments)
    refuse_embedding_options(arguments)
    if arguments.task == "generation":
        return adapt_generation(arguments)
    refuse_generation_options(arguments)
    if arguments.task == "translation":
        return adapt_translation(arguments)
    refuse_translation_options(arguments)
    from alih.compare.compare import adapt

    return _show(adapt(arguments.data, arguments.route or "transfer", Options.from_mapping(given(arguments))))


def run_resume(arguments: argparse.Namespace) -> int:
    """Run `alih resume`."""
    from alih.compare.compare import resume
    from alih.compare.runfolder import newest_unfinished
    from alih.pretrained.open import task_named

    folder = arguments.run_folder or newest_unfinished(arguments.runs or Options.runs)
    others = {
        "translation": resume_translation,
        "embedding": resume_embedding,
        "generation": resume_generation,
    }
    task = task_named(folder)
    return others[task](folder, arguments.data) if task in others else _show(resume(folder, arguments.data))


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
