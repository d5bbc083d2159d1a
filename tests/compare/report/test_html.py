"""The page: complete, in both languages, without network or script, and safe from what users write."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any, Literal

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from alih.compare.report.data import ReportData, Run, Sure
from alih.compare.report.html import render_html
from alih.compare.report.words import TEXTS
from alih.errors import OptionError
from alih.tasks.evidence import Confusion, Mistake
from compare.report.samples import PICTURE, full

Language = Literal["en", "id"]
VOID = {"br", "img", "meta"}


class Page(HTMLParser):
    """Every tag with its attributes, and the text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")


PLAIN = Page(render_html(full()))
HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style></svg></title></textarea><!--",
    "]]><![CDATA[<b>",
    "&lt;b&gt;&#60;script&#62;",
    "javascript:alert(1)",
    "{0.__class__}{name}",
    "\x00<\x1b[31m\u202e\ud800",
]


@settings(max_examples=60, deadline=None)
@given(st.text(min_size=1, max_size=40) | st.sampled_from(HOSTILE), st.sampled_from(["en", "id"]))
@example('"><script>', "en")
def test_no_text_ever_becomes_a_tag_or_an_attribute(word: str, language: Language) -> None:
    page = Page(render_html(full(word), language))
    plain = PLAIN if language == "en" else Page(render_html(full(), language))
    assert [name for name, _ in page.tags] == [name for name, _ in plain.tags]
    assert page.open == []
    names = {(name, attribute) for name, attributes in page.tags for attribute in attributes}
    allowed = {(name, attribute) for name, attributes in plain.tags for attribute in attributes}
    assert names - allowed <= {("text", "transform"), ("text", "text-anchor")}  # long class names are turned


@pytest.mark.parametrize("language", ["en", "id"])
def test_the_page_loads_and_runs_nothing(language: Language) -> None:
    text = render_html(full(), language)
    page = Page(text)
    assert not {name for name, _ in page.tags} & {"script", "link", "iframe", "object", "embed", "form", "base", "use"}
    for name, attributes in page.tags:
        assert not any(attribute.startswith("on") or attribute == "style" for attribute in attributes)
        assert (attributes.get("href") or "#").startswith("#")
        assert (attributes.get("src") or PICTURE) == PICTURE, name
    assert "url(" not in text
    assert "@import" not in text


def test_the_policy_allows_the_style_sheet_alone() -> None:
    text = render_html(full())
    policy = next(a["content"] for n, a in Page(text).tags if a.get("http-equiv") == "Content-Security-Policy")
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy is not None
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;")


@pytest.mark.parametrize("language", ["en", "id"])
def test_the_language_is_that_of_the_page(language: Language) -> None:
    text = render_html(full(), language)
    page = Page(text)
    assert next(attributes for name, attributes in page.tags if name == "html") == {"lang": language}
    for key in ("recommendation", "table", "curves", "pareto", "probe", "calibration", "confusion", "losses", "again"):
        assert TEXTS[language][key] in page.words


def test_another_language_is_refused() -> None:
    with pytest.raises(OptionError, match="--lang"):
        render_html(full(), "fr")  # type: ignore[arg-type]


def test_a_run_of_which_nothing_is_known_still_has_a_page() -> None:
    page = Page(render_html(ReportData(Run("20261123-a"))))
    assert "20261123-a" in page.words
    assert not any(name in {"svg", "table", "figure"} for name, _ in page.tags)


@pytest.mark.parametrize(
    ("part", "key"),
    [
        ("choice", "recommendation"),
        ("table", "table"),
        ("curves", "curves"),
        ("probe", "probe"),
        ("confusion", "confusion"),
        ("calibration", "calibration"),
        ("mistakes", "mistakes"),
        ("diagnosis", "diagnosis"),
        ("histories", "losses"),
        ("skipped", "stopped"),
        ("notes", "notes"),
    ],
)
def test_a_missing_part_is_left_out(part: str, key: str) -> None:
    without: dict[str, Any] = {part: getattr(ReportData(Run("a")), part)}
    assert TEXTS["en"][key] in PLAIN.words
    assert TEXTS["en"][key] not in Page(render_html(replace(full(), **without))).words


def test_the_anchors_lead_somewhere() -> None:
    ids = [attributes["id"] for _, attributes in PLAIN.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = [a["href"] for name, a in PLAIN.tags if name == "a"]
    assert {"#answers", "#charts", "#losses", "#mistakes", "#table"} <= set(links)
    assert {link.removeprefix("#") for link in links if link} <= set(ids)


def test_a_picture_that_is_no_png_from_within_is_not_shown() -> None:
    for uri in ("https://example.org/x.png", "data:text/html;base64,aaaa", PICTURE + '" onload="x', PICTURE + "\n"):
        page = Page(render_html(replace(full(), mistakes=(Mistake("a", "b", 0.9, picture=uri),))))
        assert not any(name == "img" for name, _ in page.tags)
        assert TEXTS["en"]["not_shown"] in page.words


def test_more_classes_than_a_matrix_can_show_are_told_as_pairs() -> None:
    names = tuple(f"class {i}" for i in range(21))
    counts = tuple(tuple(4 if (i, j) == (3, 5) else int(i == j) for j in range(21)) for i in range(21))
    page = Page(render_html(replace(full(), confusion=Confusion(names, counts))))
    assert TEXTS["en"]["confusion_pairs"] in page.words
    at = page.words.index("class 5", page.words.index(TEXTS["en"]["confusion_pairs"]))
    assert page.words[at - 1 : at + 3] == ["class 3", "class 5", "4", "80%"]


def test_a_route_stopped_early_shows_what_its_curve_foresees() -> None:
    row = full().table[0]
    foreseen = replace(row, score=None, predicted=row.score, curve=row.curve[:1], complete=False)
    page = Page(render_html(replace(full(), table=(foreseen, full().table[1]))))
    assert page.words.count("≈ 0.900") == 2
    assert "≈ 0.800–0.950" in page.words
    assert "≥ 2.0 s" in page.words
    assert TEXTS["en"]["predicted_note"] in page.words


def test_the_recommended_column_is_marked() -> None:
    marked = [name for name, attributes in PLAIN.tags if "pick" in (attributes.get("class") or "").split()]
    assert marked.count("th") == 1
    assert marked.count("td") == sum(attributes.get("scope") == "row" for _, attributes in PLAIN.tags)


def test_an_interrupted_run_says_so() -> None:
    data = full()
    page = Page(render_html(replace(data, run=replace(data.run, interrupted=True))))
    assert TEXTS["en"]["interrupted"] in page.words
    assert TEXTS["en"]["interrupted"] not in PLAIN.words


def test_reasons_without_a_translation_are_told_in_english() -> None:
    data = full()
    assert data.choice is not None
    choice = replace(data.choice, words={"en": ("Take it.",)})
    assert "Take it." in Page(render_html(replace(data, choice=choice), "id")).words


def test_single_points_are_no_learning_curve() -> None:
    curves = tuple(replace(curve, points=curve.points[-1:]) for curve in full().curves)
    assert TEXTS["en"]["curves"] not in Page(render_html(replace(full(), curves=curves))).words


@pytest.mark.parametrize(
    ("language", "words"), [("en", "95 % interval not known"), ("id", "interval 95 % tidak diketahui")]
)
def test_an_interval_of_no_width_is_told_as_unknown(language: Language, words: str) -> None:
    data = full("word")
    assert data.choice is not None
    flat = tuple(replace(one, score=Sure(1.0, 1.0, 1.0)) for one in data.choice.candidates)
    page = render_html(replace(data, choice=replace(data.choice, candidates=flat)), language)
    assert words in page
    assert "1.000 to 1.000" not in page
    assert "1.000–1.000" not in page
