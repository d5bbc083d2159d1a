"""When two texts count as the same: letter case, white space, typography and trailing punctuation aside.

Nothing looser: passages that differ in one word or number ("after 24 months", "after 36 months") say different things,
and a measure of similarity would throw one of them away.
"""

from __future__ import annotations

import re
import unicodedata

_TYPOGRAPHY = str.maketrans({"“": '"', "”": '"', "„": '"', "’": "'", "‘": "'", "–": "-", "—": "-", "‐": "-", "…": "."})
_LOOSE = re.compile(
    r"(?<![.,;:!?'\"()*_`#|])[.,;:!?'\"()*_`#|]++(?=\s|$)|(?<=\s)[.,;:!?'\"()*_`#|]+|^[.,;:!?'\"()*_`#|]+"
)


def fold(text: str) -> str:
    """Return what is compared instead of a text."""
    plain = unicodedata.normalize("NFKC", text).translate(_TYPOGRAPHY).casefold()
    return " ".join(_LOOSE.sub(" ", plain).split())
