"""Where sentences end, in English and Indonesian."""

from __future__ import annotations

import re

#: Words after which a full stop ends no sentence (lower case, without the stop).
_ABBREVIATIONS = frozenset(
    [
        "a.n",
        "al",
        "ay",
        "bd",
        "bdk",
        "bpk",
        "cq",
        "dkk",
        "dll",
        "dr",
        "drs",
        "dra",
        "dsb",
        "dsk",
        "dst",
        "ds",
        "ed",
        "gg",
        "hlm",
        "ibid",
        "ir",
        "jl",
        "jln",
        "kab",
        "kec",
        "kel",
        "km",
        "kol",
        "ks",
        "lih",
        "mayjen",
        "mr",
        "mrs",
        "ms",
        "no",
        "nn",
        "p",
        "pres",
        "prof",
        "psl",
        "pt",
        "red",
        "rp",
        "s.d",
        "sda",
        "st",
        "sbb",
        "sdr",
        "sdri",
        "tel",
        "telp",
        "tgl",
        "tsb",
        "tt",
        "ttd",
        "ttg",
        "u.b",
        "u.p",
        "vol",
        "yth",
        "adm",
        "approx",
        "apt",
        "art",
        "assn",
        "ave",
        "blvd",
        "capt",
        "cf",
        "ch",
        "co",
        "col",
        "corp",
        "dept",
        "dist",
        "e.g",
        "eg",
        "est",
        "etc",
        "eq",
        "ext",
        "fig",
        "figs",
        "ft",
        "gen",
        "gov",
        "hon",
        "i.e",
        "ie",
        "inc",
        "jan",
        "feb",
        "mar",
        "apr",
        "jun",
        "jul",
        "aug",
        "sep",
        "sept",
        "oct",
        "nov",
        "dec",
        "agt",
        "agu",
        "okt",
        "des",
        "jr",
        "lt",
        "ltd",
        "maj",
        "max",
        "messrs",
        "min",
        "mt",
        "nos",
        "op",
        "pp",
        "para",
        "ph.d",
        "rep",
        "rev",
        "sec",
        "sen",
        "sgt",
        "sr",
        "ste",
        "supt",
        "viz",
        "vs",
    ]
)
# Possessive, and begun nowhere but at the start of a run: a line of a hundred thousand dots takes no square of that.
_END = re.compile(r"(?<![.!?…。])[.!?…。]++[\"'”’)\]]*+(?=\s)")
_FOLLOWING = re.compile(r"\s*+(\S?)")
_LAST_WORD = re.compile(r"[^\s(\[\"'“‘]+$")
_BREAK = re.compile(r"\n[^\S\n]*\n|\n(?=[^\S\n]*(?:[-*•+]|\d{1,3}[.)])\s)")


def sentence_spans(text: str) -> list[tuple[int, int]]:
    """Cut a text into sentences.

    Args:
        text: any text; empty lines and the start of a list item end a sentence too, a single line break does not.

    Returns:
        (start, end) of each in characters, white space around it not counted; in order, together all but white space.
    """
    cuts = sorted({*_ends(text), *(found.start() for found in _BREAK.finditer(text)), len(text)})
    spans = []
    start = 0
    for cut in cuts:
        piece = text[start:cut]
        if piece.strip():
            spans.append((start + len(piece) - len(piece.lstrip()), cut - len(piece) + len(piece.rstrip())))
        start = cut
    return spans


def sentences(text: str) -> list[str]:
    """The sentences of a text, verbatim."""
    return [text[start:end] for start, end in sentence_spans(text)]


def _ends(text: str) -> list[int]:
    found = []
    for mark in _END.finditer(text):
        if mark.group()[0] == "." and len(mark.group().rstrip("\"'”’)]")) == 1:
            word = _LAST_WORD.search(text, max(0, mark.start() - 30), mark.start())
            told = word.group().casefold() if word else ""
            if told in _ABBREVIATIONS or (len(told) == 1 and told.isalpha()):
                continue
            if told.isdigit() and len(told) <= 3 and _opens_line(text, mark.start() - len(told)):
                continue  # "1. First" is a list item
        following = _FOLLOWING.match(text, mark.end())
        if following and following[1].islower():
            continue
        found.append(mark.end())
    return found


def _opens_line(text: str, start: int) -> bool:
    return not text[text.rfind("\n", 0, start) + 1 : start].strip()
