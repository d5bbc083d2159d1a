"""The confusion matrix: a heat map, or the most confused pairs where there are too many classes for one."""

from __future__ import annotations

from collections.abc import Sequence

from alih.compare.report.frame import Frame
from alih.compare.report.svg import Markup, tag, text
from alih.compare.report.words import Words
from alih.tasks.evidence import Confusion

#: More classes than this are told as a list of pairs.
LARGEST = 20
_LONGEST = 14
#: A matrix of more classes is scrolled on a phone rather than shrunk.
_NARROW = 10
#: Names so short need not be turned.
_FLAT = 3
#: A cell darker than this carries light text.
_DARK = 0.55


def heat_map(confusion: Confusion, words: Words) -> Markup:
    """The counts, row = true class, darkness = share of the row.

    Args:
        confusion: at most `LARGEST` classes.
        words: the language.
    """
    names, count = _short(confusion.classes), len(confusion.classes)
    cell = max(20.0, min(46.0, 380.0 / count))
    longest = max(map(len, names))
    room, size = 26 + 6.6 * longest, cell * count
    below = 46 if longest <= _FLAT else room + 8
    frame = Frame(room + size + 12, size + below + 6, left=room, right=12, top=6, bottom=below)
    parts = [_axis_names(frame, size, words)]
    for i, (row, name) in enumerate(zip(confusion.counts, confusion.classes, strict=True)):
        total, y = max(sum(row), 1), frame.top + i * cell
        parts.append(_label(names[i], frame.left - 6, y + cell / 2, "end"))
        for j, value in enumerate(row):
            parts.append(_cell(frame.left + j * cell, y, cell, value, value / total, (name, confusion.classes[j])))
    for j, name in enumerate(names):
        x, y = frame.left + (j + 0.5) * cell, frame.top + size + 8
        if longest <= _FLAT:
            parts.append(_label(name, x, y + 6, "middle"))
        else:
            parts.append(
                tag(
                    "text",
                    text(name),
                    transform=f"translate({x:.1f} {y:.1f}) rotate(-90)",
                    dy="0.34em",
                    text_anchor="end",
                    class_="tick",
                )
            )
    worst = ", ".join(f"{a} → {b}: {n:,}" for a, b, n, _ in pairs(confusion, 5))
    drawn = frame.draw("confusion", words("confusion"), worst or words("no_confusion"), *parts, kind="chart matrix")
    return tag("div", drawn, class_="wide" if count > _NARROW else None)


def pairs(confusion: Confusion, limit: int = 15) -> list[tuple[str, str, int, float]]:
    """The most confused pairs: true class, predicted class, how often, and the share of the true class."""
    found = [
        (confusion.classes[i], confusion.classes[j], count, count / sum(row))
        for i, row in enumerate(confusion.counts)
        for j, count in enumerate(row)
        if i != j and count
    ]
    return sorted(found, key=lambda pair: (-pair[2], -pair[3]))[:limit]


def _cell(x: float, y: float, side: float, count: int, share: float, names: tuple[str, str]) -> Markup:
    told = tag("title", text(f"{names[0]} → {names[1]}: {count:,} ({share:.0%})"))
    kind = "cell right" if names[0] == names[1] else "cell wrong"
    box = tag("rect", told, x=x + 0.75, y=y + 0.75, width=side - 1.5, height=side - 1.5, rx=2, class_="empty")
    if not count:
        return box
    strength = 0.12 + 0.88 * share
    full = tag(
        "rect",
        told,
        x=x + 0.75,
        y=y + 0.75,
        width=side - 1.5,
        height=side - 1.5,
        rx=2,
        class_=kind,
        fill_opacity=strength,
    )
    number = tag(
        "text",
        text(f"{count}"),
        x=x + side / 2,
        y=y + side / 2,
        dy="0.34em",
        text_anchor="middle",
        class_=" ".join(
            ["count", *(["dark"] if strength > _DARK else []), *(["tight"] if 8 * len(str(count)) > side else [])]
        ),
    )
    return tag("g", full, number)


def _axis_names(frame: Frame, size: float, words: Words) -> Markup:
    middle = frame.top + size / 2
    return tag(
        "g",
        tag(
            "text",
            text(words("actual")),
            transform=f"translate(11 {middle:.1f}) rotate(-90)",
            text_anchor="middle",
            class_="name",
        ),
        tag(
            "text",
            text(words("predicted")),
            x=frame.left + size / 2,
            y=frame.height - 6,
            text_anchor="middle",
            class_="name",
        ),
    )


def _label(name: str, x: float, y: float, anchor: str) -> Markup:
    return tag("text", text(name), x=x, y=y, dy="0.34em", text_anchor=anchor, class_="tick")


def _short(names: Sequence[str]) -> list[str]:
    """Names cut at their end; in their middle, where they would then look alike."""
    cut = [name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…" for name in names]
    if len(set(cut)) == len(cut):
        return cut
    half = _LONGEST // 2
    return [name if len(name) <= _LONGEST else f"{name[: half - 1]}…{name[-half:]}" for name in names]
