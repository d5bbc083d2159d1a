"""Pairs of sentences: read from tables and aligned files, cleaned, split."""

from __future__ import annotations

from pathlib import Path

import pytest

from alih.errors import DataError
from alih.tasks.translation.pairs import Pairs, read_aligned, read_pairs, split_pairs, without_overlap


def _pairs(count: int) -> Pairs:
    return Pairs("p", *(tuple(f"{side}{row}" for row in range(count)) for side in "sto"))


def test_a_table_of_two_columns_needs_no_names(tmp_path: Path) -> None:
    (tmp_path / "p.tsv").write_text("en\tid\nI eat rice.\tSaya makan nasi.\nHello.\tHalo.\n")
    pairs = read_pairs(tmp_path / "p.tsv")
    assert pairs.sources == ("I eat rice.", "Hello.")
    assert pairs.targets == ("Saya makan nasi.", "Halo.")


def test_named_columns_may_be_turned_round(tmp_path: Path) -> None:
    (tmp_path / "p.jsonl").write_text('{"n": "a", "en": "Hello.", "id": "Halo."}\n')
    assert read_pairs(tmp_path / "p.jsonl", source="id", target="en").sources == ("Halo.",)
    with pytest.raises(DataError, match="--source and --target"):
        read_pairs(tmp_path / "p.jsonl")
    with pytest.raises(DataError, match="no column 'idn'"):
        read_pairs(tmp_path / "p.jsonl", source="idn", target="en")


def test_misaligned_files_are_refused_with_both_counts(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("one\ntwo\nthree\n")
    (tmp_path / "a.id").write_text("satu\ndua\n")
    with pytest.raises(DataError, match=r"a\.en has 3 lines and a\.id has 2 lines"):
        read_aligned(tmp_path / "a.en", tmp_path / "a.id")


def test_empty_and_overlong_lines_are_left_out_and_counted(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_text("one\r\n\nthree\u2028four\n" + "word " * 10_000 + "\n")
    (tmp_path / "a.id").write_text("satu\ndua\ntiga\nempat\n")
    pairs = read_aligned(tmp_path / "a.en", tmp_path / "a.id")
    assert pairs.sources == ("one", "three\u2028four")
    assert ["line 2" in pairs.notes[0], "line 4" in pairs.notes[1]] == [True, True]


def test_undecodable_bytes_are_refused_by_file(tmp_path: Path) -> None:
    (tmp_path / "a.en").write_bytes(b"one\ncaf\xe9\n")
    (tmp_path / "a.id").write_text("satu\nkafe\n")
    with pytest.raises(DataError, match=r"a\.en"):
        read_aligned(tmp_path / "a.en", tmp_path / "a.id")


def test_a_split_is_reproducible_and_keeps_equal_sources_together() -> None:
    pairs = _pairs(50).take([*range(50), *range(50)])
    first, again = split_pairs(pairs, seed=3), split_pairs(pairs, seed=3)
    assert first == again
    sides = [set(side.sources) for side in first]
    assert len(set.union(*sides)) == sum(map(len, sides))
    assert sum(map(len, first)) == 100


def test_pairs_of_a_held_out_split_leave_training() -> None:
    train = without_overlap(_pairs(5), _pairs(2))
    assert len(train) == 3
    assert "2 pairs also in p" in train.notes[0]
