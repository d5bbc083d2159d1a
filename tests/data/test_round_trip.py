"""Writing a dataset in any format that is read, and reading it back, gives the same examples."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alih.data.examples import Dataset
from alih.data.labels import class_name
from alih.data.read import read
from alih.task import Kind

COUNT = 30
Rows = list[dict[str, Any]]


def _delimited(delimiter: str) -> Callable[[Rows], bytes]:
    def write(rows: Rows) -> bytes:
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)
        return text.getvalue().encode()

    return write


def _parquet(rows: Rows) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


FORMATS: dict[str, tuple[str, Callable[[Rows], bytes]]] = {
    "csv": (".csv", _delimited(",")),
    "semicolons": (".csv", _delimited(";")),
    "tsv": (".tsv", _delimited("\t")),
    "json": (".json", lambda rows: json.dumps(rows).encode()),
    "json by key": (".json", lambda rows: json.dumps({f"k{n}": row for n, row in enumerate(rows)}).encode()),
    "json columns": (".json", lambda rows: json.dumps({key: [row[key] for row in rows] for key in rows[0]}).encode()),
    "jsonl": (".jsonl", lambda rows: "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode()),
    "parquet": (".parquet", _parquet),
}
#: Class names without marks that separate classes; a name may not be a number, which has other rules.
NAMES = st.text(
    st.characters(codec="utf-8", exclude_categories=["C", "Z", "N"], exclude_characters=";|,[](){}'\"#"),
    min_size=1,
    max_size=8,
)


def _is_kept(name: str) -> bool:
    return bool(class_name(name, False)) and name.strip() != ""


def examples(dataset: Dataset) -> dict[str, Any]:
    """The label of each text, as names or a number."""
    found: dict[str, Any] = {}
    for side in (dataset.train, dataset.validation, dataset.test):
        for text, label in zip(side.inputs, side.known_labels, strict=True):
            if dataset.task.kind is Kind.REGRESSION:
                found[str(text)] = float(label)
            elif dataset.task.kind is Kind.SINGLE:
                found[str(text)] = dataset.task.classes[int(label)]
            else:
                found[str(text)] = {name for name, bit in zip(dataset.task.classes, label, strict=True) if bit}
    return found


def written(format_name: str, rows: Rows, **options: Any) -> dict[str, Any]:
    suffix, write = FORMATS[format_name]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"data{suffix}"
        path.write_bytes(write(rows))
        return examples(read(path, **options))


def texts() -> list[str]:
    return [f"a sentence with number {n}" for n in range(COUNT)]


@pytest.mark.parametrize("format_name", sorted(FORMATS))
@settings(max_examples=15, deadline=None)
@given(names=st.lists(NAMES.filter(_is_kept), min_size=2, max_size=4, unique_by=lambda name: class_name(name, False)))
def test_classes_of_any_name(format_name: str, names: list[str]) -> None:
    """Half of the cells are written with separate accents, as some systems do."""
    labels = [names[n % len(names)] for n in range(COUNT)]
    cells = [unicodedata.normalize("NFD", label) if n % 2 else label for n, label in enumerate(labels)]
    rows = [{"text": text, "label": cell} for text, cell in zip(texts(), cells, strict=True)]
    expected = {text: class_name(label, False) for text, label in zip(texts(), labels, strict=True)}
    assert written(format_name, rows, kind=Kind.SINGLE) == expected


@pytest.mark.parametrize("format_name", sorted(FORMATS))
@pytest.mark.parametrize("how", ["json", "python", ";", "|", "vector", "numpy"])
@settings(max_examples=5, deadline=None)
@given(data=st.lists(st.sets(st.sampled_from(["joy", "fear", "véry good"])), min_size=COUNT, max_size=COUNT))
def test_several_classes_in_every_way_of_writing(format_name: str, how: str, data: list[set[str]]) -> None:
    order = ["fear", "joy", "véry good"]
    data[:4] = [{"joy", "fear"}, {"joy", "véry good"}, {"fear"}, {"véry good", "fear"}]
    ways: dict[str, Callable[[set[str]], str]] = {
        "json": lambda found: json.dumps(sorted(found)),
        "python": lambda found: repr(sorted(found)),
        "vector": lambda found: repr([int(name in found) for name in order]),
        "numpy": lambda found: f"[{' '.join(repr(name) for name in sorted(found))}]",
    }
    way = ways.get(how, lambda found: how.join(sorted(found)))
    rows = [{"text": text, "label": way(found)} for text, found in zip(texts(), data, strict=True)]
    names = (
        {name: str(place) for place, name in enumerate(order)} if how == "vector" else {name: name for name in order}
    )
    expected = {text: {names[name] for name in found} for text, found in zip(texts(), data, strict=True)}
    assert written(format_name, rows, kind=Kind.MULTI) == expected


@pytest.mark.parametrize("format_name", sorted(FORMATS))
@settings(max_examples=5, deadline=None)
@given(cents=st.lists(st.integers(-(10**9), 10**9), min_size=COUNT, max_size=COUNT, unique=True))
@pytest.mark.parametrize("way", ["{:.2f}", "{:,.2f}", "${:,.2f}", "german"])
def test_numbers_in_every_way_of_writing(format_name: str, way: str, cents: list[int]) -> None:
    values = [number / 100 for number in cents]
    swap = str.maketrans(",.", ".,")
    cells = [f"{value:,.2f}".translate(swap) if way == "german" else way.format(value) for value in values]
    rows = [{"text": text, "label": cell} for text, cell in zip(texts(), cells, strict=True)]
    found = written(format_name, rows, kind=Kind.REGRESSION)
    assert found == pytest.approx(dict(zip(texts(), values, strict=True)), rel=1e-6)


@pytest.mark.parametrize("format_name", sorted(FORMATS))
@pytest.mark.parametrize("pair", [(True, False), ("True", "False"), ("TRUE", "FALSE")])
def test_truth_values_are_the_same_classes_in_every_format(format_name: str, pair: tuple[Any, Any]) -> None:
    rows = [{"text": text, "label": pair[n % 2]} for n, text in enumerate(texts())]
    assert written(format_name, rows) == {text: ("true", "false")[n % 2] for n, text in enumerate(texts())}
