"""Heat maps as drawings: the matrix as a picture, its tokens along the edges drawn once and used by every map."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from alih.compare.report.svg import Markup, join, tag, text
from alih.explain import heat
from alih.explain.tokens import Token

#: Room for the names along an edge, and width of a map whose columns are dimensions, in units of the drawing.
ROOM, WIDE = 96, 210
_LONGEST = 13
#: Cells so large have room for their numbers.
_NUMBERED = 33


def axis(name: str, tokens: Sequence[Token], cell: float) -> Markup:
    """Names of tokens from top to bottom (`name`-rows) and from left to right (`name`-columns), to be used by maps."""
    names = [_short(token.text) for token in tokens]
    rows = [
        tag("text", text(one), x=ROOM - 5, y=(n + 0.5) * cell, dy="0.34em", text_anchor="end")
        for n, one in enumerate(names)
    ]
    columns = [
        tag("text", text(one), transform=f"translate({(n + 0.5) * cell:.1f} {ROOM - 5}) rotate(-90)", dy="0.34em")
        for n, one in enumerate(names)
    ]
    drawn = tag("g", *rows, id=f"{name}-rows") + tag("g", *columns, id=f"{name}-columns")
    return tag("svg", tag("defs", Markup(drawn)), width=0, height=0, aria_hidden="true")


def plot(uri: str, size: tuple[float, float], said: str, rows: str, columns: str | None, *over: Markup) -> Markup:
    """A matrix with the names along its edges.

    Args:
        uri: the picture, from `heat`.
        size: height and width, in units of the drawing.
        said: what a screen reader says.
        rows: name of the axis of the rows.
        columns: name of the axis of the columns; None for dimensions, which have no names.
        over: what is drawn over the cells.
    """
    height, width = (round(side, 1) for side in size)
    field = tag(
        "svg",
        tag("image", href=uri, width=width, height=height, preserveAspectRatio="none", class_="pixel"),
        tag("rect", width=width, height=height, class_="edge"),
        *over,
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_label=said,
        class_="field",
    )
    top = Markup("")
    if columns is not None:
        use = tag("use", href=f"#{columns}-columns")
        top = tag("svg", use, viewBox=f"0 0 {width} {ROOM}", class_="labels top", aria_hidden="true")
    use = tag("use", href=f"#{rows}-rows")
    left = tag("svg", use, viewBox=f"0 0 {ROOM} {height}", class_="labels left", aria_hidden="true")
    return join((top, left, field))


def weights(values: Tensor, said: str, axes: tuple[str, str], cell: float, *, numbers: bool = False) -> Markup:
    """A map of attention weights (q, k); `axes` names those of queries and keys."""
    drawn = _numbers(values, values > 0.35, cell) if numbers and cell >= _NUMBERED else ()
    return plot(heat.shares(values), _size(values, cell), said, *axes, *drawn)


def scores(values: Tensor, said: str, axes: tuple[str, str], cell: float) -> Markup:
    """A map of scores (q, k) before softmax, −∞ grey."""
    uri, limit = heat.signed(values)
    drawn = _numbers(values, values.abs() > 0.6 * limit, cell) if cell >= _NUMBERED else ()
    return plot(uri, _size(values, cell), said, *axes, *drawn)


def vectors(values: Tensor, said: str, rows: str, cell: float) -> tuple[Markup, float]:
    """A map of vectors (t, d), one a row; also gives the largest magnitude."""
    uri, limit = heat.signed(values)
    return plot(uri, (values.shape[0] * cell, WIDE), said, rows, None), limit


def _size(values: Tensor, cell: float) -> tuple[float, float]:
    return values.shape[0] * cell, values.shape[1] * cell


def _numbers(values: Tensor, strong: Tensor, cell: float) -> tuple[Markup, ...]:
    found = []
    for i, row in enumerate(values.tolist()):
        for j, value in enumerate(row):
            said = "−∞" if value == float("-inf") else _tight(value)
            on = "num on" if bool(strong[i, j]) and value != float("-inf") else "num"
            x, y = (j + 0.5) * cell, (i + 0.5) * cell
            found.append(tag("text", text(said), x=x, y=y, dy="0.34em", text_anchor="middle", class_=on))
    return tuple(found)


def _tight(value: float) -> str:
    """As many digits as fit into a cell."""
    return (f"{value:.2f}" if abs(value) < 9.995 else f"{value:.0f}").replace("-", "−")


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1] + "…"
