"""Parquet files and saved `datasets` folders, with the class names they store."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alih.data.read import read
from alih.errors import DataError, OptionError
from alih.task import Kind, Modality

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


def test_pictures_stored_in_a_dataset_become_pixels(tmp_path: Path) -> None:
    from PIL import Image

    pictures = [Image.fromarray(np.full((5, 4, 3), n, np.uint8)) for n in range(20)]
    features = datasets.Features({"image": datasets.Image(), "label": datasets.ClassLabel(names=["dark", "light"])})
    whole = datasets.Dataset.from_dict({"image": pictures, "label": [int(n > 9) for n in range(20)]}, features=features)
    whole.save_to_disk(str(tmp_path / "saved"))
    dataset = read(tmp_path / "saved")
    assert dataset.task.modality is Modality.IMAGE
    assert dataset.task.classes == ("dark", "light")
    first = dataset.train.inputs[0]
    assert isinstance(first, np.ndarray)
    assert first.shape == (5, 4, 3)


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
