"""Reading end to end: what was found is said, splits are as given or drawn, and duplicates never cross them."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alih.data.examples import Dataset, Examples
from alih.data.read import read
from alih.errors import AlihError
from alih.task import Kind, Modality

from .heard import Heard
from .malformed import photos

ROWS = [{"text": f"a sentence with number {n}", "label": ["good", "bad", "so-so"][n % 3]} for n in range(60)]


def save(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    if path.suffix in (".csv", ".tsv"):
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(rows[0]), delimiter="\t" if path.suffix == ".tsv" else ",")
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif path.suffix == ".json":
        path.write_text(json.dumps({"data": rows}), encoding="utf-8")
    else:
        pq.write_table(pa.Table.from_pylist(rows), path)
    return path


def sides(dataset: Dataset) -> list[Examples]:
    return [dataset.train, dataset.validation, dataset.test]


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".json", ".jsonl", ".parquet"])
def test_every_format_gives_the_same_dataset(tmp_path: Path, suffix: str) -> None:
    dataset = read(save(tmp_path / f"reviews{suffix}"))
    reference = read(save(tmp_path / "reference.csv"))
    assert dataset.name == "reviews"
    assert dataset.task == reference.task
    assert dataset.task.classes == ("bad", "good", "so-so")
    for got, expected in zip(sides(dataset), sides(reference), strict=True):
        assert list(got.inputs) == list(expected.inputs)
        assert got.known_labels.tolist() == expected.known_labels.tolist()


def test_labels_stay_with_their_texts_and_origins_with_their_rows(tmp_path: Path) -> None:
    dataset = read(save(tmp_path / "reviews.csv"))
    truth = {row["text"]: row["label"] for row in ROWS}
    lines = (tmp_path / "reviews.csv").read_text().splitlines()
    for side in sides(dataset):
        for text, label, origin in zip(side.inputs, side.known_labels, side.origins, strict=True):
            assert dataset.task.classes[int(label)] == truth[str(text)]
            assert lines[int(origin.rsplit(" ", 1)[1]) - 1].startswith(str(text))


def test_what_was_taken_is_said(tmp_path: Path) -> None:
    notes = read(save(tmp_path / "reviews.csv")).notes
    assert "reviews.csv: took text as text, label as label" in notes
    assert any("3 classes (bad 20, good 20, so-so 20)" in note for note in notes)
    assert any(note.startswith("splits: 36 train, 12 validation, 12 test") for note in notes)


def test_a_file_without_a_header_is_read_and_said(tmp_path: Path) -> None:
    path = tmp_path / "smsa.tsv"
    path.write_text("".join(f"{row['text']}\t{row['label']}\n" for row in ROWS), encoding="utf-8")
    dataset = read(path)
    assert sum(map(len, sides(dataset))) == 60
    assert any("no header line: took column 1 as text, column 2 as label" in note for note in dataset.notes)
    assert dataset.columns.inputs == ("column 1",)


def test_given_splits_are_honoured(tmp_path: Path) -> None:
    save(tmp_path / "train.csv", ROWS[:40])
    save(tmp_path / "dev.csv", ROWS[40:50])
    save(tmp_path / "test.csv", ROWS[50:])
    dataset = read(tmp_path)
    assert [len(side) for side in sides(dataset)] == [40, 10, 10]
    assert dataset.test.origins[0] == "test.csv, row 2"
    assert any("as given" in note for note in dataset.notes)


def test_a_missing_split_is_drawn_from_training_and_said(tmp_path: Path) -> None:
    save(tmp_path / "train.jsonl", ROWS[:50])
    save(tmp_path / "test.jsonl", ROWS[50:])
    dataset = read(tmp_path)
    assert [len(side) for side in sides(dataset)] == [40, 10, 10]
    assert any("validation drawn from the training rows" in note for note in dataset.notes)


def test_a_test_file_without_labels_is_left_aside(tmp_path: Path) -> None:
    save(tmp_path / "train.csv", ROWS[:50])
    save(tmp_path / "test.csv", [{"text": row["text"]} for row in ROWS[50:]])
    dataset = read(tmp_path)
    assert sum(map(len, sides(dataset))) == 50
    assert any("test.csv: has no labels" in note for note in dataset.notes)


def test_a_split_column_is_honoured(tmp_path: Path) -> None:
    rows = [{**row, "split": "uji" if n >= 45 else "latih"} for n, row in enumerate(ROWS)]
    dataset = read(save(tmp_path / "reviews.csv", rows))
    assert set(dataset.test.inputs) == {row["text"] for row in ROWS[45:]}


def test_shards_of_a_split_are_joined(tmp_path: Path) -> None:
    save(tmp_path / "train-00000-of-00002.parquet", ROWS[:30])
    save(tmp_path / "train-00001-of-00002.parquet", ROWS[30:])
    assert sum(map(len, sides(read(tmp_path)))) == 60


def test_a_pattern_chooses_one_dataset_of_a_folder(tmp_path: Path) -> None:
    for language in ("english", "indonesian"):
        save(tmp_path / f"{language}-train.csv", ROWS[:40])
        save(tmp_path / f"{language}-valid.csv", ROWS[40:50])
        save(tmp_path / f"{language}-test.csv", ROWS[50:])
    dataset = read(f"{tmp_path}/english-*.csv")
    assert dataset.name == "english"
    assert [len(side) for side in sides(dataset)] == [40, 10, 10]


def test_duplicates_of_held_out_rows_leave_training_and_are_counted(tmp_path: Path) -> None:
    copies = [{"text": f"  {row['text'].upper()} ", "label": row["label"]} for row in ROWS[50:54]]
    save(tmp_path / "train.csv", ROWS[:40] + copies)
    save(tmp_path / "validation.csv", ROWS[40:50])
    save(tmp_path / "test.csv", ROWS[50:])
    dataset = read(tmp_path)
    assert [len(side) for side in sides(dataset)] == [40, 10, 10]
    assert any(
        "4 duplicates of held-out examples removed from train (first: train.csv, row 42)" in n for n in dataset.notes
    )


def test_duplicates_are_kept_on_one_side_of_a_drawn_split(tmp_path: Path) -> None:
    dataset = read(save(tmp_path / "reviews.csv", ROWS + ROWS[:20]))
    texts = [set(side.inputs) for side in sides(dataset)]
    assert not texts[0] & texts[1]
    assert not texts[0] & texts[2]
    assert not texts[1] & texts[2]
    assert any("20 duplicates" in note for note in dataset.notes)


def test_contradicting_labels_are_said(tmp_path: Path) -> None:
    dataset = read(save(tmp_path / "reviews.csv", [*ROWS, {"text": ROWS[0]["text"], "label": "bad"}]))
    assert any("another label" in note and "row 2 and reviews.csv, row 62" in note for note in dataset.notes)


def test_a_group_stays_on_one_side(tmp_path: Path) -> None:
    rows = [{**row, "user": f"u{n // 4}"} for n, row in enumerate(ROWS)]
    dataset = read(save(tmp_path / "reviews.csv", rows), group="user")
    groups = [set(side.groups or ()) for side in sides(dataset)]
    assert all(groups)
    assert sum(map(len, groups)) == len(set().union(*groups)) == 15
    assert dataset.columns.group == "user"


def test_rows_of_held_out_groups_leave_training(tmp_path: Path) -> None:
    rows = [{**row, "user": f"u{n // 4}"} for n, row in enumerate(ROWS)]
    save(tmp_path / "train.csv", rows[:42])
    save(tmp_path / "validation.csv", rows[42:50])
    save(tmp_path / "test.csv", rows[50:])
    dataset = read(tmp_path, group="user")
    groups = [set(side.groups or ()) for side in sides(dataset)]
    assert sum(map(len, groups)) == len(set().union(*groups))
    assert any("held-out groups removed from train" in note for note in dataset.notes)


def test_pairs_of_texts(tmp_path: Path) -> None:
    rows = [{"premise": row["text"], "hypothesis": f"so {n}", "label": row["label"]} for n, row in enumerate(ROWS)]
    dataset = read(save(tmp_path / "pairs.csv", rows))
    assert dataset.task.pair
    assert isinstance(dataset.train.inputs[0], tuple)
    named = read(save(tmp_path / "pairs.csv", rows), text="hypothesis,premise")
    assert isinstance(named.train.inputs[0], tuple)
    assert named.train.inputs[0][0].startswith("so ")


@pytest.mark.parametrize("suffix", [".csv", ".json", ".parquet"])
def test_multi_label(tmp_path: Path, suffix: str) -> None:
    several = [["food"], ["food", "room"], ["room", "staff"], ["staff"]]
    rows = [
        {"text": row["text"], "tags": ";".join(several[n % 4]) if suffix == ".csv" else several[n % 4]}
        for n, row in enumerate(ROWS)
    ]
    dataset = read(save(tmp_path / f"hotels{suffix}", rows))
    assert dataset.task.kind is Kind.MULTI
    assert dataset.task.classes == ("food", "room", "staff")
    assert dataset.train.known_labels.dtype == np.float32
    assert sum(side.known_labels.sum() for side in sides(dataset)) == 90


def test_multi_label_in_columns_of_zeros_and_ones(tmp_path: Path) -> None:
    rows = [{"text": row["text"], "rude": n % 2, "kind": n % 3 // 2} for n, row in enumerate(ROWS)]
    dataset = read(save(tmp_path / "tone.csv", rows), label="rude,kind")
    assert dataset.task.classes == ("rude", "kind")
    assert sum(side.known_labels.sum(axis=0) for side in sides(dataset)).tolist() == [30, 20]


def test_regression(tmp_path: Path) -> None:
    rows = [{"text": row["text"], "score": n / 7} for n, row in enumerate(ROWS)]
    dataset = read(save(tmp_path / "essays.csv", rows))
    assert dataset.task.kind is Kind.REGRESSION
    assert dataset.task.outputs == 1
    assert dataset.train.known_labels.dtype == np.float32
    assert any("from 0 to 8.42857" in note for note in dataset.notes)


def test_a_column_of_prices_is_regression_and_the_inferred_task_is_said(tmp_path: Path) -> None:
    prices = np.random.default_rng(0).integers(0, 100_000, 60).tolist()
    path = save(tmp_path / "houses.csv", [{"text": row["text"], "price": prices[n]} for n, row in enumerate(ROWS)])
    dataset = read(path, label="price")
    assert dataset.task.kind is Kind.REGRESSION
    assert any("texts, regression: 60 examples" in note for note in dataset.notes)
    assert any('"price"' in note and "taken as measured (regression)" in note for note in dataset.notes)
    with pytest.raises(AlihError, match=r'Name it with --label\. Columns left: "price"'):
        read(path)  # unique whole numbers under any other name may as well be row numbers


def test_prices_of_too_few_rows_are_refused_with_what_forces_regression(tmp_path: Path) -> None:
    rows = [{"text": row["text"], "price": 1000 + 77 * n} for n, row in enumerate(ROWS[:15])]
    with pytest.raises(AlihError, match=r"these are no classes.*--kind regression"):
        read(save(tmp_path / "houses.csv", rows), label="price")
    assert read(tmp_path / "houses.csv", label="price", kind=Kind.REGRESSION).task.kind is Kind.REGRESSION


def test_max_examples_keeps_every_class_in_proportion(tmp_path: Path) -> None:
    dataset = read(save(tmp_path / "reviews.csv"), max_examples=12)
    assert Counter(dataset.train.known_labels.tolist()) == {0: 4, 1: 4, 2: 4}
    assert [len(side) for side in sides(dataset)] == [12, 12, 12]


def test_seeds_decide_and_repeat(tmp_path: Path) -> None:
    path = save(tmp_path / "reviews.csv")
    assert list(read(path).test.inputs) == list(read(path).test.inputs)
    assert list(read(path).test.inputs) != list(read(path, seed=1).test.inputs)


def test_a_table_of_picture_paths(tmp_path: Path) -> None:
    from PIL import Image

    for n in range(20):
        Image.new("L", (4, 4), n * 10).save(tmp_path / f"{n}.png")
    rows = [{"file_name": f"{n}.png" if n % 2 else str(tmp_path / f"{n}.png"), "label": "ab"[n % 2]} for n in range(20)]
    dataset = read(save(tmp_path / "labels.csv", rows))
    assert dataset.task.modality is Modality.IMAGE
    assert all(isinstance(value, Path) and value.is_file() for value in dataset.train.inputs)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet"])
def test_reading_says_how_far_it_is(tmp_path: Path, suffix: str) -> None:
    heard = Heard()
    read(save(tmp_path / f"reviews{suffix}"), progress=heard)
    total, done = heard.steps[f"Reading reviews{suffix}"]
    assert total == done >= 60
    assert heard.steps[f"Checking the texts of reviews{suffix}"] == (60, 60)


def test_checking_pictures_says_how_far_it_is(tmp_path: Path) -> None:
    photos()(tmp_path)
    heard = Heard()
    read(tmp_path / "photos", progress=heard)
    assert heard.steps == {"Checking the pictures of photos": (24, 24)}


def test_reading_a_table_loads_no_model_library(tmp_path: Path) -> None:
    path = save(tmp_path / "reviews.csv")
    program = (
        "import sys; from alih.data.read import read; "
        f"read({str(path)!r}); print([name for name in ('torch', 'transformers', 'sklearn', 'pyarrow', 'datasets') "
        "if name in sys.modules])"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "[]"


def test_malformed_input_fails_before_any_model_library_is_loaded(tmp_path: Path) -> None:
    program = (
        "import sys\nfrom alih.data.read import read\nfrom alih.errors import AlihError\n"
        f"try: read({str(tmp_path / 'no.csv')!r})\nexcept AlihError: print('torch' in sys.modules)"
    )
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert printed.strip() == "False"


@pytest.mark.parametrize(
    ("name", "counts", "classes"),
    [
        ("banking77", [None, None, 3080], 77),
        ("smsa", [None, 1260, 500], 3),
        ("nusax/english-*.csv", [500, 100, 400], 3),
    ],
)
def test_public_datasets_are_read(shared_data: Path, name: str, counts: list[int | None], classes: int) -> None:
    dataset = read(f"{shared_data}/{name}")
    assert len(dataset.task.classes) == classes
    for side, count in zip(sides(dataset), counts, strict=True):
        assert count is None or len(side) == count
    assert not dataset.damaged


def test_public_data_of_another_kind_gets_a_message(shared_data: Path) -> None:
    for name in ("bccd", "gsm8k", "idk_mrc", "cranfield", "multi30k", "resnet_cifar10", "stories260K", "nusax"):
        with pytest.raises(AlihError):
            read(shared_data / name)
