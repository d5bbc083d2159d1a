"""The textbook's five rows as a table: one column a route, the recommended one marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from alih.compare.quantities import count, duration, size_of
from alih.compare.report.data import ReportData, Row, Sure
from alih.compare.report.svg import Markup, tag, text
from alih.compare.report.words import Words

_T = TypeVar("_T")
#: More columns than this stand closer together.
_MANY = 5
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
#: A line of the table: its name, and what it says of each route (None = not known).
_Line = tuple[str, list[str | None]]


def route_table(data: ReportData, words: Words) -> Markup:
    """The table in a box of its own that scrolls; lines that no route has a value for are left out."""
    rows = data.table
    chosen = data.choice.chosen if data.choice and len(rows) > 1 else None
    metric = words.metric(data.choice.metric) if data.choice else ""
    picked = [row.label == chosen for row in rows]
    heads = [
        tag(
            "th",
            text(row.label),
            *([tag("br"), tag("span", text(words("recommended")), class_="badge")] if pick else []),
            scope="col",
            class_="pick" if pick else None,
        )
        for row, pick in zip(rows, picked, strict=True)
    ]
    bodies = []
    for group, lines in _groups(rows, metric, words):
        shown = [line for line in lines if any(cell is not None for cell in line[1])]
        if shown:
            head = tag("th", tag("span", text(group)), colspan=len(rows) + 1, scope="colgroup")
            bodies.append(tag("tbody", tag("tr", head, class_="group"), *(_line(line, picked) for line in shown)))
    table = tag(
        "table", tag("thead", tag("tr", tag("td"), *heads)), *bodies, class_="many" if len(rows) > _MANY else None
    )
    return tag("div", table, class_="scroll", role="region", aria_label=words("table"), tabindex=0)


def _line(line: _Line, picked: Sequence[bool]) -> Markup:
    name, cells = line
    return tag(
        "tr",
        tag("th", text(name), scope="row"),
        *(
            tag("td", text("–" if cell is None else cell), class_=_kind(cell, pick))
            for cell, pick in zip(cells, picked, strict=True)
        ),
        class_="line",
    )


def _kind(cell: str | None, picked: bool) -> str | None:
    """Words and ranges may break over several lines, numbers may not."""
    said = ["pick"] if picked else []
    if cell is not None and (" … " in cell or not cell.strip("≈≥ +−")[:1].isdigit()):
        said.append("prose")
    return " ".join(said) or None


def _groups(rows: Sequence[Row], metric: str, words: Words) -> list[tuple[str, list[_Line]]]:
    return [
        (words("scope"), _scope(rows, words)),
        (words("requirement", metric=metric), _requirement(rows, words)),
        (words("cost"), _cost(rows, words)),
        (words("adaptability", metric=metric), _adaptability(rows, words)),
        (words("overfitting"), _overfitting(rows, words)),
    ]


def _scope(rows: Sequence[Row], words: Words) -> list[_Line]:
    partial = len({row.measured_on for row in rows}) > 1

    def trained(row: Row) -> str | None:
        if row.trainable is None:
            return None
        return words("of", part=count(row.trainable), whole=count(row.total)) if row.total else count(row.trainable)

    return [
        (words("layers"), [words.term(row.layers) or None for row in rows]),
        (words("trainable"), [trained(row) for row in rows]),
        (words("learning_rate"), _each(rows, lambda row: row.learning_rate, lambda rate: f"{rate:g}")),
        *([(words("measured_on"), _each(rows, lambda row: row.measured_on, _whole))] if partial else []),
    ]


def _requirement(rows: Sequence[Row], words: Words) -> list[_Line]:
    sizes = sorted({size for row in rows for size, _ in row.curve})

    def at(row: Row, size: int) -> str | None:
        measured = dict(row.curve).get(size)
        if measured is None and size == sizes[-1] and row.predicted is not None:
            return words("about", value=f"{row.predicted.point:.3f}")
        return None if measured is None else f"{measured:.3f}"

    return [
        *((words("with_examples", examples=_whole(size)), [at(row, size) for row in rows]) for size in sizes),
        (words("enough"), [_enough(row) for row in rows]),
    ]


def _enough(row: Row) -> str | None:
    if row.enough_examples is None or row.enough_interval is None:
        return None if row.enough_examples is None else _whole(row.enough_examples)
    low, high = row.enough_interval
    return f"{_whole(row.enough_examples)} ({_whole(low)}–{_whole(high)})"


def _cost(rows: Sequence[Row], words: Words) -> list[_Line]:
    most = max((row.measured_on for row in rows if row.measured_on is not None), default=None)

    def training(row: Row) -> str | None:
        if row.seconds is None:
            return None
        whole = row.complete and row.measured_on in (None, most)
        return duration(row.seconds) if whole else words("at_least", value=duration(row.seconds))

    def operations(row: Row) -> str | None:
        if row.flops is None:
            return None
        return _power(row.flops) if row.measured_on in (None, most) else words("at_least", value=_power(row.flops))

    return [
        (words("search_time"), _each(rows, lambda row: row.search_seconds, duration)),
        (words("training_time"), [training(row) for row in rows]),
        (words("memory"), _each(rows, lambda row: row.peak_memory_bytes, size_of)),
        (words("flops"), [operations(row) for row in rows]),
        (words("bytes"), _each(rows, lambda row: row.disk_bytes, size_of)),
        (words("latency"), _each(rows, lambda row: row.latency_ms, _milliseconds)),
        (words("latency_p95"), _each(rows, lambda row: row.latency_p95_ms, _milliseconds)),
        (words("tokens"), _each(rows, lambda row: row.tokens, lambda tokens: f"{tokens:.0f}")),
        (words("energy"), _each(rows, lambda row: row.energy_joules, _energy)),
    ]


def _adaptability(rows: Sequence[Row], words: Words) -> list[_Line]:
    def sure(row: Row, say: Callable[[Sure], str | None]) -> str | None:
        if row.score is not None:
            return say(row.score)
        foreseen = None if row.predicted is None else say(row.predicted)
        return None if foreseen is None else words("about", value=foreseen)

    def moved(row: Row, name: str) -> str | None:
        value = row.shifted.get(name)
        if value is None:
            return None
        return f"{value:.3f}" if row.unshifted is None else f"{value:.3f} ({_signed(value - row.unshifted)})"

    shifts = list(dict.fromkeys(name for row in rows for name in row.shifted))
    return [
        (words("score"), [sure(row, lambda score: f"{score.point:.3f}") for row in rows]),
        (words("interval_row"), [sure(row, span) for row in rows]),
        *(
            (
                words("shifted_named", name=words.term(name)) if name else words("shifted"),
                [moved(row, name) for row in rows],
            )
            for name in shifts
        ),
        (words("forgetting"), _each(rows, lambda row: row.forgetting, _signed)),
        (words("general"), _each(rows, lambda row: row.general, _signed)),
    ]


def _overfitting(rows: Sequence[Row], words: Words) -> list[_Line]:
    def spread(row: Row) -> str | None:
        gap = row.gap
        if gap is None or gap.low is None or gap.high is None or gap.low == gap.high:
            return None
        return f"{_signed(gap.low)} … {_signed(gap.high)}"

    return [
        (words("gap"), _each(rows, lambda row: row.gap, lambda gap: _signed(gap.point))),
        (words("gap_range"), [spread(row) for row in rows]),
    ]


def span(sure: Sure) -> str | None:
    """An interval as people write it; None where it is not known, also for having no width."""
    if sure.low is None or sure.high is None or sure.low == sure.high:
        return None
    return f"{sure.low:.3f}–{sure.high:.3f}"


def _each(rows: Sequence[Row], value: Callable[[Row], _T | None], say: Callable[[_T], str]) -> list[str | None]:
    return [None if (found := value(row)) is None else say(found) for row in rows]


def _whole(number: int) -> str:
    return f"{number:,}"


def _milliseconds(value: float) -> str:
    return f"{value:.1f} ms"


def _power(value: float) -> str:
    digits, _, exponent = f"{value:.1e}".partition("e")
    return f"{digits} × 10{str(int(exponent)).translate(_RAISED)}"


def _energy(joules: float) -> str:
    return f"{joules:.3g} J" if joules < 999.5 else f"{joules / 1000:.3g} kJ"


def _signed(value: float) -> str:
    return f"{value:+.3f}".replace("-", "−")
