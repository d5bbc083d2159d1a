"""The command that makes the built-in weights: pretrain."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from alih.cli.flags import Commands


def add_commands(commands: Commands) -> None:
    """Add pretrain."""
    pretrain = commands.add_parser("pretrain", help="run a recipe that makes one of the built-in models")
    recipes = pretrain.add_subparsers(title="recipes", metavar="RECIPE", required=True)
    glyphs = recipes.add_parser("glyphs", help="a small vision model that reads 62 characters in many fonts")
    glyphs.add_argument("--architecture", choices=("resnet-small", "vgg-small"), default="resnet-small")
    glyphs.add_argument("-o", "--output", type=Path, help="folder to write (default: the architecture's name)")
    glyphs.add_argument("--seed", type=int, default=0)
    glyphs.add_argument("--steps", type=int, help="training steps (default: the recipe's)")
    glyphs.add_argument("--batch-size", type=int, help="pictures a step (default: the recipe's)")
    glyphs.set_defaults(run=run_glyphs)
    lm = recipes.add_parser("lm", help="a small language model: answers from a passage, sums with worked steps")
    lm.add_argument("-o", "--output", type=Path, default=Path("lm-small"), help="folder to write (default: lm-small)")
    lm.add_argument("--seed", type=int, default=0)
    lm.add_argument("--steps", type=int, help="training steps (default: the recipe's)")
    lm.set_defaults(run=run_lm)
    translator = recipes.add_parser("translator", help="a small translator of everyday sentences, English–Indonesian")
    translator.add_argument(
        "-o", "--output", type=Path, default=Path("translator"), help="folder to write (default: translator)"
    )
    translator.add_argument("--seed", type=int, default=0)
    translator.add_argument("--steps", type=int, help="training steps (default: the recipe's)")
    translator.set_defaults(run=run_translator)


def run_glyphs(arguments: argparse.Namespace) -> int:
    """Run `alih pretrain glyphs`."""
    from alih.errors import OptionError
    from alih.pretrained.quiet import quiet
    from alih.progress import Progress
    from alih.vision.pretrain import pretrain_glyphs

    given = {name: getattr(arguments, name) for name in ("steps", "batch_size") if getattr(arguments, name) is not None}
    output = arguments.output or Path(arguments.architecture)
    for name, value in given.items():
        if value < 1:
            raise OptionError(f"--{name.replace('_', '-')}: must be at least 1, not {value}.")
    if output.exists() and not output.is_dir():
        raise OptionError(f"--output {output}: is a file. Name a folder.")
    with quiet():
        figures = pretrain_glyphs(arguments.architecture, output, seed=arguments.seed, progress=Progress(), **given)
    return _told(figures, output)


def run_lm(arguments: argparse.Namespace) -> int:
    """Run `alih pretrain lm`."""
    from alih.errors import OptionError
    from alih.generate.small.pretrain import pretrain_lm
    from alih.pretrained.quiet import quiet
    from alih.progress import Progress

    if arguments.output.exists() and not arguments.output.is_dir():
        raise OptionError(f"--output {arguments.output}: is a file. Name a folder.")
    with quiet():
        figures = pretrain_lm(arguments.output, seed=arguments.seed, steps=arguments.steps, progress=Progress())
    del figures["curve"]
    return _told(figures, arguments.output)


def run_translator(arguments: argparse.Namespace) -> int:
    """Run `alih pretrain translator`."""
    from alih.errors import OptionError
    from alih.pretrained.quiet import quiet
    from alih.progress import Progress
    from alih.translation.small.pretrain import pretrain_translator

    if arguments.output.exists() and not arguments.output.is_dir():
        raise OptionError(f"--output {arguments.output}: is a file. Name a folder.")
    with quiet():
        figures = pretrain_translator(arguments.output, seed=arguments.seed, steps=arguments.steps, progress=Progress())
    return _told(figures, arguments.output)


def _told(figures: dict[str, Any], output: Path) -> int:
    for name, value in figures.items():
        print(f"{name:<32} {_shown(value)}")
    print(f"saved to {output}")
    return 0


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return "; ".join(f"{name} {_shown(item)}" for name, item in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
