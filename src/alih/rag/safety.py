"""What may leave in an answer: no picture, no link that the passages do not hold, no mark that could pass for an order.

Passages are data. Whatever they say, they reach a language model between marks that they cannot forge, and nothing that
it writes is shown before it went through here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence

_IMAGE = re.compile(r"!\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])?")
_LINK = re.compile(r"\[([^\]]*)\]\(\s*<?([^)\s>]*)>?[^)]*\)")
_TAG = re.compile(r"<(?=[a-zA-Z/!])[^>]*>?")
_REFERENCE = re.compile(r"^\s*\[[^\]]+\]:\s*\S+.*$", re.MULTILINE)
_ADDRESS = re.compile(
    r"(?:\b[a-z][a-z0-9+.-]*://|(?<![\w:/])//(?=\w)|\bwww\.|\b(?:mailto|javascript|data):)[^\s<>\"')\]]+", re.IGNORECASE
)
#: Tokens by which chat models tell speakers apart; none of them is ever part of a text.
_SPEAKERS = re.compile(r"<\|[^|>\n]{1,40}\|>|</?s>|\[/?INST\]|<</?SYS>>|<(?:start|end)_of_turn>", re.IGNORECASE)
_MARK = re.compile(r"</?\s*(?:passages?|question|answer|right_answers|system|user|assistant)\b[^>]*>?", re.IGNORECASE)


def addresses(text: str) -> set[str]:
    """Every link in a text, without the punctuation that follows it."""
    return {_bare(found) for found in _ADDRESS.findall(text)}


def clean_answer(text: str, passages: Iterable[str]) -> str:
    """Take out of a written answer: pictures, markup, links that no passage holds, invisible characters.

    Args:
        text: what a language model wrote.
        passages: what it was given.
    """
    allowed: set[str] = set()
    for passage in passages:
        allowed |= addresses(passage)
    # Marks go first: taking one out of the middle could close up a link.
    plain = _until_still(lambda told: _TAG.sub("", _SPEAKERS.sub("", told)), _invisible_away(text))
    plain = _REFERENCE.sub("", _IMAGE.sub(lambda found: found.group(1), plain))
    plain = _LINK.sub(lambda found: _linked(found.group(1), found.group(2), allowed), plain)
    plain = _ADDRESS.sub(lambda found: found.group() if _bare(found.group()) in allowed else "[link removed]", plain)
    return _inert(plain)


def quoted(text: str) -> str:
    """A verbatim quotation as it may be shown: pictures become their description, which no viewer fetches."""
    return _IMAGE.sub(lambda found: found.group(1), _invisible_away(text)).replace("![", "[")


def as_data(text: str, special: Sequence[str] = ()) -> str:
    """A passage as a language model may read it: without its marks, speaker tokens and invisible characters.

    Args:
        text: of the passage (or the question).
        special: further tokens that the model takes as more than text.
    """
    plain = _until_still(lambda told: _MARK.sub(" ", _SPEAKERS.sub(" ", told)), _invisible_away(text))
    for token in sorted(special, key=len, reverse=True):
        if token.strip():
            plain = plain.replace(token, " ")
    return plain


def _inert(text: str) -> str:
    """Leave no Markdown link or picture: brackets in brackets escape the patterns above, not this."""
    return text.replace("![", "[").replace("](", "] (").replace("][", "] [")


def _until_still(change: Callable[[str], str], text: str) -> str:
    """Apply a change until it changes nothing: what is inside a mark may be another one."""
    while (changed := change(text)) != text:
        text = changed
    return text


def _linked(words: str, address: str, allowed: set[str]) -> str:
    return f"{words} ({address})" if _bare(address) in allowed else words


def _bare(address: str) -> str:
    return address.rstrip(".,;:!?*_`'\"")


def _invisible_away(text: str) -> str:
    """Drop characters that nobody sees (zero width, direction, tags): they can carry orders, or cut a filter's word."""
    return "".join(one for one in text if one in "\n\t" or unicodedata.category(one) not in {"Cf", "Cc", "Co", "Cs"})
