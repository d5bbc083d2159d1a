"""Embedding models at the command line: what adapt, resume, evaluate and predict do for one."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from alih.errors import OptionError

if TYPE_CHECKING:
    from alih.compare.options import Options
    from alih.embedding.result import Adaptation


def adapt_embedding(data: str, options: Options) -> int:
    """Run `alih adapt --task retrieval`."""
    from alih.embedding.adapt import adapt

    return _show(adapt(data, options))


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
