"""From a text to the terms that lexical search counts, in English and Indonesian."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Any, Literal

from alih.rag.extras import needs
from alih.rag.visible import visible

Language = Literal["en", "id", "both"]
LANGUAGES: tuple[Language, ...] = ("en", "id", "both")

_WORD = re.compile(r"\w+(?:['’]\w+)?")
_ENGLISH = frozenset(
    [
        "a",
        "about",
        "after",
        "all",
        "also",
        "am",
        "an",
        "and",
        "any",
        "are",
        "as",
        "at",
        "be",
        "because",
        "been",
        "before",
        "being",
        "between",
        "both",
        "but",
        "by",
        "can",
        "could",
        "did",
        "do",
        "does",
        "doing",
        "down",
        "during",
        "each",
        "few",
        "for",
        "from",
        "further",
        "had",
        "has",
        "have",
        "having",
        "he",
        "her",
        "here",
        "hers",
        "him",
        "his",
        "how",
        "i",
        "if",
        "in",
        "into",
        "is",
        "it",
        "its",
        "just",
        "me",
        "more",
        "most",
        "my",
        "no",
        "nor",
        "not",
        "of",
        "off",
        "on",
        "once",
        "only",
        "or",
        "other",
        "our",
        "out",
        "over",
        "own",
        "same",
        "she",
        "should",
        "so",
        "some",
        "such",
        "than",
        "that",
        "the",
        "their",
        "them",
        "then",
        "there",
        "these",
        "they",
        "this",
        "those",
        "through",
        "to",
        "too",
        "under",
        "until",
        "up",
        "very",
        "was",
        "we",
        "were",
        "what",
        "when",
        "where",
        "which",
        "while",
        "who",
        "whom",
        "why",
        "will",
        "with",
        "would",
        "you",
        "your",
    ]
)
_INDONESIAN = frozenset(
    [
        "ada",
        "adalah",
        "agar",
        "akan",
        "anda",
        "antara",
        "apa",
        "apabila",
        "apakah",
        "atas",
        "atau",
        "bagaimana",
        "bagi",
        "bahwa",
        "banyak",
        "beberapa",
        "belum",
        "berapa",
        "berupa",
        "bila",
        "bisa",
        "bukan",
        "dalam",
        "dan",
        "dapat",
        "dari",
        "daripada",
        "dengan",
        "di",
        "dia",
        "dimana",
        "hanya",
        "harus",
        "hingga",
        "ia",
        "ialah",
        "ini",
        "itu",
        "jika",
        "juga",
        "kalau",
        "kami",
        "kapan",
        "karena",
        "ke",
        "kepada",
        "ketika",
        "kita",
        "lagi",
        "lain",
        "lalu",
        "maka",
        "mana",
        "masih",
        "mengapa",
        "menjadi",
        "mereka",
        "merupakan",
        "namun",
        "nya",
        "oleh",
        "pada",
        "para",
        "pernah",
        "saat",
        "saja",
        "sampai",
        "sangat",
        "saya",
        "sebagai",
        "sebuah",
        "secara",
        "sedang",
        "sehingga",
        "sejak",
        "seorang",
        "seperti",
        "serta",
        "setelah",
        "setiap",
        "siapa",
        "siapakah",
        "suatu",
        "sudah",
        "supaya",
        "tanpa",
        "tapi",
        "telah",
        "tentang",
        "terhadap",
        "tersebut",
        "tetapi",
        "tidak",
        "untuk",
        "yaitu",
        "yakni",
        "yang",
    ]
)


class Analyser:
    """Cuts texts into words, drops stop words, stems the rest (Snowball).

    Args:
        language: "en", "id", or "both" for mixed documents: each word is stemmed as English, then as Indonesian, which
            is as consistent for questions as for passages.

    Raises:
        OptionError: snowballstemmer is not installed.
    """

    def __init__(self, language: Language = "both") -> None:
        with needs("rag"):
            import snowballstemmer
        self.language = language
        names = {"en": ["english"], "id": ["indonesian"], "both": ["english", "indonesian"]}[language]
        self._stemmers: list[Any] = [snowballstemmer.stemmer(name) for name in names]
        self._stop = {"en": _ENGLISH, "id": _INDONESIAN, "both": _ENGLISH | _INDONESIAN}[language]
        self._known: dict[str, str] = {}

    def terms(self, text: str) -> list[str]:
        """The terms of a text, in order and with repetitions."""
        known = self._known
        found = []
        for word in words(text):
            stem = known.get(word)
            if stem is None:
                stem = known[word] = self._stem(word)
            if stem:
                found.append(stem)
        return found

    def _stem(self, word: str) -> str:
        """The stem; empty for a stop word."""
        if word in self._stop:
            return ""
        stem = word
        for stemmer in self._stemmers:
            stem = stemmer.stemWord(stem)
        return stem


def words(text: str) -> list[str]:
    """The words and numbers of a text, in lower case."""
    plain = unicodedata.normalize("NFKC", visible(text)).casefold().replace("’", "'")
    return [found.removesuffix("'s") for found in _WORD.findall(plain)]


def is_stop_word(word: str) -> bool:
    """Whether a word, in lower case, says nothing by itself in English or Indonesian."""
    return word in _ENGLISH or word in _INDONESIAN


def language_of(texts: Iterable[str]) -> Language:
    """The language of texts, by their stop words; "both" where they are mixed, or have none.

    Mixed is English with a twentieth of Indonesian words, which do not get there otherwise, or Indonesian with a fifth
    of English ones, which stand in titles and names.
    """
    english = indonesian = 0
    for text in texts:
        for word in words(text):
            english += word in _ENGLISH
            indonesian += word in _INDONESIAN
    total = english + indonesian
    if not total or 0.2 <= english / total <= 0.95:
        return "both"
    return "en" if english > indonesian else "id"
