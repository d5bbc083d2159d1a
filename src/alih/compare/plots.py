"""Pictures of a comparison for notebooks and papers, drawn by matplotlib (an extra: `pip install 'alih[notebook]'`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alih.errors import OptionError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_MARKERS = "osD^vPX*"


def plot_curves(records: Sequence[dict[str, Any]], metric: str, axes: Axes | None = None) -> Axes:
    """Learning curves: the score against the number of training examples; predicted ends are hollow and dashed."""
    axes = axes or _axes()
    last = max(point["examples"] for record in records for point in record["curve"])
    for record, marker in zip(records, _MARKERS * len(records), strict=False):
        sizes, scores = [p["examples"] for p in record["curve"]], [p["score"] for p in record["curve"]]
        [line] = axes.plot(sizes, scores, marker=marker, label=record["label"])
        told = record["predicted"]
        if told is not None:
            axes.plot([sizes[-1], last], [scores[-1], told["point"]], "--", color=line.get_color())
            error = [[told["point"] - told["low"]], [told["high"] - told["point"]]]
            axes.errorbar(last, told["point"], error, fmt=marker, mfc="none", color=line.get_color())
    sizes = sorted({point["examples"] for record in records for point in record["curve"]})
    axes.set(xscale="log", xlabel="training examples", ylabel=metric)
    axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
    axes.minorticks_off()
    axes.legend()
    return axes


def plot_pareto(records: Sequence[dict[str, Any]], metric: str, front: Sequence[str], axes: Axes | None = None) -> Axes:
    """The score against the time to adapt; what another variant beats in everything is hollow."""
    axes = axes or _axes()
    from matplotlib.ticker import LogLocator  # after _axes, which says what to install

    for record, marker in zip(records, _MARKERS * len(records), strict=False):
        score = record["score"]
        if score is None:
            continue
        seconds = record["search_seconds"] + record["seconds"]
        error = [[score["point"] - score["low"]], [score["high"] - score["point"]]]
        face = None if record["label"] in front else "none"
        axes.errorbar(seconds, score["point"], error, fmt=marker, mfc=face, capsize=3, label=record["label"])
    axes.set(xscale="log", xlabel="seconds to adapt, search included", ylabel=metric)
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter("{x:,g}")
    axes.minorticks_off()
    axes.legend()
    return axes


def plot_probe(probe: Sequence[float], axes: Axes | None = None) -> Axes:
    """The score of a linear probe on each depth's output."""
    axes = axes or _axes()
    axes.plot(range(len(probe)), probe, marker="o")
    axes.set(xlabel="depth (0 = input of the first block)", ylabel="score of a linear probe")
    return axes


def _axes() -> Axes:
    try:
        from matplotlib import pyplot
    except ImportError as error:
        raise OptionError("plots need matplotlib: pip install 'alih[notebook]'") from error
    axes: Axes = pyplot.subplots(layout="constrained")[1]
    return axes
