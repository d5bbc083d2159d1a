"""Notes are told in Indonesian with every name and number of the English, and unknown ones stay as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import alih
from alih.compare.plan import Stop
from alih.compare.report.notes import SENTENCES, in_indonesian

GAP = re.compile(r"\{(\w+)\}")


@pytest.mark.parametrize("pair", SENTENCES, ids=lambda pair: pair[0][:40])
def test_both_languages_have_the_same_gaps(pair: tuple[str, str]) -> None:
    assert sorted(GAP.findall(pair[0])) == sorted(GAP.findall(pair[1]))


@pytest.mark.parametrize(
    ("english", "indonesian"),
    [
        ("splits: 54 train, 18 validation, 18 test (validation and test drawn from all rows, seed 0)",
         "pembagian: 54 latih, 18 validasi, 18 uji (validasi dan uji diambil dari semua baris, seed 0)"),
        ("test: texts, single-label: 90 examples, 2 classes (train 45, test 45)",
         "test: teks, satu label: 90 contoh, 2 kelas (train 45, test 45)"),
        ("reviews.csv: took text as text, label as label; not used: id",
         "reviews.csv: dipakai: text sebagai teks, label sebagai label; tidak dipakai: id"),
        ("3 duplicates of held-out examples removed from train (first: a.csv, row 4)",
         "3 duplikat dari contoh yang disisihkan dikeluarkan dari latih (yang pertama: a.csv, row 4)"),
        ("lora was not measured on all examples: the time limit was reached.",
         "lora tidak diukur pada semua contoh: batas waktu tercapai."),
        ("something that no version ever said", "something that no version ever said"),
    ],
)  # fmt: skip
def test_what_is_known_is_told(english: str, indonesian: str) -> None:
    assert in_indonesian(english) == indonesian


@pytest.mark.parametrize(
    "stop",
    [
        Stop("lora", "transfer", 1200, 0.04),
        Stop("lora", "transfer", 1200, 0.4, "0.12 points"),
        Stop("lora", "transfer", 1200, 0.0, perfect=True),
    ],
)
def test_every_reason_to_stop_is_known(stop: Stop) -> None:
    told = in_indonesian(str(stop))
    assert told != str(stop)
    assert "transfer" in told
    assert "validation" not in told


def test_the_notes_of_a_run_are_known(reviews_csv: Path, tiny_bert: Path, tmp_path: Path) -> None:
    found = alih.compare(
        reviews_csv, model=str(tiny_bert), routes="transfer,finetune", epochs=1, blocks=(1,), seeds=1, runs=tmp_path
    )
    notes = (*found.folder.spec["data"]["notes"], *found.notes, *(one.partition(": ")[2] for one in found.skipped))
    assert notes
    for note in notes:
        assert in_indonesian(note) != note, note
