"""Parquet files and saved `datasets` folders, with the class names they store."""

from __future__ import annotations

import io
import json
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from alih.data import columnar
from alih.data import table as table_module
from alih.data.columnar import read_parquet
from alih.data.read import read
from alih.data.spill import is_spilled, spill
from alih.errors import DataError, OptionError
from alih.task import Kind, Modality

from .malformed import bomb

datasets = pytest.importorskip("datasets", reason="needs the extra alih[datasets]")

TEXTS = [f"a sentence with number {n}" for n in range(40)]


def test_class_names_come_from_the_parquet_schema(tmp_path: Path) -> None:
    features = {
        "label": {"names": ["neg", "pos"], "_type": "ClassLabel"},
        "text": {"dtype": "string", "_type": "Value"},
    }
    table = pa.table({"text": TEXTS, "label": [n % 2 for n in range(40)]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, tmp_path / "data.parquet")
    assert read(tmp_path / "data.parquet").task.classes == ("neg", "pos")


def test_a_saved_dataset_keeps_splits_names_and_order(tmp_path: Path) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["z", "a"])})
    whole = datasets.Dataset.from_dict({"text": TEXTS, "label": [n % 2 for n in range(40)]}, features=features)
    parts = {
        "train": whole.select(range(30)),
        "test": whole.select(range(30, 40)),
        "unsupervised": whole.select(range(5)),
    }
    datasets.DatasetDict(parts).save_to_disk(str(tmp_path / "saved"))
    dataset = read(tmp_path / "saved")
    assert dataset.task.classes == ("z", "a")
    assert list(dataset.test.inputs) == TEXTS[30:]
    assert any("left aside: unsupervised (5 rows)" in note for note in dataset.notes)


def test_a_single_saved_dataset_is_split(tmp_path: Path) -> None:
    whole = datasets.Dataset.from_dict({"text": TEXTS, "label": ["a", "b"] * 20})
    whole.shuffle(seed=0).select(range(30)).save_to_disk(str(tmp_path / "saved"))
    dataset = read(tmp_path / "saved")
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 30
    assert dataset.train.origins[0].startswith("saved, row ")


def test_rows_marked_as_unlabelled_are_left_aside(tmp_path: Path) -> None:
    features = datasets.Features({"text": datasets.Value("string"), "label": datasets.ClassLabel(names=["z", "a"])})
    train = datasets.Dataset.from_dict({"text": TEXTS[:30], "label": [n % 2 for n in range(30)]}, features=features)
    test = datasets.Dataset.from_dict({"text": TEXTS[30:], "label": [-1] * 10}, features=features)
    datasets.DatasetDict({"train": train, "test": test}).save_to_disk(str(tmp_path / "saved"))
    dataset = read(tmp_path / "saved")
    assert sum(map(len, (dataset.train, dataset.validation, dataset.test))) == 30
    assert any("has no labels" in note for note in dataset.notes)


def test_pictures_stored_in_a_dataset_become_files(tmp_path: Path) -> None:
    pictures = [Image.fromarray(np.full((5, 4, 3), n, np.uint8)) for n in range(20)]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["dark", "light"])})
    whole = datasets.Dataset.from_dict({"image": pictures, "label": [int(n > 9) for n in range(20)]}, features=features)
    whole.save_to_disk(str(tmp_path / "saved"))
    dataset = read(tmp_path / "saved")
    assert dataset.task.modality is Modality.IMAGE
    assert dataset.task.classes == ("dark", "light")
    first = dataset.train.inputs[0]
    assert isinstance(first, Path)
    assert is_spilled(first)
    with Image.open(first) as picture:
        assert (picture.height, picture.width) == (5, 4)


def _embedded(folder: Path, count: int, side: int = 64) -> Path:
    """A Parquet file of pictures of noise, which do not compress, as `datasets` stores them."""
    rng = np.random.default_rng(0)
    cells = []
    for _ in range(count):
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (side, side, 3), dtype=np.uint8)).save(buffer, "PNG")
        cells.append({"bytes": buffer.getvalue(), "path": None})
    labels = [str(n % 2) for n in range(count)]
    pq.write_table(pa.table({"image": cells, "label": labels}), folder / "data.parquet", row_group_size=50)
    return folder / "data.parquet"


def test_embedded_pictures_of_a_parquet_file_never_lie_in_memory_together(tmp_path: Path) -> None:
    path = _embedded(tmp_path, 1000)
    table = read_parquet(path)  # what is imported and allocated once is not counted
    tracemalloc.start()
    table = read_parquet(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert path.stat().st_size > 12_000_000
    assert peak < 3_000_000
    assert all(isinstance(cell, Path) for cell in table.columns["image"])


def test_embedded_pictures_keep_their_pixels_rows_and_names(tmp_path: Path) -> None:
    path = _embedded(tmp_path, 300)
    table = read_parquet(path)
    cells = pq.read_table(path).column("image").to_pylist()
    assert [cell.read_bytes() for cell in table.columns["image"]] == [cell["bytes"] for cell in cells]
    assert table.origins[299] == "data.parquet, row 300"


def test_a_row_without_a_picture_is_damaged_and_the_rest_is_read(tmp_path: Path) -> None:
    path = _embedded(tmp_path, 20)
    cells = pq.read_table(path).column("image").to_pylist()
    cells[3], cells[7] = None, {"bytes": b"", "path": None}
    cells[9] = {"bytes": bomb(), "path": None}
    pq.write_table(pa.table({"image": cells, "label": ["a", "b"] * 10}), path)
    dataset = read(path)
    assert {damage.origin for damage in dataset.damaged} == {f"data.parquet, row {row}" for row in (4, 8, 10)}
    assert any(
        "60,000 × 60,000 pixels" in damage.reason or "million pixels" in damage.reason for damage in dataset.damaged
    )


def test_an_embedded_picture_of_too_many_bytes_is_refused_by_its_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _embedded(tmp_path, 20)
    monkeypatch.setattr(columnar, "MAX_FILE_BYTES", 10_000)
    with pytest.raises(DataError, match=r"data\.parquet, row 1: the embedded picture takes .*Scale it down"):
        read(path)


def test_a_table_larger_than_memory_should_hold_is_refused_while_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pq.write_table(
        pa.table({"text": ["the same words again"] * 5000, "label": ["a", "b"] * 2500}), tmp_path / "t.parquet"
    )
    monkeypatch.setattr(table_module, "MAX_BYTES", 50_000)
    assert (tmp_path / "t.parquet").stat().st_size < 50_000  # packed it is small: what counts is what it unpacks to
    with pytest.raises(DataError, match=r"t\.parquet: .* GB of rows, more than .* Give a part of the file"):
        read(tmp_path / "t.parquet", max_examples=10)


def test_without_room_for_pictures_the_message_names_folder_and_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match=r"t, row 1: .*No space left on device.*TMPDIR"):
        spill(b"never seen before", "t, row 1")


def test_lists_of_classes_are_multi_label(tmp_path: Path) -> None:
    features = datasets.Features(
        {"text": datasets.Value("string"), "labels": datasets.Sequence(datasets.ClassLabel(names=["x", "y", "z"]))}
    )
    whole = datasets.Dataset.from_dict(
        {"text": TEXTS, "labels": [[n % 3, (n + 1) % 3] for n in range(40)]}, features=features
    )
    whole.save_to_disk(str(tmp_path / "saved"))
    task = read(tmp_path / "saved").task
    assert task.kind is Kind.MULTI
    assert task.classes == ("x", "y", "z")


def test_without_the_package_a_saved_folder_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "dataset_info.json").write_text("{}")
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(OptionError, match=r"pip install 'alih\[datasets\]'"):
        read(tmp_path / "saved")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match=r"no such file or folder here.*pip install"):
        read("somebody/something")


def test_a_hub_that_cannot_be_reached_is_not_tried_again_and_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    def unreachable(*_: object) -> None:
        raise OSError("name or service not known")

    def offline_now(*_: object, **__: object) -> None:
        raise ConnectionError(f"offline: {constants.HF_HUB_OFFLINE}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("socket.getaddrinfo", unreachable)
    monkeypatch.setattr("alih.data.hub.getproxies", dict)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets, "load_dataset", offline_now)
    with pytest.raises(DataError, match=r"offline: True.*without a network"):
        read("somebody/something")
    assert constants.HF_HUB_OFFLINE is False
