"""The charts of a report as SVG: no script, no network, colours from the page, readable without colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alih.compare.quantities import duration
from alih.compare.report.data import Candidate, Choice, Curve, History
from alih.compare.report.frame import Frame
from alih.compare.report.svg import SERIES, Markup, apart, line, linear, logarithmic, marker, swatch, tag, text, ticks
from alih.compare.report.words import Words
from alih.metrics.names import find
from alih.tasks.evidence import Calibration

#: Least pixels between two labels of a horizontal axis.
_APART = 44
#: The shortest time on a logarithmic axis, in seconds.
_LEAST_SECONDS = 1e-3


def learning_curves(curves: Sequence[Curve], series: Mapping[str, int], metric: str, words: Words) -> Markup:
    """Score against training examples (logarithmic), a band where the interval is known.

    Args:
        curves: at least one point in all.
        series: number of the colour, dash and marker, by label.
        metric: what the scores are.
        words: the language.
    """
    frame = Frame()
    points = [point for curve in curves for point in curve.points]
    values = [one for p in points for one in (p.score, p.low, p.high) if one is not None]
    x, y = logarithmic([max(p.examples, 1) for p in points], *frame.x), linear(values, *frame.y, _within(metric))
    sizes = apart(sorted({float(p.examples) for p in points}), x, _APART)
    drawn = []
    for curve in curves:
        number = series[curve.label]
        spans = [(x(p.examples), y(p.low), y(p.high)) for p in curve.points if p.low is not None and p.high is not None]
        if len(spans) == len(curve.points) and len(spans) > 1:
            edge = [(at, high) for at, _, high in spans] + [(at, low) for at, low, _ in reversed(spans)]
            outline = " ".join(f"{a:.2f},{b:.2f}" for a, b in edge)
            drawn.append(tag("polygon", points=outline, class_=f"band s{number % SERIES}"))
        else:
            drawn += [_whisker(number, at, low, high) for at, low, high in spans]
        drawn.append(line([(x(p.examples), y(p.score)) for p in curve.points], number))
        drawn += [marker(number, x(p.examples), y(p.score)) for p in curve.points]
    told = "; ".join(
        f"{curve.label}: " + ", ".join(f"{p.examples:,} → {p.score:.3f}" for p in curve.points) for curve in curves
    )
    return frame.draw(
        "curves",
        words("curves"),
        told,
        frame.up(y, ticks(y), words.metric(metric), _score),
        frame.across(x, sizes, words("axis_examples"), lambda value: f"{value:,.0f}"),
        *drawn,
    )


def pareto(choice: Choice, series: Mapping[str, int], words: Words) -> Markup:
    """Score against seconds (logarithmic); hollow = something is as good and cheaper; a ring around the chosen one."""
    frame, found = Frame(), choice.candidates
    values = [one for c in found for one in (c.score.point, c.score.low, c.score.high) if one is not None]
    x = logarithmic([max(c.seconds, _LEAST_SECONDS) for c in found], *frame.x)
    y = linear(values, *frame.y, _within(choice.metric))
    drawn = []
    front = _front(found, choice.higher_is_better)
    if len(front) > 1:
        steps = [(x(front[0].seconds), y(front[0].score.point))]
        for one in front[1:]:
            steps += [(x(one.seconds), steps[-1][1]), (x(one.seconds), y(one.score.point))]
        drawn.append(tag("polyline", points=" ".join(f"{a:.2f},{b:.2f}" for a, b in steps), class_="front"))
    for one in found:
        number, at, height = series[one.label], x(one.seconds), y(one.score.point)
        if one.score.low is not None and one.score.high is not None:
            drawn.append(_whisker(number, at, y(one.score.low), y(one.score.high)))
        if one.label == choice.chosen:
            drawn.append(tag("circle", cx=at, cy=height, r=11, class_="ring"))
        drawn.append(marker(number, at, height, hollow=not one.pareto, size=5.5))
    told = "; ".join(f"{c.label}: {c.score.point:.3f}, {duration(c.seconds)}" for c in found)
    return frame.draw(
        "pareto",
        words("pareto"),
        told,
        frame.up(y, ticks(y), words.metric(choice.metric), _score),
        frame.across(x, apart(ticks(x), x, _APART), words("axis_seconds"), _time),
        *drawn,
    )


def probe_by_depth(scores: Sequence[float], metric: str, words: Words) -> Markup:
    """Score of a linear probe on each depth's output; depth 0 is the input to the first block."""
    frame = Frame(top=24)
    last = len(scores) - 1
    x = linear([0.0, float(max(last, 1))], *frame.x)
    y = linear(list(scores), *frame.y, _within(metric))
    depths = apart([float(depth) for depth in range(last + 1)], x, 26)
    at = [(x(float(depth)), y(score)) for depth, score in enumerate(scores)]
    best = max(range(len(scores)), key=lambda depth: scores[depth])
    label = tag(
        "text",
        text(_score(scores[best])),
        x=at[best][0],
        y=at[best][1] - 10,
        text_anchor="middle",
        class_="tick strong",
    )
    return frame.draw(
        "probe",
        words("probe"),
        ", ".join(f"{depth}: {score:.3f}" for depth, score in enumerate(scores)),
        frame.up(y, ticks(y), words("axis_probe", metric=words.metric(metric)), _score),
        frame.across(x, depths, words("axis_depth"), lambda value: f"{value:.0f}"),
        line(at, 0),
        *(marker(0, a, b, hollow=depth != best) for depth, (a, b) in enumerate(at)),
        label,
    )


def reliability(found: Calibration, words: Words) -> Markup:
    """Share that is right against confidence; on the diagonal the model knows how sure it may be."""
    frame = Frame()
    lowest = min(min(one.confidence, one.accuracy) for one in found.bins)
    start = max(0.0, min(0.5, lowest - 0.05))
    x, y = linear([start, 1.0], *frame.x, (start, 1.0)), linear([start, 1.0], *frame.y, (start, 1.0))
    most = max(one.count for one in found.bins)
    diagonal = tag("line", x1=x(start), y1=y(start), x2=x(1.0), y2=y(1.0), class_="diagonal")
    gaps = [
        tag("line", x1=x(b.confidence), x2=x(b.confidence), y1=y(b.confidence), y2=y(b.accuracy), class_="gap")
        for b in found.bins
    ]
    dots = [
        tag("circle", cx=x(b.confidence), cy=y(b.accuracy), r=3.0 + 6.0 * (b.count / most) ** 0.5, class_="dot s0")
        for b in found.bins
    ]
    told = "; ".join(f"{b.confidence:.2f} → {b.accuracy:.2f} ({b.count:,})" for b in found.bins)
    return frame.draw(
        "reliability",
        words("calibration"),
        told,
        frame.up(y, ticks(y), words("axis_right"), lambda value: f"{value:.0%}"),
        frame.across(x, ticks(x), words("axis_confidence"), lambda value: f"{value:.0%}"),
        diagonal,
        *gaps,
        *dots,
    )


def losses(history: History, number: int, words: Words) -> Markup:
    """Training (dashed) and validation loss by epoch; an upright line at the epoch whose weights were kept."""
    frame = Frame(320, 200, left=48, bottom=42)
    epochs = history.epochs
    curves = [
        [(e.epoch, value) for e in epochs if (value := getattr(e, name)) is not None]
        for name in ("train_loss", "validation_loss")
    ]
    values = [value for curve in curves for _, value in curve] or [0.0]
    x = linear([float(e.epoch) for e in epochs], *frame.x)
    y = linear([0.0, *values], *frame.y, (min(0.0, *values), float("inf")))
    whole = sorted({float(round(value)) for value in ticks(x, 4) if value >= 1})
    drawn = []
    if history.best_epoch is not None and len(epochs) > 1:
        at = x(history.best_epoch)
        drawn.append(tag("line", x1=at, x2=at, y1=frame.y[0], y2=frame.y[1], class_="kept"))
    for series, (curve, dash) in enumerate(zip(curves, ("5 3", ""), strict=True)):
        if curve:
            drawn.append(line([(x(epoch), y(value)) for epoch, value in curve], 1 - series, dash=dash))
        if len(curve) == 1:
            drawn.append(marker(1 - series, x(curve[0][0]), y(curve[0][1])))
    names = (words("train_loss"), words("validation_loss"))
    told = [f"{name} {c[0][1]:.3f} → {c[-1][1]:.3f}" for name, c in zip(names, curves, strict=True) if c]
    return frame.draw(
        f"losses-{number}",
        f"{words('losses')}: {history.label}",
        "; ".join(told),
        frame.up(y, ticks(y, 4), words("axis_loss"), lambda value: f"{value:.3g}"),
        frame.across(x, apart(whole, x, 30), words("axis_epoch"), lambda value: f"{value:.0f}"),
        *drawn,
    )


def legend(labels: Sequence[str], series: Mapping[str, int]) -> Markup:
    """The series of a chart as a list."""
    return tag("ul", *(tag("li", swatch(series[label]), text(label)) for label in labels), class_="legend")


def _whisker(number: int, at: float, low: float, high: float) -> Markup:
    path = f"M{at:.2f} {low:.2f}V{high:.2f}M{at - 4:.2f} {low:.2f}h8M{at - 4:.2f} {high:.2f}h8"
    return tag("path", d=path, class_=f"whisker s{number % SERIES}")


def _front(candidates: Sequence[Candidate], higher_is_better: bool) -> list[Candidate]:
    """Those that nothing faster beats, by rising time: the front of score and time alone."""
    sign, front = 1.0 if higher_is_better else -1.0, list[Candidate]()
    for one in sorted(candidates, key=lambda c: (c.seconds, -sign * c.score.point)):
        if not front or sign * one.score.point > sign * front[-1].score.point:
            front.append(one)
    return front


def _within(metric: str) -> tuple[float, float] | None:
    known = find(metric)
    return (0.0, 1.0) if known is not None and known.in_points else None


def _score(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") if abs(value) < 10 else f"{value:.3g}"


def _time(seconds: float) -> str:
    return f"{seconds:,.0f} s" if seconds >= 1000 else f"{seconds:.4g} s"
