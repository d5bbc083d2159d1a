"""Malformed inputs: labels that nothing can be learnt from, and options that do not fit."""

from __future__ import annotations

from alih.errors import OptionError

from .malformed import GOOD, Case, file, many, rows

LABELS = [
    Case(
        "a class seen once",
        file(
            rows(*(f"good text {n},{'positive' if n % 2 else 'negative'}" for n in range(20)), "bagus sekali,positif")
        ),
        (
            'reviews.csv, row 22: label "positif" is seen once; at least 2 examples a class are needed to split. '
            'Drop it, or merge it with "positive".',
        ),
    ),
    Case("one class only", file(many("text {n},same")), ("reviews.csv", '"same"', "at least 2 classes", "--label")),
    Case(
        "labels that are no classes",
        file(many("text {n},unique label {n}")),
        ("reviews.csv", "20 different values", "--label"),
    ),
    Case(
        "words where numbers are wanted",
        file(GOOD),
        ("reviews.csv, row 2", '"no" is not a number', "--label"),
        options={"kind": "regression"},
    ),
    Case("an unknown kind", file(GOOD), ("--kind", "regression"), error=OptionError, options={"kind": "ranking"}),
    Case(
        "one number only",
        file(many("text {n},1.5")),
        ("reviews.csv, row 2", "1.5", "--label"),
        options={"kind": "regression"},
    ),
    Case(
        "numbers and a few words",
        file(rows(*(f"text {n},{n / 7:.3f}" for n in range(20)), *(f"text {n},n/a" for n in range(20, 30)))),
        ("reviews.csv, row 22", '"n/a" is not a number', "Mend"),
        options={"kind": "regression"},
    ),
    Case(
        "a 0/1 column with words",
        file(many("text {n},maybe,1", header="text,a,b")),
        ("reviews.csv, row 2", '"maybe"', "0 or 1", "Mend"),
        options={"label": "a,b"},
    ),
    Case(
        "regression on several columns",
        file(many("text {n},1,0", header="text,a,b")),
        ("--kind", "multi-label", "Leave out"),
        error=OptionError,
        options={"label": "a,b", "kind": "regression"},
    ),
    Case(
        "too few examples",
        file(rows(*(f"text {n},{'ab'[n % 2]}" for n in range(7)))),
        ("reviews.csv", "7 usable examples", "at least 10", "Add"),
    ),
    Case(
        "all rows duplicates of two",
        file(rows(*("same text,a" for _ in range(10)), *("other text,b" for _ in range(10)))),
        ("reviews.csv", "too few different examples", "Add examples"),
    ),
    Case(
        "a class in one group",
        file(many("text {n},{c},{c}", header="text,label,user")),
        ("reviews.csv", '"user"', "--group"),
        options={"group": "user"},
    ),
    Case(
        "nothing left to train on",
        file(GOOD),
        ("--validation", "--test", "Lower"),
        error=OptionError,
        options={"validation": 0.6, "test": 0.5},
    ),
    Case("a share of nothing", file(GOOD), ("--test 0", "between 0 and 1"), error=OptionError, options={"test": 0}),
    Case(
        "fewer examples than classes",
        file(
            many("text {n},{n}", 10, "text,label")
            + "".join(f"text b {n} {m},{n}\n" for n in range(10) for m in range(4))
        ),
        ("--max-examples 3", "10 classes"),
        error=OptionError,
        options={"max_examples": 3},
    ),
]
