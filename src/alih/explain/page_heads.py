"""Sections 3 and 4 of the page: one head worked out with its numbers, and the maps of all heads."""

from __future__ import annotations

from torch import Tensor

from alih.compare.report.svg import Markup, tag, text
from alih.explain import maps
from alih.explain.capture import Attention, Role
from alih.explain.explanation import Explanation
from alih.explain.view import View
from alih.explain.words import Words

#: Keys of the worked query, and numbers of a vector, that are written out.
KEYS, NUMBERS = 12, 4


def worked_heads(explanation: Explanation, seen: View, say: Words) -> list[Markup]:
    """Section 3: for each kind of attention Q, K, V, scores, weights, and one query worked out."""
    parts = [tag("p", text(say("qkv_help")), class_="help")]
    for role in explanation.roles:
        attention = explanation.of(role)[explanation.layer]
        parts.append(tag("h3", text(role_name(explanation, role, say))))
        parts.append(_formula(attention))
        parts.append(tag("div", *_projections(attention, explanation.head, role, seen, say), class_="three"))
        parts.append(
            tag(
                "div",
                *_before_after(attention, explanation.head, role, seen, say),
                class_="two long" if seen.long else "two",
            )
        )
        parts.append(_worked(explanation, attention, explanation.head, say))
    return parts


def every_head(explanation: Explanation, seen: View, say: Words) -> list[Markup]:
    """Section 4: small maps of every head of every layer."""
    parts = [tag("p", text(say("maps_help")), class_="help")]
    for role in explanation.roles:
        parts.append(tag("h3", text(role_name(explanation, role, say))))
        for attention in explanation.of(role):
            row = f"{role}-{attention.layer + 1}"
            parts.append(tag("p", text(say("layer", layer=attention.layer + 1)), class_="help", id=row))
            figures = [
                _small(explanation, attention, head, seen, say) for head in range(int(attention.weights.shape[0]))
            ]
            parts.append(tag("div", *figures, class_="heads"))
    return parts


def role_name(explanation: Explanation, role: Role, say: Words) -> str:
    """What an attention is called; "of the encoder" only where there is a decoder, too."""
    return say(f"role_{role}" if explanation.target else f"role_alone_{role}")


def _formula(attention: Attention) -> Markup:
    width = int(attention.query.shape[-1])
    root = f"√{width}" if attention.scale != 1 else ""
    inner = f"QKᵀ/{root}" if root else "QKᵀ"
    if root and abs(attention.scale - width**-0.5) > 1e-6:
        inner = f"QKᵀ · {attention.scale:.4g}"
    more = (" + B" if attention.bias is not None else "") + (" + M" if attention.mask is not None else "")
    return tag("p", text(f"softmax({inner}{more}) V"), class_="formula")


def _projections(attention: Attention, head: int, role: Role, seen: View, say: Words) -> list[Markup]:
    queries, keys = seen.axes(role)
    found = []
    for name, values, rows in (
        ("Q", attention.query[head], queries),
        ("K", attention.key[head], keys),
        ("V", attention.value[head], keys),
    ):
        drawn, limit = maps.vectors(values[: seen.most], name, rows, seen.cell)
        told = say("shape", rows=values.shape[0], columns=values.shape[1], limit=f"{limit:.3g}")
        found.append(
            tag(
                "figure",
                tag("h3", text(name)),
                tag("div", drawn, class_="plot"),
                tag("figcaption", text(told), class_="help"),
                class_="card open",
            )
        )
    return found


def _before_after(attention: Attention, head: int, role: Role, seen: View, say: Words) -> list[Markup]:
    axes = seen.axes(role)
    raw = attention.scores[head][: seen.most, : seen.most]
    after = attention.weights[head][: seen.most, : seen.most]
    drawn = (
        ("before", maps.scores(raw, say("before"), axes, seen.cell)),
        ("after", maps.weights(after, say("after"), axes, seen.cell, numbers=True)),
    )
    return [
        tag(
            "figure",
            tag("h3", text(say(key))),
            tag("div", plot, class_=f"plot of-{axes[1]}"),
            tag("figcaption", text(say(f"{key}_help")), class_="help"),
            class_="card open",
        )
        for key, plot in drawn
    ]


def _worked(explanation: Explanation, attention: Attention, head: int, say: Words) -> Markup:
    queries, keys = explanation.sides(attention.role)
    place = worked_place(explanation, attention.role)
    query, key, value = attention.query[head, place], attention.key[head], attention.value[head]
    products = key @ query  # (k,)
    scores, shares = attention.scores[head, place], attention.weights[head, place]
    biases = None if attention.bias is None else attention.bias[head, place]
    visible = [k for k in range(len(keys)) if bool(scores[k].isfinite())]
    order = sorted(sorted(visible, key=lambda k: -float(shares[k]))[:KEYS])
    scale = "q·k" if attention.scale == 1 else f"q·k × {attention.scale:.4g}"
    names = [say("key_token"), "q·k", scale + (say("bias_word") if biases is not None else ""), say("weight")]
    names.append(say("value"))
    heading = tag("tr", *(tag("th", text(name), scope="col") for name in names))
    rows = [
        tag(
            "tr",
            tag("th", text(keys[k].text), scope="row"),
            tag("td", text(_number(float(products[k])))),
            tag("td", text(_number(float(scores[k])))),
            tag("td", text(f"{float(shares[k]):.4f}")),
            tag("td", text(_numbers(value[k]) + ", …")),
            class_="line",
        )
        for k in order
    ]
    told = say("worked_help", numbers=_numbers(query), width=len(query))
    parts = [
        tag("h3", text(say("worked", token=queries[place].text, place=place + 1))),
        tag("p", text(told), class_="help"),
    ]
    if len(order) < len(visible):
        parts.append(tag("p", text(say("worked_some", shown=len(order), all=len(visible))), class_="help"))
    parts.append(
        tag("div", tag("table", tag("thead", heading), tag("tbody", *rows), class_="compact"), class_="scroll")
    )
    parts.append(tag("p", text(say("output", numbers=_numbers(shares @ value)))))
    return tag("div", *parts, class_="card")


def worked_place(explanation: Explanation, role: Role) -> int:
    """The query that is worked out: the last word that was read or written, rather than a special token."""
    queries, _ = explanation.sides(role)
    words = [place for place, token in enumerate(queries) if token.kind in ("word", "piece", "byte")]
    read = [place for place in words if explanation.target or not queries[place].generated]
    return (read or words or [len(queries) - 1])[-1]


def _small(explanation: Explanation, attention: Attention, head: int, seen: View, say: Words) -> Markup:
    role, layer = attention.role, attention.layer + 1
    name = f"{role}-{layer}-{head + 1}"
    axes = seen.axes(role)
    told = say("open_map", role=role_name(explanation, role, say), layer=layer, head=head + 1)
    shown = attention.weights[head][: seen.most, : seen.most]
    picked = attention.layer == explanation.layer and head == explanation.head
    return tag(
        "figure",
        tag("a", text(say("close")), href=f"#{role}-{layer}", class_="close"),
        tag(
            "a",
            maps.weights(shown, told, axes, seen.cell),
            href=f"#{name}",
            class_=f"plot of-{axes[1]}",
            aria_label=told,
        ),
        tag(
            "figcaption",
            tag("span", text(say("in_layer", layer=layer)), class_="big"),
            text(say("head", head=head + 1)),
        ),
        class_="head" + (" picked" if picked else "") + (" many" if seen.long else ""),
        id=name,
    )


def _numbers(vector: Tensor) -> str:
    return ", ".join(_number(float(value)) for value in vector[:NUMBERS])


def _number(value: float) -> str:
    return "−∞" if value == float("-inf") else f"{value:.3f}".replace("-", "−")
