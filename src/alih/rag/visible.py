"""Characters that nobody sees, taken out of documents and questions before anything is searched, embedded or shown."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

_JOINERS: Final = "\u200c\u200d"
#: Marks that are no format characters (Cf) to Unicode, but show nothing: fillers, and selectors of a glyph's form.
_MORE: Final = "\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
_UNSEEN: Final = re.compile(
    "["
    + "".join(
        re.escape(chr(code))
        for code in (*range(0x3000), *range(0xFE00, 0x10000), *range(0x1BCA0, 0x1BCA4), *range(0x1D173, 0x1D17B))
        if unicodedata.category(chr(code)) in {"Cf", "Cc"} and chr(code) not in "\n\t"
    )
    + _MORE
    + "\U000e0000-\U000e007f]+"
)


def visible(text: str) -> str:
    """Drop soft hyphens, zero-width spaces, marks of direction and the like; control characters become spaces.

    A joiner stays between letters whose form it decides (Persian, Indic scripts) and between the parts of an emoji.
    """
    if text.isascii() and text.replace("\n", " ").replace("\t", " ").isprintable():
        return text
    return _UNSEEN.sub(_left, text)


def _left(found: re.Match[str]) -> str:
    unseen = found[0]
    if any(unicodedata.category(sign) == "Cc" for sign in unseen):
        return " "
    joiner = next((sign for sign in unseen if sign in _JOINERS), "")
    around = found.string[found.start() - 1 : found.start()] + found.string[found.end() : found.end() + 1]
    return joiner if len(around) == 2 and all(map(_is_shaped, around)) else ""


def _is_shaped(sign: str) -> bool:
    """Whether a sign is of a script that joiners belong to: neither Latin, Greek, Cyrillic nor Chinese."""
    return ("\u0590" <= sign < "\u1e00" and unicodedata.category(sign)[0] in "LM") or sign >= "\U0001f000"
