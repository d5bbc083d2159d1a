"""Folders of pictures: one sub-folder a class, splits honoured, everything else said."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from alih.data.folders import by_split
from alih.data.read import read
from alih.task import Modality


def draw(path: Path, shade: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (6, 5), (shade, 255 - shade, shade // 2)).save(path)


def fill(folder: Path, count: int, start: int = 0) -> None:
    for n in range(count):
        draw(folder / "cat" / f"{n}.png", start + 2 * n)
        draw(folder / "dog" / f"{n}.png", start + 2 * n + 1)


def test_sub_folders_are_classes(tmp_path: Path) -> None:
    fill(tmp_path / "photos", 15)
    dataset = read(tmp_path / "photos")
    assert dataset.task.modality is Modality.IMAGE
    assert dataset.task.classes == ("cat", "dog")
    assert [len(side) for side in (dataset.train, dataset.validation, dataset.test)] == [18, 6, 6]
    for value, label in zip(dataset.train.inputs, dataset.train.known_labels, strict=True):
        assert isinstance(value, Path)
        assert value.parent.name == dataset.task.classes[int(label)]
    assert dataset.columns.inputs == ()


def test_split_folders_are_honoured(tmp_path: Path) -> None:
    fill(tmp_path / "photos" / "train", 10)
    fill(tmp_path / "photos" / "val", 3, 100)
    fill(tmp_path / "photos" / "test", 2, 200)
    dataset = read(tmp_path / "photos")
    assert [len(side) for side in (dataset.train, dataset.validation, dataset.test)] == [20, 6, 4]
    assert dataset.test.origins[0] == "photos/test/cat/0.png"


def test_an_unlabelled_test_folder_is_left_aside(tmp_path: Path) -> None:
    fill(tmp_path / "photos" / "train", 10)
    draw(tmp_path / "photos" / "test" / "1.png", 3)
    dataset = read(tmp_path / "photos")
    assert sum(map(len, (dataset.train, dataset.validation, dataset.test))) == 20
    assert any("photos/test holds no class folders" in note for note in dataset.notes)


def test_hidden_files_and_litter_are_ignored_and_other_files_listed(tmp_path: Path) -> None:
    fill(tmp_path / "photos", 10)
    for name in (".DS_Store", "Thumbs.db", "notes.txt"):
        (tmp_path / "photos" / "cat" / name).write_text("x")
    (tmp_path / "photos" / "readme.md").write_text("x")
    dataset = read(tmp_path / "photos")
    assert [(damage.origin, damage.reason) for damage in dataset.damaged] == [
        ("photos/cat/notes.txt", "not a picture file")
    ]
    assert any("left aside: readme.md" in note for note in dataset.notes)


def test_pictures_with_the_same_pixels_are_duplicates_whatever_their_format(tmp_path: Path) -> None:
    fill(tmp_path / "photos", 10)
    for n in range(4):
        Image.open(tmp_path / "photos" / "cat" / f"{n}.png").save(tmp_path / "photos" / "cat" / f"copy{n}.bmp")
    dataset = read(tmp_path / "photos")
    stems = [
        {Path(str(value)).stem.removeprefix("copy") for value in side.inputs if "cat" in str(value)}
        for side in (dataset.train, dataset.validation, dataset.test)
    ]
    assert sum(map(len, stems)) == len(set().union(*stems)) == 10
    assert any("4 duplicates" in note for note in dataset.notes)


def test_loops_of_links_end(tmp_path: Path) -> None:
    fill(tmp_path / "photos", 10)
    os.symlink(tmp_path / "photos", tmp_path / "photos" / "cat" / "up", target_is_directory=True)
    os.symlink("self", tmp_path / "photos" / "cat" / "self.png")
    dataset = read(tmp_path / "photos")
    assert "photos/cat/self.png" in [damage.origin for damage in dataset.damaged]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["train.csv", "valid.csv", "test.csv"], {"train": 1, "validation": 1, "test": 1}),
        (["train-00000-of-00002.parquet", "train-00001-of-00002.parquet"], {"train": 2}),
        (["data_train.jsonl", "data_dev.jsonl"], {"train": 1, "validation": 1}),
        (["only.csv"], {None: 1}),
    ],
)
def test_files_are_sorted_into_splits_by_name(names: list[str], expected: dict[str | None, int]) -> None:
    found, _ = by_split("folder", [Path(name) for name in names])
    assert {split: len(files) for split, files in found.items()} == expected
