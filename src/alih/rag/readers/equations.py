"""Office Math (ECMA-376 part 1, chapter 22) as one line of text: fractions as a/b, powers as a^b."""

from __future__ import annotations

from typing import TYPE_CHECKING

from alih.rag.readers.archive import attribute, child, local

if TYPE_CHECKING:
    from lxml.etree import _Element

_PROPERTIES = "Pr"


def equation(node: _Element) -> str:
    """The text of an equation, from its m:oMath element or any part of one."""
    kind = local(node)
    if kind == "t":
        return node.text or ""
    if kind == "f":
        return f"{_grouped(node, 'num')}/{_grouped(node, 'den')}"
    if kind in {"sSup", "sSub", "sSubSup"}:
        below = f"_{_grouped(node, 'sub')}" if kind != "sSup" else ""
        above = f"^{_grouped(node, 'sup')}" if kind != "sSub" else ""
        return _part(node, "e") + below + above
    if kind == "rad":
        degree = _part(node, "deg")
        return f"{f'{degree}-' if degree else ''}√({_part(node, 'e')})"
    if kind == "nary":
        sign = child(node, "naryPr", "chr")
        bounds = "".join(f"{mark}{_grouped(node, at)}" for mark, at in (("_", "sub"), ("^", "sup")) if _part(node, at))
        return f"{attribute(sign, 'val') if sign is not None else '∫'}{bounds} {_part(node, 'e')}"
    if kind == "d":
        marks = {name: child(node, "dPr", name) for name in ("begChr", "endChr")}
        opens, closes = (
            attribute(mark, "val") if mark is not None else default
            for mark, default in zip(marks.values(), "()", strict=True)
        )
        return opens + ", ".join(equation(one) for one in node if local(one) == "e") + closes
    if kind == "m":
        return "[" + "; ".join(", ".join(equation(one) for one in row) for row in node if local(row) == "mr") + "]"
    return "".join(equation(one) for one in node if not local(one).endswith(_PROPERTIES))


def _part(node: _Element, name: str) -> str:
    found = child(node, name)
    return equation(found) if found is not None else ""


def _grouped(node: _Element, name: str) -> str:
    told = _part(node, name)
    return told if len(told) < 2 or told.isalnum() else f"({told})"
