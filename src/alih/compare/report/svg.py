"""Markup written by hand: escaped tags, axes, ticks and the markers of the series."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import NewType

#: Text that is markup already; everything else is escaped before it enters a page.
Markup = NewType("Markup", str)

#: Dashes of the series, in order; with the marker and the colour, three ways to tell two series apart.
DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 4", "1 3", "7 2 2 2 2 2")
SERIES = len(DASHES)
#: Elements that have no end tag.
_VOID = frozenset({"br", "img", "meta"})

_NAME = re.compile(r"[a-z][a-z0-9-]*", re.IGNORECASE)
#: What XML and HTML forbid even as a reference: control characters and lone surrogates.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


def text(value: object) -> Markup:
    """Any text as markup: no character of it can open or close a tag or an attribute."""
    return Markup(escape(_FORBIDDEN.sub("\ufffd", str(value)), quote=True))


def tag(name: str, /, *children: Markup, **attributes: object) -> Markup:
    """One element; attributes that are None are left out, `class_` is class, underscores become hyphens."""
    said = "".join(
        f' {_attribute(key)}="{text(_number(value))}"' for key, value in attributes.items() if value is not None
    )
    start = f"<{_checked(name)}{said}>"
    return Markup(start if name in _VOID else f"{start}{join(children)}</{name}>")


def join(parts: Sequence[Markup], between: str = "") -> Markup:
    """Markup after markup."""
    return Markup(text(between).join(parts))


def _attribute(key: str) -> str:
    return _checked("viewBox" if key == "viewBox" else key.rstrip("_").replace("_", "-"))


def _checked(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a tag or an attribute")
    return name


def _number(value: object) -> object:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else value


@dataclass(frozen=True)
class Scale:
    """From data to pixels along one axis.

    Args:
        low: smallest value shown.
        high: largest value shown, above `low`.
        start: pixel of `low`.
        end: pixel of `high`.
        log: logarithmic; `low` is positive then.
    """

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value; values outside are clamped to the axis."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(at)
        return self.start + (at - low) / (high - low) * (self.end - self.start)


def linear(values: Sequence[float], start: float, end: float, within: tuple[float, float] | None = None) -> Scale:
    """A linear scale around values, with some room, but not beyond `within`."""
    low, high = min(values), max(values)
    room = 0.06 * (high - low) or 0.05 * abs(high) or 0.05
    low, high = low - room, high + room
    if within is not None:
        low, high = max(low, within[0]), min(high, within[1])
    return Scale(low, high, start, end) if low < high else Scale(low - 0.05, high + 0.05, start, end)


def logarithmic(values: Sequence[float], start: float, end: float) -> Scale:
    """A logarithmic scale around positive values, with some room."""
    low, high = min(values), max(values)
    room = max((high / low) ** 0.06, 1.15)
    return Scale(low / room, high * room, start, end, log=True)


def ticks(scale: Scale, wanted: int = 5) -> list[float]:
    """Round values along an axis, ascending."""
    found = _log_ticks(scale) if scale.log else []
    if len(found) < 2:  # a linear axis, or one too short for powers of ten
        rough = (scale.high - scale.low) / wanted
        power = 10.0 ** math.floor(math.log10(rough))
        step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
        found = [index * step for index in range(math.ceil(scale.low / step), math.floor(scale.high / step) + 1)]
    return found or [scale.low]


def _log_ticks(scale: Scale) -> list[float]:
    decades = math.log10(scale.high / scale.low)
    steps: tuple[float, ...] = (
        (1,) if decades > 4 else (1, 3) if decades > 1.7 else (1, 2, 5) if decades > 0.9 else (1, 1.5, 2, 3, 5, 7)
    )
    powers = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    found = [step * 10.0**power for power in powers for step in steps]
    return [value for value in found if scale.low <= value <= scale.high]


def apart(values: Sequence[float], scale: Scale, pixels: float) -> list[float]:
    """Of ascending values, those that stand at least so many pixels apart; the last one always."""
    kept: list[float] = []
    for value in reversed(values):
        if not kept or abs(scale(kept[-1]) - scale(value)) >= pixels:
            kept.append(value)
    return kept[::-1]


def marker(series: int, x: float, y: float, *, hollow: bool = False, size: float = 4.5) -> Markup:
    """The marker of a series: circle, square, triangle, diamond, triangle down, cross, plus, hexagon."""
    kind = f"marker s{series % SERIES}" + (" hollow" if hollow else "")
    shape = series % SERIES
    if shape == 0:
        return tag("circle", cx=x, cy=y, r=size, class_=kind)
    if shape in {5, 6}:
        d = size if shape == 5 else size * 1.2
        ends = [(-d, -d, d, d), (-d, d, d, -d)] if shape == 5 else [(-d, 0, d, 0), (0, -d, 0, d)]
        path = "".join(f"M{x + a:.2f} {y + b:.2f}L{x + c:.2f} {y + e:.2f}" for a, b, c, e in ends)
        return tag("path", d=path, class_=kind + " open")
    corners, turn = {1: (4, 45.0), 2: (3, -90.0), 3: (4, 0.0), 4: (3, 90.0), 7: (6, 0.0)}[shape]
    angles = [math.radians(turn + 360 * k / corners) for k in range(corners)]
    points = " ".join(f"{x + 1.3 * size * math.cos(a):.2f},{y + 1.3 * size * math.sin(a):.2f}" for a in angles)
    return tag("polygon", points=points, class_=kind)


def line(points: Sequence[tuple[float, float]], series: int, *, dash: str | None = None) -> Markup:
    """A line of a series through pixels; `dash` replaces its own."""
    at = " ".join(f"{x:.2f},{y:.2f}" for x, y in points)
    dashes = DASHES[series % SERIES] if dash is None else dash
    return tag("polyline", points=at, class_=f"line s{series % SERIES}", stroke_dasharray=dashes or None)


def swatch(series: int) -> Markup:
    """What stands for a series in a legend: its line and its marker."""
    parts = (line([(1, 8), (31, 8)], series), marker(series, 16, 8))
    return tag("svg", *parts, viewBox="0 0 32 16", width=32, height=16, aria_hidden="true", class_="swatch")
