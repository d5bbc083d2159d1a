"""The page of `alih explain`: self-contained HTML without any script, every text of the user escaped."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Literal

from alih.compare.report.svg import Markup, tag, text
from alih.explain import maps
from alih.explain.explanation import MOST_TOKENS, Explanation
from alih.explain.page_heads import every_head, worked_heads
from alih.explain.page_input import embeddings, tokens
from alih.explain.page_steps import steps
from alih.explain.style import sheet
from alih.explain.view import View, view
from alih.explain.words import Words, words
from alih.version import VERSION

_LONGEST_TITLE = 60


def render(explanation: Explanation, lang: Literal["en", "id"] = "en") -> str:
    """Render the page.

    Args:
        explanation: what to show.
        lang: English or Indonesian.

    Raises:
        OptionError: there is no page in that language.
    """
    say, seen = words(lang), view(explanation)
    style = sheet({"text": len(seen.tokens) * seen.cell, "target": len(seen.target) * seen.cell})
    title = say("title", model=_named(explanation.model), text=_short(explanation.text))
    sections = [
        ("tokens", "tokens", tokens(explanation, say)),
        ("embedding", "embedding", embeddings(explanation, seen, say)),
        ("qkv", "qkv", worked_heads(explanation, seen, say)),
        ("maps", "maps", every_head(explanation, seen, say)),
    ]
    if explanation.steps:
        sections.append(("steps", f"steps_{explanation.kind}", steps(explanation, say)))
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=_policy(style)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", text(title)),
        tag("style", Markup(style)),
    )
    places = {"layer": explanation.layer + 1, "head": explanation.head + 1}
    links = [tag("li", tag("a", text(say(key, **places)), href=f"#{anchor}")) for anchor, key, _ in sections]
    body = tag(
        "body",
        tag(
            "header",
            *_top(explanation, seen, title, say),
            tag("nav", tag("ul", *links), aria_label=say("contents")),
            class_="top",
        ),
        _axes(seen),
        tag(
            "main",
            *(
                tag("section", tag("h2", text(say(key, **places))), *parts, id=anchor)
                for anchor, key, parts in sections
            ),
        ),
        tag("footer", text(say("made_by", version=VERSION))),
    )
    return f"<!doctype html>\n{tag('html', head, body, lang=lang)}\n"


def _policy(style: str) -> str:
    """Nothing may be loaded or run; the style sheet is allowed by its digest, pictures only from within."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"


def _top(explanation: Explanation, seen: View, title: str, say: Words) -> list[Markup]:
    first = explanation.attention[0]
    layers = len(explanation.of(first.role))
    parts = [
        tag("p", text(say("kicker")), class_="kicker"),
        tag("h1", text(title)),
        tag(
            "p",
            text(say("facts", family=explanation.family, layers=layers, heads=first.weights.shape[0])),
            class_="soft",
        ),
    ]
    if explanation.cut_from is not None:
        kept = sum(not token.generated for token in explanation.tokens)
        parts.append(tag("p", text(say("cut", had=explanation.cut_from, kept=kept, limit=MOST_TOKENS)), class_="alert"))
    longest = max(len(explanation.tokens), len(explanation.target))
    if longest > seen.most:
        parts.append(tag("p", text(say("shown", shown=seen.most, all=longest)), class_="alert"))
    return parts


def _axes(seen: View) -> Markup:
    drawn = [maps.axis("text", seen.tokens, seen.cell)]
    if seen.target:
        drawn.append(maps.axis("target", seen.target, seen.cell))
    return tag("div", *drawn, aria_hidden="true")


def _named(model: str) -> str:
    """A built-in model or one of the Hub by its name, a folder by its last part."""
    return Path(model).resolve().name if Path(model).is_dir() else model


def _short(said: str) -> str:
    line = " ".join(said.split())
    return line if len(line) <= _LONGEST_TITLE else line[: _LONGEST_TITLE - 1] + "…"
