"""Malformed inputs: JSON, JSON Lines, Parquet, saved datasets and built-in names."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from alih.errors import OptionError

from .malformed import GOOD, Case, file, good_objects, objects


def parquet(table: pa.Table, name: str = "reviews.parquet") -> Callable[[Path], object]:
    return lambda folder: pq.write_table(table, folder / name)


JSON = [
    Case(
        "JSON cut short",
        file('[{"text": "a", "label": "b"},\n {"text": "c"', "reviews.json"),
        ("reviews.json, line 2, column", "not valid JSON", "Mend"),
        "reviews.json",
    ),
    Case(
        "JSON that is no table",
        file('{"a": {"b": 1}, "c": 3}', "reviews.json"),
        ("reviews.json", "not a table", '"data"'),
        "reviews.json",
    ),
    Case(
        "JSON with one split under two names",
        file('{"test": [{"text": "a", "label": "b"}], "train": [], "eval": []}', "reviews.json"),
        ("reviews.json", '"test"', '"eval"', "rename"),
        "reviews.json",
    ),
    Case(
        "a JSON list of strings",
        file('["a", "b"]', "reviews.json"),
        ("reviews.json, row 1", "no columns", '{"text"'),
        "reviews.json",
    ),
    Case("an empty JSON list", file("[]", "reviews.json"), ("reviews.json", "empty", "Add"), "reviews.json"),
    Case("JSON nested too deeply", file("[" * 200_000, "reviews.json"), ("reviews.json", "deep"), "reviews.json"),
    Case(
        "JSON columns of unequal length",
        file('{"text": ["a", "b"], "label": ["c"]}', "reviews.json"),
        ("reviews.json", '"text" 2, "label" 1', "equally long"),
        "reviews.json",
    ),
    Case(
        "objects in the text column",
        objects([{"text": {"id": n}, "label": "ab"[n % 2]} for n in range(20)]),
        ("reviews.json", "text", "--text"),
        "reviews.json",
    ),
    Case(
        "objects in the named text column",
        objects([{"text": {"id": n}, "label": "ab"[n % 2]} for n in range(20)]),
        ("reviews.json, row 1", "holds an object", "one text a row"),
        "reviews.json",
        options={"text": "text"},
    ),
    Case(
        "objects in the label column",
        objects([{"text": f"text {n}", "label": {"id": n}} for n in range(20)]),
        ("reviews.json, row 1", "object", "--label"),
        "reviews.json",
    ),
    Case(
        "numbers and words as labels",
        objects([*good_objects(), {"text": "x y", "label": 1}, {"text": "z", "label": 1}]),
        ('"label" mixes', "reviews.json, row 21", "one way"),
        "reviews.json",
    ),
    Case(
        "half a character in the text",
        file(
            "[" + ",".join(f'{{"text": "a\\ud800 {n}", "label": "{"ab"[n % 2]}"}}' for n in range(20)) + "]",
            "reviews.json",
        ),
        ("reviews.json, row 1", "surrogate", "export"),
        "reviews.json",
    ),
    Case(
        "JSON Lines that is none",
        file("text one\ntext two\n", "reviews.jsonl"),
        ("reviews.jsonl, row 1", "not valid JSON at column 1", "one object"),
        "reviews.jsonl",
    ),
    Case(
        "broken JSON Lines",
        file(
            "".join(json.dumps(item) + "\n" if n % 2 else "{broken\n" for n, item in enumerate(good_objects(30))),
            "reviews.jsonl",
        ),
        ("reviews.jsonl, row 1", "not valid JSON", "Mend"),
        "reviews.jsonl",
    ),
    Case(
        "CSV named .parquet",
        file(GOOD, "reviews.parquet"),
        ("reviews.parquet", "not a Parquet file", "again"),
        "reviews.parquet",
    ),
    Case(
        "Parquet cut short",
        lambda f: (
            parquet(pa.table({"text": ["a"] * 99, "label": ["b"] * 99}))(f),
            (f / "reviews.parquet").write_bytes((f / "reviews.parquet").read_bytes()[:80]),
        ),
        ("reviews.parquet", "damaged Parquet", "again"),
        "reviews.parquet",
    ),
    Case(
        "Parquet without rows",
        parquet(pa.table({"text": pa.array([], pa.string()), "label": pa.array([], pa.string())})),
        ("reviews.parquet", "no rows", "again"),
        "reviews.parquet",
    ),
    Case(
        "nested Parquet",
        parquet(pa.table({"text": [{"a": n} for n in range(20)], "label": ["a", "b"] * 10})),
        ("reviews.parquet, row 1", "holds an object"),
        "reviews.parquet",
        options={"text": "text"},
    ),
    Case(
        "a damaged datasets folder",
        file("{}", "saved/dataset_info.json"),
        ("saved", "cannot be read", "Save it again"),
        "saved",
    ),
    Case(
        "an unknown built-in name",
        lambda f: None,
        ("alih/digit", 'Did you mean "alih/digits"'),
        "alih/digit",
        OptionError,
    ),
]
