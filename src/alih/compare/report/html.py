"""The report as one HTML page: no network, no script, every text of the user escaped."""

from __future__ import annotations

import base64
import hashlib
from typing import Literal

from alih.compare.quantities import count, duration, size_of
from alih.compare.report import sections
from alih.compare.report.data import Choice, ReportData, Row, Sure
from alih.compare.report.route_table import route_table
from alih.compare.report.style import STYLE
from alih.compare.report.svg import Markup, tag, text
from alih.compare.report.words import Words, words
from alih.metrics.bootstrap import Interval
from alih.version import VERSION


def render_html(data: ReportData, lang: Literal["en", "id"] = "en") -> str:
    """Render the report.

    Args:
        data: what to show; parts that are missing are left out.
        lang: English or Indonesian.

    Raises:
        OptionError: there is no report in that language.
    """
    say = words(lang)
    title = say("title", data=data.run.data or data.run.name, model=data.run.model or "–")
    parts = [part for part in _parts(data, say) if part is not None]
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy()),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", text(f"{title} – {say('kicker')}")),
        tag("style", Markup(STYLE)),
    )
    body = tag(
        "body",
        _top(data, title, say),
        tag("main", *parts),
        tag("footer", text(say("made_by", version=data.run.versions.get("alih", VERSION)))),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang=lang)}\n"


def _policy() -> str:
    """Nothing may be loaded or run; this page's style sheet is allowed by its digest, pictures only from within."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _top(data: ReportData, title: str, say: Words) -> Markup:
    links = [
        (anchor, say(key))
        for anchor, key, there in (
            ("table", "table", bool(data.table)),
            ("charts", "charts", bool(sections.charts(data, say))),
            ("mistakes", "mistakes", bool(data.mistakes)),
            ("answers", "answers", bool(data.answers)),
            ("diagnosis", "diagnosis", sections.diagnosis(data, say) is not None),
            ("losses", "losses", sections.histories(data, say) is not None),
            ("run", "run", True),
        )
        if there
    ]
    items = [tag("li", tag("a", text(name), href=f"#{anchor}")) for anchor, name in links]
    parts = [
        tag("p", text(say("kicker")), class_="kicker"),
        tag("h1", text(title)),
        tag("p", text(say("summary", data=data.run.data or data.run.name, model=data.run.model or "–")), class_="soft"),
        tag("nav", tag("ul", *items), aria_label=say("contents")),
    ]
    if data.run.interrupted:
        parts.append(tag("p", text(say("interrupted")), class_="alert"))
    return tag("header", *parts, class_="top")


def _parts(data: ReportData, say: Words) -> list[Markup | None]:
    figures = sections.charts(data, say)
    return [
        _recommendation(data, data.choice, say) if data.choice else None,
        _table(data, say) if data.table else None,
        tag("section", tag("h2", text(say("charts"))), tag("div", *figures, class_="grid"), id="charts")
        if figures
        else None,
        sections.mistakes(data, say),
        sections.answers(data, say),
        sections.diagnosis(data, say),
        sections.histories(data, say),
        sections.stopped(data, say),
        sections.run(data, say),
    ]


def _recommendation(data: ReportData, choice: Choice, say: Words) -> Markup:
    row = next((one for one in data.table if one.label == choice.chosen), None)
    reasons = choice.words.get(say.language) or choice.words.get("en", ())
    return tag(
        "section",
        tag("h2", text(say("recommendation"))),
        tag("p", text(choice.chosen), class_="chosen"),
        tag("dl", *_facts(choice, row, say), class_="facts"),
        tag("ul", *(tag("li", text(one)) for one in reasons), class_="reasons"),
        class_="card hero",
        aria_label=say("recommendation"),
    )


def _facts(choice: Choice, row: Row | None, say: Words) -> list[Markup]:
    metric = say.metric(choice.metric)
    score = next((one.score for one in choice.candidates if one.label == choice.chosen), row.score if row else None)
    facts = []
    if score is not None:
        facts.append(_fact(say("validation_score", metric=metric), f"{score.point:.3f}", _sure(score, say)))
    if choice.test is not None:
        seen = say("looked_once", examples=f"{choice.test_examples:,}") if choice.test_examples else ""
        name = say("test_score", metric=metric)
        facts.append(_fact(name, f"{choice.test.point:.3f}", _sure(choice.test, say), seen))
    if row is not None and row.seconds is not None:
        took = duration(row.seconds + (row.search_seconds or 0.0))
        memory = "" if row.peak_memory_bytes is None else f"{say('memory')}: {size_of(row.peak_memory_bytes)}"
        facts.append(_fact(say("time_to_adapt"), took, memory))
    if row is not None and row.trainable is not None:
        whole = say("of", part=f"{row.trainable:,}", whole=f"{row.total:,}") if row.total else ""
        facts.append(_fact(say("trainable"), count(row.trainable), whole))
    return facts


def _fact(name: str, value: str, *more: str) -> Markup:
    said = [tag("dd", text(one), class_="small") for one in more if one]
    return tag("div", tag("dt", text(name)), tag("dd", text(value), class_="big"), *said)


def _sure(score: Sure, say: Words) -> str:
    if score.low is None or score.high is None:
        return ""
    return say("interval", interval=Interval(score.low, score.point, score.high).words(language=say.language))


def _table(data: ReportData, say: Words) -> Markup:
    foreseen = any(row.score is None and row.predicted is not None for row in data.table)
    return tag(
        "section",
        tag("h2", text(say("table"))),
        tag("p", text(say("table_help")), class_="help"),
        route_table(data, say),
        *([tag("p", text(say("predicted_note")), class_="help")] if foreseen else []),
        id="table",
    )
