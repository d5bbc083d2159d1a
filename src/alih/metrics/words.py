"""Intervals in words, in both languages; every text takes them from here."""

from __future__ import annotations

#: An interval in words, and one of no width: the examples show no spread, which is not to say that there is none.
INTERVAL_WORDS = {
    "en": ("{low} to {high}", "not known: every resample scores the same"),
    "id": ("{low} sampai {high}", "tidak diketahui: semua sampel ulang memberi skor yang sama"),
}
