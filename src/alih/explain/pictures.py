"""The maps as PNG files: for each layer and kind of attention one picture of all its heads."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from alih import files
from alih.errors import OptionError
from alih.explain.capture import Attention
from alih.explain.explanation import Explanation
from alih.explain.view import View, view

_COLUMNS = 4
#: More names than this would run into each other.
_NAMED = 24


def draw(explanation: Explanation, folder: Path) -> list[Path]:
    """Write <role>-layer-<n>.png for each attention, and head-<role>.png, the head that is worked out.

    Args:
        explanation: what to draw.
        folder: made if missing.

    Returns:
        The files, in the order of the layers.

    Raises:
        OptionError: matplotlib is not installed, or the folder is a file.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise OptionError("--png: pictures are drawn by matplotlib. Run: pip install 'alih[notebook]'") from error
    if folder.exists() and not folder.is_dir():
        raise OptionError(f"--png {folder}: is a file. Name a folder.")
    folder.mkdir(parents=True, exist_ok=True)
    seen = view(explanation)
    written = []
    for one in explanation.attention:
        heads = int(one.weights.shape[0])
        columns = min(_COLUMNS, heads)
        rows = -(-heads // columns)
        figure = Figure(figsize=(3.2 * columns, 3.2 * rows), layout="constrained")
        axes = figure.subplots(rows, columns, squeeze=False).flat
        for head, axis in enumerate(axes):
            if head < heads:
                _head(axis, one, head, seen)
            else:
                axis.set_axis_off()
        figure.suptitle(f"{explanation.model}: {one.role}, layer {one.layer + 1}")
        path = folder / f"{one.role}-layer-{one.layer + 1}.png"
        _save(figure, path)
        written.append(path)
    for role in explanation.roles:
        figure = Figure(figsize=(6, 6), layout="constrained")
        _head(figure.subplots(), explanation.of(role)[explanation.layer], explanation.head, seen)
        path = folder / f"head-{role}.png"
        _save(figure, path)
        written.append(path)
    return written


def _head(axis: Any, one: Attention, head: int, seen: View) -> None:
    axis.imshow(one.weights[head][: seen.most, : seen.most].numpy(), cmap="Blues", vmin=0, vmax=1)
    axis.set_title(f"head {head + 1}", fontsize=9)
    queries, keys = seen.sides(one.role)
    if max(len(queries), len(keys)) <= _NAMED:
        axis.set_xticks(range(len(keys)), [_safe(token.text) for token in keys], rotation=90, fontsize=7)
        axis.set_yticks(range(len(queries)), [_safe(token.text) for token in queries], fontsize=7)


def _save(figure: Any, path: Path) -> None:
    with warnings.catch_warnings(), files.replacing(path) as part:
        warnings.simplefilter("ignore")  # a character that the font lacks becomes a box
        figure.savefig(part, dpi=100)


def _safe(said: str) -> str:
    """Dollars would begin a formula."""
    return said.replace("$", r"\$")
