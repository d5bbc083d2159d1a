"""The JSON of `alih explain`, version 1: what stands under which key.

schema          "alih.explain/1"; a change that breaks readers raises the number
model, family   the model's name; its architecture
kind            "encoder", "masked", "causal" or "translator"
text, written   the text; what came out ("" where nothing is written)
cut_from        tokens the text had before it was cut; null if it was not
shown           tokens along one edge of a matrix; longer texts are cut there
tokens, target  [{text, piece, id, kind, generated}]; target is empty without a decoder of its own
embedded        [{side, positions, scale, exact, token, position, entering, angles}]: matrices (tokens × first 48
                dimensions), null where there is none
attention       [{role, layer, scale, weights}]: weights (heads × queries × keys), layers from 1
worked          [{role, layer, head, query, key, value, scores, weights}]: one head, scores null where −∞
steps           [{place, token, probability, top: [{token, probability}], looked_at}]: looked_at (keys), last layer,
                mean of its heads
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from torch import Tensor

from alih.explain.capture import Attention
from alih.explain.embedding import Embedded
from alih.explain.explanation import Explanation
from alih.explain.page_input import DIMENSIONS
from alih.explain.steps import Step
from alih.explain.view import view

SCHEMA = "alih.explain/1"
_DIGITS = 5


def as_dict(explanation: Explanation) -> dict[str, Any]:
    """Everything that the page shows, as plain values; numbers rounded to five decimals."""
    seen = view(explanation)
    worked = [explanation.of(role)[explanation.layer] for role in explanation.roles]
    return {
        "schema": SCHEMA,
        "model": explanation.model,
        "family": explanation.family,
        "kind": explanation.kind,
        "text": explanation.text,
        "written": explanation.written,
        "given": explanation.given,
        "cut_from": explanation.cut_from,
        "shown": seen.most,
        "tokens": [asdict(token) for token in explanation.tokens],
        "target": [asdict(token) for token in explanation.target],
        "embedded": [_embedded(one, seen.most) for one in explanation.embedded],
        "attention": [
            {
                "role": one.role,
                "layer": one.layer + 1,
                "scale": one.scale,
                "weights": plain(one.weights[:, : seen.most, : seen.most]),
            }
            for one in explanation.attention
        ],
        "worked": [_worked(one, explanation.head, seen.most) for one in worked],
        "steps": [_step(step) for step in explanation.steps],
    }


def plain(values: Tensor | None) -> Any:
    """Nested lists of rounded numbers; None for nothing and for −∞, which JSON does not know."""
    return None if values is None else _rounded(values.tolist())


def _rounded(value: Any) -> Any:
    if isinstance(value, list):
        return [_rounded(one) for one in value]
    return round(value, _DIGITS) if math.isfinite(value) else None


def _embedded(one: Embedded, most: int) -> dict[str, Any]:
    cut = {
        name: plain(None if values is None else values[:most, :DIMENSIONS])
        for name, values in (
            ("token", one.token),
            ("position", one.position),
            ("entering", one.entering),
            ("angles", one.angles),
        )
    }
    return {"side": one.side, "positions": one.positions, "scale": one.scale, "exact": one.exact, **cut}


def _worked(one: Attention, head: int, most: int) -> dict[str, Any]:
    return {
        "role": one.role,
        "layer": one.layer + 1,
        "head": head + 1,
        "query": plain(one.query[head, :most]),
        "key": plain(one.key[head, :most]),
        "value": plain(one.value[head, :most]),
        "scores": plain(one.scores[head, :most, :most]),
        "weights": plain(one.weights[head, :most, :most]),
    }


def _step(step: Step) -> dict[str, Any]:
    return {
        "place": step.place,
        "token": asdict(step.token),
        "probability": round(step.probability, _DIGITS),
        "top": [{"token": asdict(one.token), "probability": round(one.probability, _DIGITS)} for one in step.top],
        "looked_at": plain(step.looked_at[-1].mean(0)),
    }
