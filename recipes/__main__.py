"""The command `python -m recipes MODEL`: makes the weights of a built-in model from nothing."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from alih.cli.main import run
from alih.errors import OptionError
from alih.progress import Progress

_MODELS = {
    "resnet-small": "a small ResNet that reads 62 characters in many fonts",
    "vgg-small": "a small VGG that reads 62 characters in many fonts",
    "lm-small": "a small language model: answers from a passage, sums with worked steps",
    "translator": "a small translator of everyday sentences, English–Indonesian",
}
_PICTURES = ("resnet-small", "vgg-small")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one recipe; returns the exit code, as `alih` does."""
    return run(build_parser(), arguments)


def build_parser() -> argparse.ArgumentParser:
    """Build the parser: one sub-command a model."""
    parser = argparse.ArgumentParser(
        prog="python -m recipes",
        description="Make the weights of a built-in model from nothing. Interrupted, the same command goes on.",
    )
    models = parser.add_subparsers(title="models", metavar="MODEL", required=True)
    for name, summary in _MODELS.items():
        recipe = models.add_parser(name, help=summary)
        recipe.add_argument(
            "-o", "--output", type=Path, default=Path(name), help="folder to write (default: %(default)s)"
        )
        recipe.add_argument("--seed", type=int, default=0, help="of weights and data (default: %(default)s)")
        recipe.add_argument("--steps", type=int, help="updates (default: the recipe's)")
        if name in _PICTURES:
            recipe.add_argument("--batch-size", type=int, default=128, help="pictures a step (default: %(default)s)")
        recipe.set_defaults(run=_run, model=name)
    return parser


def _run(arguments: argparse.Namespace) -> int:
    from alih.pretrained.quiet import quiet

    if arguments.output.exists() and not arguments.output.is_dir():
        raise OptionError(f"--output {arguments.output}: is a file. Name a folder.")
    with quiet():
        figures = _pretrain(arguments)
    figures.pop("curve", None)  # it is in the file of figures
    for name, value in figures.items():
        print(f"{name:<32} {_in_words(value)}")
    print(f"saved to {arguments.output}")
    return 0


def _pretrain(arguments: argparse.Namespace) -> dict[str, Any]:
    given = {"seed": arguments.seed, "steps": arguments.steps, "progress": Progress()}
    if arguments.model == "lm-small":
        from recipes.lm_small.pretrain import pretrain_lm

        return pretrain_lm(arguments.output, **given)
    if arguments.model == "translator":
        from recipes.translator.pretrain import pretrain_translator

        return pretrain_translator(arguments.output, **given)
    from recipes.pictures.pretrain import pretrain_glyphs

    return pretrain_glyphs(arguments.model, arguments.output, batch_size=arguments.batch_size, **given)


def _in_words(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {_in_words(item)}" for name, item in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
