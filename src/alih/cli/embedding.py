"""Embedding models at the command line: what adapt, resume, evaluate and predict do for one."""

from __future__ import annotations

import argparse
import json
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from alih.cli.flags import add_options, given
from alih.compare.options import Options
from alih.embedding.options import EmbeddingOptions
from alih.errors import OptionError
from alih.instruct.options import GenerationOptions
from alih.translation.options import TranslationOptions

if TYPE_CHECKING:
    from alih.embedding.result import Adaptation

_GENERAL = {option.name for option in fields(Options)} | {"route"}
_OWN = tuple(option.name for option in fields(EmbeddingOptions) if option.name not in _GENERAL)
_OTHERS = {option.name for of in (TranslationOptions, GenerationOptions) for option in fields(of)} - _GENERAL


def add_embedding_options(parser: argparse.ArgumentParser) -> None:
    """Add to `alih adapt` what --task embedding reads."""
    add_options(parser.add_argument_group("with --task embedding"), _OWN, EmbeddingOptions)


def refuse_embedding_options(arguments: argparse.Namespace) -> None:
    """Refuse options of an embedding model where something else is adapted.

    Raises:
        OptionError: one was typed.
    """
    for name in _OWN:
        if getattr(arguments, name) is not None:
            raise OptionError(f"--{name.replace('_', '-')}: is for --task embedding; add that, or leave it out.")


def adapt_embedding(arguments: argparse.Namespace) -> int:
    """Run `alih adapt --task embedding`."""
    for name in sorted(_OTHERS):
        if getattr(arguments, name, None) is not None:
            raise OptionError(f"--{name.replace('_', '-')}: means nothing for an embedding model; leave it out.")
    options = EmbeddingOptions.from_mapping({**given(arguments), **given(arguments, EmbeddingOptions)})
    from alih.embedding.adapt import adapt

    return _show(adapt(arguments.data, options))


def resume_embedding(folder: str | Path, data: str | None) -> int:
    """Run `alih resume` on an embedding model's training."""
    from alih.embedding.adapt import resume

    return _show(resume(folder, data))


def evaluate_embedding(arguments: argparse.Namespace) -> int:
    """Run `alih evaluate` on an embedding model."""
    for name in ("text", "label", "metric", "source", "target", "beam"):
        if getattr(arguments, name) is not None:
            raise OptionError(f"--{name}: an embedding model finds its columns and gives every measure; leave it out.")
    from alih.embedding.adapt import evaluate

    found = evaluate(arguments.adapted, arguments.data)
    if arguments.json:
        print(json.dumps(found.as_dict(), indent=2))
        return 0
    print(f"{found.questions:,} questions, {found.passages:,} passages")
    for name, score in found.intervals().items():
        print(f"{name:<10} {score.point:.3f}   95 % interval {score.words()}")
    return 0


def _show(result: Adaptation) -> int:
    print(result)
    return 130 if result.interrupted else 0
