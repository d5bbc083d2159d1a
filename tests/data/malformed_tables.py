"""Malformed inputs: files that are no text, and CSV tables that are none."""

from __future__ import annotations

from alih.errors import OptionError

from .malformed import GOOD, Case, file, many, png, rows


def xlsx() -> bytes:
    return b"PK\x03\x04" + bytes(200)


TABLES = [
    Case(
        "missing file",
        lambda f: file(GOOD, "review.csv")(f),
        ("reviews.csv", "no such file", 'Did you mean "review.csv"'),
    ),
    Case("missing folder", lambda f: None, ("no such file", "does not exist", "Check the path"), "nowhere/at/all.csv"),
    Case("file of 0 bytes", file(b""), ("reviews.csv", "0 bytes", "again")),
    Case("only white space", file(b"\n \n\t\n"), ("reviews.csv", "white space", "again")),
    Case("only a byte order mark", file(b"\xef\xbb\xbf"), ("reviews.csv", "white space")),
    Case(
        "Latin-1",
        file(("text,label\nok,a\ncaf\xe9,b\n").encode("latin-1")),
        ("reviews.csv, row 3", "byte 19", "0xE9", "UTF-8"),
    ),
    Case(
        "Windows-1252 quotes",
        file("text,label\n\u201cbagus\u201d,a\n".encode("cp1252")),
        ("reviews.csv, row 2", "0x93", "Save the file as UTF-8"),
    ),
    Case("UTF-16 without its mark", file(GOOD.encode("utf-16-le")), ("reviews.csv", "UTF-16", "UTF-8")),
    Case("UTF-16 cut in half", file(GOOD.encode("utf-16")[:-1]), ("reviews.csv, row", "UTF-16", "UTF-8")),
    Case("an Excel workbook named .csv", file(xlsx()), ("reviews.csv", "Excel", "CSV UTF-8")),
    Case("an Excel workbook", file(xlsx(), "reviews.xlsx"), ("reviews.xlsx", "CSV UTF-8"), "reviews.xlsx"),
    Case("gzip named .csv", file(b"\x1f\x8b\x08" + bytes(50)), ("reviews.csv", "gzip", "Unpack")),
    Case(
        "a packed file",
        file(b"\x1f\x8b\x08" + bytes(50), "reviews.csv.gz"),
        ("reviews.csv.gz", "Unpack"),
        "reviews.csv.gz",
    ),
    Case("Parquet named .csv", file(b"PAR1" + bytes(50)), ("reviews.csv", "Parquet", ".parquet")),
    Case("a picture named .csv", file(png()), ("reviews.csv", "PNG", "sub-folder")),
    Case("PDF named .csv", file(b"%PDF-1.7\n" + bytes(50)), ("reviews.csv", "PDF", "CSV")),
    Case("an unknown suffix", file(GOOD, "reviews.doc"), ("reviews.doc", "not read", "CSV"), "reviews.doc"),
    Case("one picture", file(png(), "cat.png"), ("cat.png", "sub-folder"), "cat.png"),
    Case("header without rows", file("text,label\n"), ("reviews.csv", "row 1", "Add the examples")),
    Case(
        "a column named twice",
        file(many("a b {n},{c},{c}", header="text,label,label")),
        ("reviews.csv, row 1", '"label"', "Rename"),
    ),
    Case(
        "a single column",
        file(many("some words {n}", header="text")),
        ("reviews.csv", "no column looks like a label", "--label"),
    ),
    Case(
        "ragged rows",
        file(rows(*(f"one, two and {n},a" for n in range(20)))),
        ("reviews.csv, row 2", "cells", "quotes"),
    ),
    Case(
        "short rows",
        file(rows(*(f"text {n}" if n % 2 else f"text {n},a" for n in range(20)))),
        ("reviews.csv, row 3", "1 cell where 2", "Mend"),
    ),
    Case(
        "NUL bytes",
        file(rows(*(f"te\0xt {n},{'ab'[n % 2]}" for n in range(20)))),
        ("reviews.csv, row 2", "NUL", "export"),
    ),
    Case("a quote never closed", file(rows('"never closed,a')), ("reviews.csv", "row 2", "never closed", "Mend")),
    Case(
        "quotes inside quotes",
        file(rows(*(f'"a "word" {n}",a' for n in range(20)))),
        ("reviews.csv, row 2", "write it twice"),
    ),
    Case(
        "cells of ten million characters",
        file(rows(*("x" * 10_000_000 + f",{c}" for c in "ab"), "short text,a")),
        ("reviews.csv, row 2", "10,000,000 characters", "1,000,000", "shorten"),
    ),
    Case(
        "a column that does not exist",
        file(GOOD),
        ("reviews.csv", '"tekst"', "--text", 'Did you mean "text"', '"label"'),
        error=OptionError,
        options={"text": "tekst"},
    ),
    Case(
        "a label that does not exist",
        file(GOOD),
        ("reviews.csv", '"lable"', "--label", 'Did you mean "label"'),
        error=OptionError,
        options={"label": "lable"},
    ),
    Case(
        "a group that does not exist",
        file(GOOD),
        ("reviews.csv", '"user"', "--group"),
        error=OptionError,
        options={"group": "user"},
    ),
    Case(
        "one column as text and label",
        file(GOOD),
        ("reviews.csv", '"text"', "--label"),
        error=OptionError,
        options={"text": "text", "label": "text"},
    ),
    Case(
        "three text columns",
        file(many("a,b,c,{c}", header="p,q,r,label")),
        ("reviews.csv", "--text", "two"),
        error=OptionError,
        options={"text": "p,q,r"},
    ),
    Case(
        "two columns that look like texts",
        file(many("some words here {n},other words here {n},{c}", header="left,right,label")),
        ("reviews.csv", '"left", "right"', "--text"),
    ),
    Case(
        "two columns that look like labels",
        file(many("some words {n},{c},{c}", header="text,sentiment,topic")),
        ("reviews.csv", '"sentiment", "topic"', "--label"),
    ),
    Case(
        "only an id beside the text",
        file(many("some words {n},{n}", header="text,id")),
        ("reviews.csv", "no column looks like a label", "--label"),
    ),
    Case(
        "no column of texts",
        file(many("{n},{c}", header="number,label")),
        ("reviews.csv", "no column looks like a text", "--text"),
    ),
    Case("every text empty", file(many(",{c}")), ("reviews.csv", '"text" is empty', "--text")),
    Case(
        "most texts empty",
        file(rows(*("" + f",{c}" for c in "ab" * 8), *(f"text {n},a" for n in range(4)))),
        ("reviews.csv", "row 2", "text is empty", "Mend"),
    ),
    Case("every label empty", file(many("some text {n},")), ("reviews.csv, row 2", '"label"', "--label")),
    Case(
        "most labels empty",
        file(rows(*(f"text {n}," for n in range(12)), *(f"text {n},{'ab'[n % 2]}" for n in range(12, 20)))),
        ("reviews.csv, row 2", "label is empty", "Mend"),
    ),
]
