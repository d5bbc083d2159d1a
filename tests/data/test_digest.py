"""The digest of a dataset: the same in any process and order of reading, another for any change."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from alih.data.read import read

from .malformed import photos

LINES = [f"text number {n},{'ab'[n % 2]}" for n in range(40)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "reviews.csv"
    path.write_text("\n".join(["text,label", *LINES]))
    return path


def test_another_process_finds_the_same_digest(table: Path) -> None:
    program = f"from alih.data.read import read; print(read({str(table)!r}).digest())"
    printed = {
        subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": seed}
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert printed == {read(table).digest()}


def test_the_name_of_the_file_is_no_content(table: Path) -> None:
    before = read(table).digest()
    assert read(table.rename(table.with_name("opinions.csv"))).digest() == before


def test_any_change_of_inputs_labels_or_splits_shows(table: Path) -> None:
    dataset = read(table)
    text = list(dataset.test.inputs)
    text[0] = f"{text[0]}!"
    labels = np.array(dataset.train.known_labels)
    labels[0] = 1 - labels[0]
    changed = [
        read(table, seed=1),
        replace(dataset, test=replace(dataset.test, inputs=text)),
        replace(dataset, train=replace(dataset.train, labels=labels)),
        replace(dataset, validation=dataset.test, test=dataset.validation),
        replace(dataset, task=replace(dataset.task, classes=("a", "c"))),
    ]
    assert len({dataset.digest(), *(other.digest() for other in changed)}) == 6


def test_pictures_count_by_their_bytes(tmp_path: Path) -> None:
    photos()(tmp_path)
    before = read(tmp_path / "photos").digest()
    assert read(tmp_path / "photos").digest() == before
    file = tmp_path / "photos" / "cat" / "3.png"
    file.write_bytes(file.read_bytes() + b"\0")
    assert read(tmp_path / "photos").digest() != before
