"""JSON in its usual shapes is one table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alih.data.json_files import read_json, read_json_splits

COLUMNS = {"text": ["a", "b\u2028c"], "label": ["x", None]}
OBJECTS = [{"text": "a", "label": "x"}, {"text": "b\u2028c", "label": None}]


@pytest.mark.parametrize(
    "document",
    [OBJECTS, {"data": OBJECTS}, COLUMNS, {name: {"0": cells[0], "1": cells[1]} for name, cells in COLUMNS.items()}],
    ids=["objects", "data", "columns", "pandas"],
)
def test_shapes_of_json(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    table = read_json(path)
    assert dict(table.columns) == COLUMNS
    assert table.origins == ["t.json, row 1", "t.json, row 2"]


@pytest.mark.parametrize(
    "document",
    [
        {"data": {"a1": OBJECTS[0], "a2": OBJECTS[1]}},
        {"a1": OBJECTS[0], "a2": OBJECTS[1]},
        {"0": OBJECTS[0], "1": OBJECTS[1]},
        {"version": "1", "rows": [{"row_idx": n, "row": item} for n, item in enumerate(OBJECTS)]},
        {"version": "1", "reviews": OBJECTS},
        {"columns": ["text", "label"], "index": [0, 1], "data": [list(item.values()) for item in OBJECTS]},
    ],
    ids=["data by key", "by key", "by number", "the Hub's server", "one list", "pandas' split"],
)
def test_rows_by_key_and_one_level_down(tmp_path: Path, document: Any) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    assert dict(read_json(path).columns) == COLUMNS


@pytest.mark.parametrize("wrap", [lambda splits: splits, lambda splits: {"version": 2, "data": splits}])
@pytest.mark.parametrize(
    "rows", [OBJECTS, COLUMNS, {"a": OBJECTS[0], "b": OBJECTS[1]}], ids=["rows", "columns", "keys"]
)
def test_splits_by_name(tmp_path: Path, wrap: Any, rows: Any) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(wrap({"train": rows, "dev": rows, "notes": "x"})), encoding="utf-8")
    tables = read_json_splits(path)
    assert {split: dict(table.columns) for split, table in tables.items()} == {"train": COLUMNS, "validation": COLUMNS}
    assert tables["validation"].origins[0].startswith("t.json, dev, row ")
    assert tables["train"].notes == ("t.json: left aside: notes",)
    assert len(read_json(path)) == 4


@pytest.mark.parametrize("name", ["t.jsonl", "t.ndjson", "t.json"])
def test_an_object_a_line_under_any_name(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("\n".join(json.dumps(item, ensure_ascii=False) for item in OBJECTS) + "\n\n", encoding="utf-8")
    assert dict(read_json(path).columns) == COLUMNS


def test_a_list_under_the_name_of_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps(OBJECTS, indent=2), encoding="utf-8")
    assert dict(read_json(path).columns) == COLUMNS


def test_broken_lines_are_damage_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "a"}\n{"text": \n[1]\n{"text": "b"}\n', encoding="utf-8")
    table = read_json(path)
    assert table.origins == ["t.jsonl, row 1", "t.jsonl, row 4"]
    assert [damage.origin for damage in table.damaged] == ["t.jsonl, row 2", "t.jsonl, row 3"]
