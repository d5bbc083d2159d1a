"""Section 5 of the page: each token as it comes out, its rivals, and where the model looked."""

from __future__ import annotations

from alih.compare.report.svg import Markup, tag, text
from alih.explain.explanation import Explanation
from alih.explain.steps import Candidate, Step
from alih.explain.style import STRENGTHS
from alih.explain.words import Words


def steps(explanation: Explanation, say: Words) -> list[Markup]:
    """Section 5."""
    parts = [tag("p", text(say(f"steps_{explanation.kind}_help")), class_="help")]
    if explanation.given:
        parts.append(tag("p", text(say("steps_given")), class_="help"))
    if explanation.written:
        parts.append(tag("p", text(say("result", text=explanation.written)), class_="said"))
    items = [_step(explanation, step) for step in explanation.steps]
    parts.append(tag("ol", *items, class_="steps"))
    return parts


def _step(explanation: Explanation, step: Step) -> Markup:
    return tag(
        "li",
        tag(
            "p",
            tag("span", text(step.token.text), class_="out"),
            tag("br"),
            tag("small", text(f"{step.probability:.1%} · id {step.token.id}"), class_="soft"),
        ),
        _bars(step.top),
        tag("p", *_looked(explanation, step), class_="strip"),
        class_="step",
    )


def _bars(top: list[Candidate]) -> Markup:
    parts = []
    for row, one in enumerate(top):
        y = 15 * row
        parts += [
            tag("text", text(one.token.text[:14]), x=88, y=y + 11, text_anchor="end"),
            tag("rect", x=94, y=y + 2, width=max(1.0, 110 * one.probability), height=11, rx=2),
            tag("text", text(f"{one.probability:.1%}"), x=98 + max(1.0, 110 * one.probability), y=y + 11, class_="p"),
        ]
    said = ", ".join(f"{one.token.text}: {one.probability:.1%}" for one in top)
    return tag("svg", *parts, viewBox=f"0 0 250 {15 * len(top)}", class_="bars", role="img", aria_label=said)


def _looked(explanation: Explanation, step: Step) -> list[Markup]:
    mean = step.looked_at[-1].mean(0).tolist()  # the last layer
    found = []
    for token, weight in zip(explanation.tokens, mean, strict=False):
        level = round(STRENGTHS * min(1.0, weight) ** 0.5)
        found.append(tag("span", text(token.text), class_=f"w{level}", title=f"{weight:.3f}"))
        found.append(Markup(" "))
    return found
