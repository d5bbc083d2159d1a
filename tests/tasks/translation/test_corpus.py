"""Reading pairs: tables, folders of aligned files, splits; every mistake is a message."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from alih.errors import DataError
from alih.tasks.translation.corpus import read_corpus, read_test


def write(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    path.write_text("".join("\t".join(row) + "\n" for row in rows), encoding="utf-8")
    return path


PAIRS = [(f"sentence {number}", f"kalimat {number}") for number in range(40)]


def test_a_table_is_split_by_seed_without_losing_a_pair(tmp_path: Path) -> None:
    corpus = read_corpus(write(tmp_path / "pairs.tsv", [("en", "id"), *PAIRS]), seed=1)
    parts = (corpus.train, corpus.validation, corpus.test)
    assert sorted(source for part in parts for source in part.sources) == sorted(source for source, _ in PAIRS)
    assert corpus.sizes == {"train": 32, "validation": 4, "test": 4}
    again = read_corpus(tmp_path / "pairs.tsv", seed=1)
    other = read_corpus(tmp_path / "pairs.tsv", seed=2)
    assert corpus.train == again.train != other.train


def folder(path: Path, **sizes: int) -> Path:
    path.mkdir()
    for split, size in sizes.items():
        for side, ending in enumerate(("en", "id")):
            lines = [f"{split} {pair[side]}" for pair in PAIRS[:size]]
            (path / f"{split}.{ending}").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_folder_of_aligned_files_keeps_its_splits(tmp_path: Path) -> None:
    corpus = read_corpus(folder(tmp_path / "data", train=30, valid=5, test=4), "en", "id")
    assert corpus.sizes == {"train": 30, "validation": 5, "test": 4}
    assert (corpus.train.sources[0], corpus.train.targets[0]) == ("train sentence 0", "train kalimat 0")
    assert (corpus.source, corpus.target) == ("en", "id")
    backwards = read_corpus(tmp_path / "data", "id")  # the other side is the one that is left
    assert backwards.train.sources[0] == "train kalimat 0"
    assert len(read_test(tmp_path / "data", "en", "id")) == 4


def test_a_missing_split_is_cut_off_the_training_pairs(tmp_path: Path) -> None:
    corpus = read_corpus(folder(tmp_path / "data", train=30, test_2016=4), "en", "id")
    assert corpus.sizes == {"train": 27, "validation": 3, "test": 4}
    assert not set(corpus.train.sources) & set(corpus.validation.sources)


def test_one_pair_of_files_of_any_name_is_split(tmp_path: Path) -> None:
    assert read_corpus(folder(tmp_path / "data", opus=40), "en", "id").sizes == {
        "train": 32,
        "validation": 4,
        "test": 4,
    }


def test_pairs_of_the_test_are_left_out_of_training_and_said(tmp_path: Path) -> None:
    data = folder(tmp_path / "data", train=30, valid=5, test=4)
    with (data / "train.en").open("a") as one, (data / "train.id").open("a") as other:
        one.write("test sentence 0\n")
        other.write("test kalimat 0\n")
    corpus = read_corpus(data, "en", "id")
    assert len(corpus.train) == 30
    assert any("1 pair also in" in note for note in corpus.notes)


def test_max_examples_takes_so_many_training_pairs(tmp_path: Path) -> None:
    corpus = read_corpus(folder(tmp_path / "data", train=30, valid=5, test=4), "en", "id", max_examples=7)
    assert corpus.sizes == {"train": 7, "validation": 5, "test": 4}


def misaligned(path: Path) -> Path:
    data = folder(path, train=30, valid=5, test=4)
    (data / "train.id").write_text("satu\ndua\n", encoding="utf-8")
    return data


def latin(path: Path) -> Path:
    data = folder(path, train=30)
    (data / "train.id").write_bytes("caf\xe9\n".encode("latin-1") * 30)
    return data


def packed(path: Path) -> Path:
    path.mkdir()
    (path / "train.en.gz").write_bytes(b"\x1f\x8b")
    return path


@pytest.mark.parametrize(
    ("make", "sides", "message"),
    [
        (misaligned, ("en", "id"), r"train.en has 30 lines and train.id has 2 lines: they are not aligned"),
        (latin, ("en", "id"), r"train.id, row 1: byte 3 \(0xE9\) is not UTF-8"),
        (packed, ("en", "id"), r"no aligned files here \(train.en.gz\). Unpack them first"),
        (lambda path: folder(path, train=30), (None, None), r"--source en --target id"),
        (lambda path: folder(path, train=30), ("en", "jv"), r"no aligned files end in .jv \(--target\)"),
        (lambda path: folder(path, train=30), ("en", "en"), r"both name 'en'"),
        (lambda path: folder(path, test=30), ("en", "id"), r"none to train on"),
        (lambda path: folder(path, one=30, two=30), ("en", "id"), r"none of one.en, two.en is called train"),
        (lambda path: folder(path, dev=5, valid=5, train=30), ("en", "id"), r"could each be the validation split"),
        (lambda path: path, ("en", "id"), r"no such file or folder"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, make: Callable[[Path], Path], sides: tuple[str | None, str | None], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        read_corpus(make(tmp_path / "data"), *sides)


def test_one_column_is_no_pair(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="1 column"):
        read_corpus(write(tmp_path / "one.tsv", [("en",), *((source,) for source, _ in PAIRS)]))


def test_a_share_for_a_split_that_is_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="--test means nothing here"):
        read_corpus(folder(tmp_path / "data", train=30, test=4), "en", "id", test=0.2)
