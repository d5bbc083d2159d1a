"""The frame of a chart: its size, grid, axes with their names, and what a screen reader is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from alih.compare.report.svg import Markup, Scale, tag, text


@dataclass(frozen=True)
class Frame:
    """Width and height of a chart and the room around its plot, in units of the drawing."""

    width: float = 440
    height: float = 290
    left: float = 54
    right: float = 16
    top: float = 12
    bottom: float = 46

    @property
    def x(self) -> tuple[float, float]:
        """Left and right end of the plot."""
        return self.left, self.width - self.right

    @property
    def y(self) -> tuple[float, float]:
        """Bottom and top end of the plot."""
        return self.height - self.bottom, self.top

    def draw(self, name: str, title: str, description: str, *parts: Markup, kind: str = "chart") -> Markup:
        """The chart: `name` is unique on the page, `title` and `description` are for those who cannot see it."""
        return tag(
            "svg",
            tag("title", text(title), id=f"{name}-title"),
            tag("desc", text(description), id=f"{name}-desc"),
            *parts,
            viewBox=f"0 0 {self.width:g} {self.height:g}",
            role="img",
            aria_labelledby=f"{name}-title {name}-desc",
            class_=kind,
        )

    def across(
        self, scale: Scale, at: Sequence[float], name: str, say: Callable[[float], str], *, grid: bool = False
    ) -> Markup:
        """The horizontal axis with ticks and its name below."""
        bottom, top = self.y
        parts = [tag("line", x1=self.x[0], x2=self.x[1], y1=bottom, y2=bottom, class_="axis")]
        for value in at:
            x = scale(value)
            parts.append(
                tag("line", x1=x, x2=x, y1=bottom, y2=top if grid else bottom + 4, class_="grid" if grid else "axis")
            )
            parts.append(tag("text", text(say(value)), x=x, y=bottom + 17, text_anchor="middle", class_="tick"))
        middle = (self.x[0] + self.x[1]) / 2
        parts.append(tag("text", text(name), x=middle, y=self.height - 6, text_anchor="middle", class_="name"))
        return tag("g", *parts)

    def up(self, scale: Scale, at: Sequence[float], name: str, say: Callable[[float], str]) -> Markup:
        """The vertical axis: grid lines with their values, and its name along it."""
        left, right = self.x
        parts = []
        for value in at:
            y = scale(value)
            parts.append(tag("line", x1=left, x2=right, y1=y, y2=y, class_="grid"))
            parts.append(tag("text", text(say(value)), x=left - 7, y=y, dy="0.34em", text_anchor="end", class_="tick"))
        y = (self.y[0] + self.y[1]) / 2
        turned = f"translate(12 {y:.1f}) rotate(-90)"
        parts.append(tag("text", text(name), transform=turned, text_anchor="middle", class_="name"))
        return tag("g", *parts)
