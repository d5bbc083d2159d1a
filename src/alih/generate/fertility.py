"""Tokens a word by language, and what texts lose at the longest length that a model reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from transformers import PreTrainedTokenizerBase

_AT_ONCE = 1000

#: The same twelve sentences in each language.
SENTENCES: Final[dict[str, tuple[str, ...]]] = {
    "id": (
        "Selamat pagi, apakah pesanan saya sudah dikirim?",
        "Pelayanannya ramah, tetapi makanannya datang terlambat.",
        "Harga tiket kereta api naik sepuluh persen mulai bulan depan.",
        "Anak-anak bermain sepak bola di lapangan dekat sekolah.",
        "Pemerintah mengumumkan peraturan baru tentang perlindungan konsumen.",
        "Saya belum pernah mencoba masakan seenak ini.",
        "Bagaimana cara mengganti kata sandi akun saya?",
        "Hujan deras menyebabkan banjir di beberapa wilayah kota.",
        "Perpustakaan tutup pada hari Minggu dan hari libur nasional.",
        "Dokter menyarankan agar pasien banyak beristirahat.",
        "Kualitas barangnya mengecewakan dan tidak sesuai dengan gambar.",
        "Mereka mempertanggungjawabkan penggunaan dana itu secara terbuka.",
    ),
    "en": (
        "Good morning, has my order been sent yet?",
        "The service was friendly, but the food came late.",
        "Train ticket prices rise by ten percent from next month.",
        "The children play football on the field near the school.",
        "The government announced new rules on consumer protection.",
        "I have never tasted food as good as this.",
        "How do I change the password of my account?",
        "Heavy rain caused floods in several parts of the city.",
        "The library is closed on Sundays and national holidays.",
        "The doctor advised the patient to rest a lot.",
        "The quality of the goods is disappointing and not as in the picture.",
        "They accounted for the use of the funds in public.",
    ),
}


@dataclass(frozen=True)
class Fertility:
    """How finely a tokenizer cuts some texts; special tokens are not counted.

    Args:
        tokens, words, characters: in all texts; words are what white space separates.
        whole_words: share of the words that are one token.
        unknown: share of the tokens that stand for something the vocabulary does not know.
    """

    tokens: int
    words: int
    characters: int
    whole_words: float
    unknown: float

    @property
    def per_word(self) -> float:
        """Tokens a word."""
        return self.tokens / self.words if self.words else float("nan")

    def as_dict(self) -> dict[str, Any]:
        """JSON-able data."""
        return {**asdict(self), "per_word": self.per_word}


@dataclass(frozen=True)
class Losses:
    """What texts lose where a model reads no more than so many tokens, special ones included.

    Args:
        max_length: that many.
        texts: how many there are.
        cut: how many are longer.
        tokens: in all texts.
        lost: of them, beyond the limit.
        median, p95, longest: of the texts' lengths in tokens.
    """

    max_length: int
    texts: int
    cut: int
    tokens: int
    lost: int
    median: int
    p95: int
    longest: int

    def as_dict(self) -> dict[str, int]:
        """JSON-able data."""
        return asdict(self)


def fertility(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str]) -> Fertility:
    """Measure how finely texts are cut (Rust et al. 2021, arXiv 2012.15613, section 3.2: "fertility")."""
    words = [word for text in texts for word in text.split()]
    tokens = int(lengths(tokenizer, texts, special=False).sum())
    alone = lengths(tokenizer, words, special=False)
    unknown = tokenizer.unk_token_id
    missed = 0
    if unknown is not None:
        for start in range(0, len(texts), _AT_ONCE):
            rows = tokenizer(list(texts[start : start + _AT_ONCE]), add_special_tokens=False, verbose=False)[
                "input_ids"
            ]
            assert isinstance(rows, list)
            missed += sum(row.count(unknown) for row in rows)
    return Fertility(
        tokens,
        len(words),
        sum(len(text) for text in texts),
        float((alone == 1).mean()) if words else 0.0,
        missed / tokens if tokens else 0.0,
    )


def losses(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], max_length: int) -> Losses:
    """Count what lies beyond `max_length` tokens."""
    found = lengths(tokenizer, texts, special=True)
    beyond = np.maximum(found - max_length, 0)
    return Losses(
        max_length,
        len(found),
        int((beyond > 0).sum()),
        int(found.sum()),
        int(beyond.sum()),
        int(np.median(found)),
        int(np.percentile(found, 95)),
        int(found.max(initial=0)),
    )


def lengths(tokenizer: PreTrainedTokenizerBase, texts: Sequence[str], *, special: bool) -> np.ndarray[Any, Any]:
    """Tokens of each text, none cut off: (n,) int64."""
    found: list[int] = []
    for start in range(0, len(texts), _AT_ONCE):
        some = list(texts[start : start + _AT_ONCE])
        rows = tokenizer(some, add_special_tokens=special, truncation=False, verbose=False)["input_ids"]
        assert isinstance(rows, list)
        found += [len(row) for row in rows]
    return np.asarray(found, dtype=np.int64)
