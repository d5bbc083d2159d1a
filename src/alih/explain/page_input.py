"""Sections 1 and 2 of the page: tokens with their ids, and what enters the first block."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from alih.compare.report.svg import Markup, tag, text
from alih.explain import maps
from alih.explain.embedding import Embedded
from alih.explain.explanation import Explanation
from alih.explain.tokens import Token
from alih.explain.view import View
from alih.explain.words import Words

#: Dimensions of an embedding that are drawn.
DIMENSIONS = 48


def tokens(explanation: Explanation, say: Words) -> list[Markup]:
    """Section 1."""
    parts = [tag("p", text(say("tokens_help")), class_="help")]
    if any(token.generated for token in (*explanation.tokens, *explanation.target)):
        parts.append(tag("p", text(say("written_new")), class_="help"))
    if explanation.target:
        parts.append(tag("h3", text(say("source"))))
    parts.append(_list(explanation.tokens))
    if explanation.target:
        parts += [tag("h3", text(say("target"))), _list(explanation.target)]
    return parts


def _list(shown: Sequence[Token]) -> Markup:
    items = [
        tag(
            "li",
            tag("b", text(token.text)),
            tag("small", text(token.id)),
            class_=f"{token.kind} new" if token.generated else token.kind,
            title=token.piece,
        )
        for token in shown
    ]
    return tag("ol", *items, class_="tokens")


def embeddings(explanation: Explanation, seen: View, say: Words) -> list[Markup]:
    """Section 2."""
    parts = [tag("p", text(say("colours")), class_="help")]
    for one in explanation.embedded:
        if len(explanation.embedded) > 1:
            parts.append(tag("h3", text(say(f"side_{one.side}"))))
        parts.append(tag("p", text(say(f"pos_{one.positions}", head=explanation.head + 1))))
        rows = "target" if explanation.target and one.side == "decoder" else "text"
        parts.append(tag("div", *_figures(one, rows, seen, explanation.head, say), class_="three"))
    return parts


def _figures(one: Embedded, rows: str, seen: View, head: int, say: Words) -> list[Markup]:
    name = say("token_map") if one.scale == 1 else say("token_scaled", scale=f"{one.scale:.4g}")
    figures = [_matrix(one.token, name, rows, seen, say)]
    if one.position is not None:
        figures.append(_matrix(one.position, say("position_map"), rows, seen, say))
    if one.angles is not None:
        figures.append(_matrix(one.angles, say("angles_map"), rows, seen, say))
    if one.bias is not None:
        shown = one.bias[head][: seen.most, : seen.most]
        drawn = maps.scores(shown, say("bias_map"), (rows, rows), seen.cell)
        limit = f"{float(shown.abs().max()):.3g}"
        figures.append(_figure(say("bias_map"), say("range", limit=limit), drawn, f"plot of-{rows}"))
    if one.position is not None or not one.exact:
        entering = say("sum_map" if one.exact else "norm_map")
        figures.append(_matrix(one.entering, entering, rows, seen, say))
    return figures


def _matrix(values: Tensor, name: str, rows: str, seen: View, say: Words) -> Markup:
    shown = values[: seen.most, :DIMENSIONS]
    drawn, limit = maps.vectors(shown, name, rows, seen.cell)
    told = say("dims", shown=shown.shape[1], all=values.shape[1], limit=f"{limit:.3g}")
    return _figure(name, told, drawn)


def _figure(name: str, told: str, drawn: Markup, kind: str = "plot") -> Markup:
    return tag(
        "figure",
        tag("h3", text(name)),
        tag("div", drawn, class_=kind),
        tag("figcaption", text(told), class_="help"),
        class_="card open",
    )
