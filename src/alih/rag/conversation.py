"""Conversation: follow-up questions are made whole before they are searched for."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

from alih.rag.analyse import is_stop_word, words
from alih.rag.answer import Answer, answer
from alih.rag.generator import Generator
from alih.rag.opened import Opened

_OPENS = re.compile(
    r"^\s*(?:and|but|so|then|what about|how about|what if|or|dan|tapi|tetapi|lalu|terus|"
    r"bagaimana (?:dengan|kalau|jika)|kalau|jika|gimana|atau|untuk)\b",
    re.IGNORECASE,
)
_POINTS = frozenset(
    [
        *("it", "its", "they", "them", "their", "that", "this", "those", "these", "he", "she", "his", "her", "there"),
        *("one", "ones", "itu", "ini", "tersebut", "dia", "ia", "mereka", "nya", "sana", "situ"),
    ]
)
_FEW_WORDS = 3
#: Words that look like pointers, and point to nothing before the question: "are there", "this year", "apa itu …",
#: and adverbs of Indonesian that end in -nya.
_INSIDE = re.compile(
    r"\b(?:is|are|was|were|be|been|isn't|aren't)\s+there\b(?=\s+\w)|\bthere\s+(?:is|are|was|were|will|has|have)\b"
    r"|\b(?:this|these)\s+(?:day|days|week|weeks|month|months|quarter|year|years|morning|evening)\b"
    r"|\b(?:apa|siapa|mana)(?:kah)?\s+(?:itu|ini)\b(?=\s+\w)|\b(?:hari|minggu|bulan|tahun|saat|kali)\s+ini\b"
    r"|\b(?:how|the|which|any|no|every)\s+(?:many\s+|one\b)|\bone\s+(?:of|day|week|month|year|hour)\b"
    r"|\b(?:biasanya|sebenarnya|misalnya|seharusnya|akhirnya|umumnya|setidaknya|sebaiknya|sebelumnya|lainnya|hanya|tanya"
    r"|bertanya|punya|mempunyai)\b",
    re.IGNORECASE,
)
#: "documents that I need": after a noun, which is no word that says nothing.
_RELATIVE = re.compile(r"\b(\w+)\s+that\s+\w", re.IGNORECASE)
#: "Who signs the form and its copy?": the thing of a possessive stands before it in the question itself.
_POSSESSIVE = re.compile(r"\b(?:its|their|his|her)\b", re.IGNORECASE)
#: "What about sick leave?": the thing that takes another one's place.
_INSTEAD = re.compile(
    r"^\s*(?:(?:and|but|so|then|dan|tapi|tetapi|lalu|terus)\s+)?"
    r"(?:what about|how about|and|dan|kalau|(?:bagaimana|gimana)(?: dengan| kalau)?)\s+(?:the\s+|a\s+)?(.+?)[\s?.!]*$",
    re.IGNORECASE,
)
_MOST_INSTEAD = 4
#: A clause of its own, not a thing, begins so.
_CLAUSES = frozenset(
    [
        *(
            "who",
            "whom",
            "whose",
            "what",
            "when",
            "where",
            "why",
            "how",
            "which",
            "is",
            "are",
            "was",
            "were",
            "do",
            "does",
        ),
        *("did", "has", "have", "had", "can", "could", "may", "might", "must", "shall", "should", "will", "would"),
        *(
            "siapa",
            "siapakah",
            "apa",
            "apakah",
            "kapan",
            "mana",
            "di",
            "dimana",
            "ke",
            "mengapa",
            "kenapa",
            "bagaimana",
        ),
        *("berapa", "berapakah", "adakah", "bisakah", "bolehkah", "haruskah"),
    ]
)


def rewrite(question: str, previous: str) -> str:
    """Make a follow-up whole: what it asks about takes its place in the question before, or that is put in front of it.

    Args:
        question: as it was asked.
        previous: the question before it, itself whole; empty at the start.

    Returns:
        the question unchanged where it stands by itself: long enough, pointing back to nothing, opening as one does.
    """
    told = words(question)
    pointing = words(_without_own(question))
    points = bool(_POINTS.intersection(pointing)) or any(len(one) > 5 and one.endswith("nya") for one in pointing)
    if not previous or not (_OPENS.match(question) or points or len(told) < _FEW_WORDS):
        return question
    return _instead(question, previous) or f"{previous.rstrip(' ?')}: {question}"


def _without_own(question: str) -> str:
    """A question without the pointers that it explains itself."""
    plain = _INSIDE.sub(" ", question)
    plain = _RELATIVE.sub(lambda found: " " if not is_stop_word(found[1].lower()) else found[0], plain)
    found = _POSSESSIVE.search(plain)
    if found and any(not is_stop_word(word) for word in words(plain[: found.start()])[1:]):
        plain = _POSSESSIVE.sub(" ", plain)
    return plain


def _instead(question: str, previous: str) -> str:
    """The question before about another thing of the same kind; empty where none is named.

    "How many days of annual leave are there?", "What about sick leave?": "How many days of sick leave are there?"
    """
    told = _INSTEAD.match(question)
    thing = words(told[1]) if told else []
    if told is None or not 1 < len(thing) <= _MOST_INSTEAD:
        return ""
    spoken = re.findall(r"\w+", told[1].lower())
    if spoken[0] in _CLAUSES or _POINTS.intersection(spoken):
        return ""
    before = list(re.finditer(r"\w+(?:['’]\w+)?", previous))
    plain = [(words(one[0]) or [""])[0] for one in before]
    shared = [word for word in thing if word in plain and not is_stop_word(word)]
    if not shared:
        return ""
    at, inside = plain.index(shared[0]), thing.index(shared[0])
    first = last = at
    while first > max(at - inside, 0) and not is_stop_word(plain[first - 1]):
        first -= 1
    while last < min(at - inside + len(thing), len(plain)) - 1 and not is_stop_word(plain[last + 1]):
        last += 1
    return previous[: before[first].start()] + told[1].strip() + previous[before[last].end() :]


class Conversation:
    """Questions that follow on one another.

    Args:
        library: that answers.
        access, tags, generator, **options: as for `alih.rag.library.Library.ask`.
    """

    def __init__(
        self,
        library: Opened,
        *,
        access: Collection[str] = (),
        tags: Collection[str] = (),
        generator: Generator | None = None,
        threshold: float | None = None,
        **options: Any,
    ) -> None:
        self._library = library
        self._access = access
        self._tags = tags
        self._generator = generator
        self._threshold = threshold
        self._options = library.settings.retrieval.but(**options)
        self._subject = ""
        self.answers: list[Answer] = []

    def ask(self, question: str) -> Answer:
        """Answer the next question; `Answer.searched` says what it was taken to mean."""
        whole = rewrite(question, self._subject)
        made = answer(
            self._library,
            question,
            self._options,
            access=self._access,
            tags=self._tags,
            generator=self._generator,
            threshold=self._threshold,
            searched="" if whole == question else whole,
        )
        if whole == question:
            self._subject = question  # a follow-up changes the detail, not the subject
        self.answers.append(made)
        return made
