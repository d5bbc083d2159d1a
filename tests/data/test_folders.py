"""Folders of pictures: one sub-folder a class, splits honoured, everything else said."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alih.data.folders import by_split
from alih.data.images import load
from alih.data.read import read, read_inputs
from alih.errors import DataError
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


def scans(folder: Path, top: dict[str, int], count: int = 12) -> None:
    """Pictures of 16 bits whose class is how bright they are."""
    for name, brightest in top.items():
        for n in range(count):
            values = np.random.default_rng([brightest, n]).integers(0, brightest, (9, 9)).astype(np.uint16)
            values[0, 0] = brightest
            (folder / name).mkdir(parents=True, exist_ok=True)
            Image.fromarray(values).save(folder / name / f"{n}.png")


def test_deep_pictures_are_scaled_together_so_that_brightness_stays_what_it_is(tmp_path: Path) -> None:
    scans(tmp_path / "scans", {"thin": 800, "dense": 3600})
    dataset = read(tmp_path / "scans")
    assert dataset.columns.levels == (0, 4095)
    assert "24 pictures of more than 8 bits: 0 is shown as black, 4095 as white" in dataset.notes
    brightest = {
        (dataset.task.classes[int(label)], int(np.asarray(load(Path(str(value)))).max()))
        for side in (dataset.train, dataset.validation, dataset.test)
        for value, label in zip(side.inputs, side.known_labels, strict=True)
    }
    assert brightest == {("thin", round(800 * 255 / 4095)), ("dense", round(3600 * 255 / 4095))}
    # A new picture is read as the training data was, not by its own range.
    new = read_inputs(tmp_path / "scans" / "thin", dataset.task, dataset.columns)
    assert {int(np.asarray(load(Path(str(value)))).max()) for value in new.inputs} == {round(800 * 255 / 4095)}


def test_what_is_done_to_pictures_is_said(tmp_path: Path) -> None:
    fill(tmp_path / "photos", 10)
    exif = Image.Exif()
    exif[0x0112] = 6
    for n in range(3):
        Image.new("RGB", (6, 5), (n, 90, 200)).save(tmp_path / "photos" / "cat" / f"turned{n}.jpg", exif=exif)
    Image.new("RGBA", (6, 5), (1, 2, 3, 0)).save(tmp_path / "photos" / "dog" / "clear.png")
    notes = read(tmp_path / "photos").notes
    assert "3 pictures turned upright, as the file says" in notes
    assert "1 picture with transparent parts, laid on a background" in notes


def test_a_class_that_loses_all_its_pictures_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path / "photos", 20)
    (tmp_path / "photos" / "bird").mkdir()
    for n in range(3):
        (tmp_path / "photos" / "bird" / f"{n}.svg").write_text("<svg/>")
    with pytest.raises(DataError, match=r'none of the 3 pictures of class "bird" can be read'):
        read(tmp_path / "photos")


def test_a_class_folder_of_unknown_files_is_an_error(tmp_path: Path) -> None:
    fill(tmp_path / "photos", 20)
    (tmp_path / "photos" / "bird").mkdir()
    (tmp_path / "photos" / "bird" / "1.npy").write_bytes(b"x")
    with pytest.raises(DataError, match=r"photos/bird: 1 file, none of them a picture that is known: \.npy \(1\)"):
        read(tmp_path / "photos")


def test_pictures_that_cannot_be_read_are_counted_and_named(tmp_path: Path) -> None:
    fill(tmp_path / "photos", 20)
    (tmp_path / "photos" / "cat" / "broken.heic").write_bytes(b"nothing")
    dataset = read(tmp_path / "photos")
    assert [damage.origin for damage in dataset.damaged] == ["photos/cat/broken.heic"]
    assert any("1 row or file left out as damaged" in note for note in dataset.notes)


def test_folders_whose_names_differ_only_in_how_accents_are_stored_are_one_class(tmp_path: Path) -> None:
    fill(tmp_path / "photos", 10)
    for name, start in (("caf\u00e9", 40), ("cafe\u0301", 60)):
        for n in range(6):
            draw(tmp_path / "photos" / name / f"{n}.png", start + n)
    assert read(tmp_path / "photos").task.classes == ("caf\u00e9", "cat", "dog")


def test_a_table_finds_pictures_whose_accents_are_stored_otherwise(tmp_path: Path) -> None:
    rows = ["file,label"]
    for n in range(12):
        draw(tmp_path / f"caf\u00e9{n}.png", n)
        rows.append(f"cafe\u0301{n}.png,{'ab'[n % 2]}")
    (tmp_path / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    assert not read(tmp_path / "labels.csv").damaged
