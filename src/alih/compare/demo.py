"""The demo: the main job on built-in images and on built-in texts, sized for a few minutes on two cores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from alih.compare.compare import compare
from alih.compare.comparison import Comparison
from alih.compare.options import Options


def demos(options: Options) -> list[tuple[str, Callable[[], Comparison]]]:
    """The two comparisons of the demo, each with its title."""
    images = replace(options, model="alih/resnet-small", max_examples=360, max_time=130.0)
    texts = replace(options, model="alih/minilm", max_examples=300, max_length=48, epochs=4, seeds=2, max_time=170.0)
    return [
        (
            "Images: a ResNet that learnt printed characters, adapted to scanned handwritten digits",
            lambda: compare("alih/digits", images),
        ),
        (
            "Texts: a sentence encoder, adapted to tell which Python package a docstring comes from",
            lambda: compare("alih/docstrings", texts),
        ),
    ]
