"""The sections of the page below the table: charts, errors, data, what was run. Each is left out without its data."""

from __future__ import annotations

import re

from alih.compare.quantities import duration
from alih.compare.report.charts import learning_curves, legend, losses, pareto, probe_by_depth, reliability
from alih.compare.report.data import Finding, ReportData
from alih.compare.report.matrix import LARGEST, heat_map, pairs
from alih.compare.report.route_table import span
from alih.compare.report.svg import Markup, line, tag, text
from alih.compare.report.words import Words
from alih.tasks.evidence import Mistake

_PICTURE = re.compile(r"data:image/png;base64,[A-Za-z0-9+/]+={0,2}")


def series_of(data: ReportData) -> dict[str, int]:
    """The colour, dash and marker of each variant, the same in every chart."""
    labels = [row.label for row in data.table] + [curve.label for curve in data.curves]
    labels += [one.label for one in data.choice.candidates] if data.choice else []
    return {label: number for number, label in enumerate(dict.fromkeys(labels))}


def charts(data: ReportData, words: Words) -> list[Markup]:
    """Every chart there is data for, each a figure with what it shows in words."""
    series = series_of(data)
    metric = data.choice.metric if data.choice else ""
    named, found = words.metric(metric), []
    curves = [curve for curve in data.curves if curve.points]
    if any(len(curve.points) > 1 for curve in curves):
        drawn = learning_curves(curves, series, metric, words)
        names = legend([curve.label for curve in curves], series)
        help_text = words.sentence("curves_help", metric=named)
        found.append(_figure(words("curves"), help_text, drawn, names, _curve_numbers(data, words)))
    if data.choice is not None and len(data.choice.candidates) > 1:
        drawn = pareto(data.choice, series, words)
        names = legend([one.label for one in data.choice.candidates], series)
        help_text = words.sentence("pareto_help", metric=named)
        found.append(_figure(words("pareto"), help_text, drawn, names, _pareto_numbers(data, words)))
    if len(data.probe) > 1:
        drawn = probe_by_depth(data.probe, metric, words)
        found.append(_figure(words("probe"), words("probe_help"), drawn))
    if data.calibration is not None and data.calibration.bins:
        help_text = words("calibration_help", error=f"{data.calibration.error:.3f}")
        found.append(_figure(words("calibration"), help_text, reliability(data.calibration, words)))
    if data.confusion is not None:
        found.append(_confusion(data, words))
    return found


def histories(data: ReportData, words: Words) -> Markup | None:
    """One small chart of losses a variant."""
    shown = [history for history in data.histories if len(history.epochs) > 1]
    if not shown:
        return None
    names = tag(
        "ul",
        *(
            tag(
                "li",
                tag(
                    "svg",
                    line([(1, 8), (31, 8)], series, dash=dash),
                    viewBox="0 0 32 16",
                    width=32,
                    height=16,
                    aria_hidden="true",
                    class_="swatch",
                ),
                text(words(key)),
            )
            for series, dash, key in ((1, "5 3", "train_loss"), (0, "", "validation_loss"))
        ),
        class_="legend",
    )
    figures = [
        tag("figure", tag("h3", text(history.label)), losses(history, number, words), class_="card")
        for number, history in enumerate(shown)
    ]
    return tag(
        "section",
        tag("h2", text(words("losses"))),
        tag("p", text(words("losses_help")), class_="help"),
        names,
        tag("div", *figures, class_="grid small"),
        id="losses",
    )


def mistakes(data: ReportData, words: Words) -> Markup | None:
    """The most confident errors with their text or picture."""
    if not data.mistakes:
        return None
    pictures = any(one.picture for one in data.mistakes)
    return tag(
        "section",
        tag("h2", text(words("mistakes"))),
        tag("p", text(words("mistakes_help")), class_="help"),
        tag(
            "div",
            *(_mistake(one, words) for one in data.mistakes),
            class_="mistakes pictures" if pictures else "mistakes",
        ),
        id="mistakes",
    )


def answers(data: ReportData, words: Words) -> Markup | None:
    """Some of what the recommended model wrote, beside what it should have written."""
    if not data.answers:
        return None
    cards = [
        tag(
            "article",
            tag("blockquote", text(one.prompt)),
            tag(
                "dl",
                *(tag("dt", text(words("reference"))), tag("dd", text(one.reference))),
                *(tag("dt", text(words("wrote"))), tag("dd", text(one.answer or "–"))),
            ),
            tag("p", text(one.origin), class_="origin"),
            class_="card mistake",
        )
        for one in data.answers
    ]
    heading = (tag("h2", text(words("answers"))), tag("p", text(words("answers_help")), class_="help"))
    return tag("section", *heading, tag("div", *cards, class_="mistakes"), id="answers")


def diagnosis(data: ReportData, words: Words) -> Markup | None:
    """The findings about the data, most serious first."""
    told = data.diagnosis.get(words.language) or data.diagnosis.get("en", ())
    if not told:
        return None
    order = {"serious": 0, "warning": 1, "note": 2}
    found = sorted(told, key=lambda one: order[one.severity])
    cards = tag("div", *(_finding(one, words) for one in found), class_="findings")
    return tag("section", tag("h2", text(words("diagnosis"))), cards, id="diagnosis")


def stopped(data: ReportData, words: Words) -> Markup | None:
    """What was not measured in full, with the reason; one item a reason."""
    by_reason: dict[str, list[str]] = {}
    for one in data.skipped:
        by_reason.setdefault(words.note(one.why), []).append(words.note(one.what))
    items = [f"{'; '.join(names)}{': ' if why else ''}{why}." for why, names in by_reason.items()]
    parts = []
    if items:
        parts += [tag("h2", text(words("stopped"))), _list(items)]
    if data.notes:
        parts += [tag("h2", text(words("notes"))), _list([words.note(note) for note in data.notes])]
    return tag("section", *parts, id="stopped") if parts else None


def run(data: ReportData, words: Words) -> Markup:
    """What was run, and the command that runs it again."""
    told = data.run
    splits = [words(f"split_{name}", count=f"{size:,}") for name, size in told.sizes.items() if name in _SPLITS]
    facts = [
        ("name", told.name),
        ("date", told.date.replace("T", " ").replace("Z", " UTC")),
        ("data", told.data),
        ("digest", told.digest),
        ("sizes", ", ".join(splits)),
        ("model", told.model),
        ("task", words.term(told.task)),
        ("seeds", "" if told.seeds is None else str(told.seeds)),
        ("seconds", "" if told.seconds is None else duration(told.seconds)),
        ("machine", told.machine),
        ("versions", ", ".join(f"{package} {version}" for package, version in told.versions.items())),
    ]
    shown = [part for key, value in facts if value for part in (tag("dt", text(words(key))), tag("dd", text(value)))]
    again = []
    if told.command:
        again = [tag("h3", text(words("again"))), tag("pre", tag("code", text(told.command)))]
    return tag(
        "section",
        tag("h2", text(words("run"))),
        tag("div", tag("dl", *shown, class_="about"), *again, class_="card"),
        id="run",
    )


_SPLITS = frozenset({"train", "validation", "test"})


def _figure(title: str, help_text: str, *parts: Markup) -> Markup:
    return tag("figure", tag("h3", text(title)), tag("p", text(help_text), class_="help"), *parts, class_="card")


def _confusion(data: ReportData, words: Words) -> Markup:
    confusion = data.confusion
    assert confusion is not None
    if len(confusion.classes) <= LARGEST:
        return _figure(words("confusion"), words("confusion_help"), heat_map(confusion, words))
    found = pairs(confusion)
    heads = [words("actual"), words("predicted"), words("count"), words("share")]
    body = [[one, other, f"{count:,}", f"{share:.0%}"] for one, other, count, share in found]
    shown = _numbers_table(heads, body, 2) if found else tag("p", text(words("no_confusion")))
    help_text = words("confusion_pairs_help", classes=f"{len(confusion.classes):,}")
    return _figure(words("confusion_pairs"), help_text, shown)


def _mistake(one: Mistake, words: Words) -> Markup:
    shown: list[Markup] = []
    if one.picture is not None and _PICTURE.fullmatch(one.picture):
        shown.append(tag("img", src=one.picture, alt=words("picture_of", label=one.actual)))
    elif one.text is not None:
        shown.append(tag("blockquote", text(one.text)))
    else:
        shown.append(tag("p", text(words("not_shown")), class_="soft"))
    said = f"{one.predicted} ({one.probability:.0%})"
    shown.append(
        tag(
            "dl",
            tag("dt", text(words("is"))),
            tag("dd", text(one.actual)),
            tag("dt", text(words("said"))),
            tag("dd", text(said), class_="wrong"),
        )
    )
    if one.origin:
        shown.append(tag("p", text(one.origin), class_="origin"))
    return tag("article", *shown, class_="card mistake")


def _finding(one: Finding, words: Words) -> Markup:
    parts = [tag("h3", text(one.title), tag("span", text(words(one.severity)), class_="tag"))]
    if one.text:
        parts.append(tag("p", text(one.text)))
    if one.items:
        parts.append(_list(list(one.items)))
    return tag("article", *parts, class_=f"card finding {one.severity}")


def _list(items: list[str]) -> Markup:
    return tag("ul", *(tag("li", text(item)) for item in items), class_="plain")


def _curve_numbers(data: ReportData, words: Words) -> Markup:
    body = [
        [curve.label, f"{p.examples:,}", f"{p.score:.3f}", _span(p.low, p.high)]
        for curve in data.curves
        for p in curve.points
    ]
    return _details(
        [words("route"), words("axis_examples"), words("score_one_seed"), words("interval_row")], body, words
    )


def _pareto_numbers(data: ReportData, words: Words) -> Markup:
    assert data.choice is not None
    body = [
        [c.label, duration(c.seconds), f"{c.score.point:.3f}", span(c.score) or "–"] for c in data.choice.candidates
    ]
    return _details([words("route"), words("time_to_adapt"), words("score"), words("interval_row")], body, words)


def _span(low: float | None, high: float | None) -> str:
    return "–" if low is None or high is None or low == high else f"{low:.3f}–{high:.3f}"


def _details(heads: list[str], body: list[list[str]], words: Words) -> Markup:
    return tag("details", tag("summary", text(words("numbers"))), _numbers_table(heads, body, 1))


def _numbers_table(heads: list[str], body: list[list[str]], words_in: int) -> Markup:
    """A plain table; its first `words_in` columns are words, the others numbers."""

    def kind(column: int) -> str | None:
        return "words" if column < words_in else None

    head = tag("tr", *(tag("th", text(one), scope="col", class_=kind(at)) for at, one in enumerate(heads)))
    rows = [
        tag("tr", *(tag("td", text(one), class_=kind(at)) for at, one in enumerate(row)), class_="line") for row in body
    ]
    return tag("div", tag("table", tag("thead", head), tag("tbody", *rows), class_="compact"), class_="scroll")
