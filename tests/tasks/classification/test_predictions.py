"""Predictions read back from CSV and JSON lines as they were made, whatever the texts hold."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alih.cli.using import check_output, write_output
from alih.data.delimited import unguarded
from alih.data.examples import Damage, Examples, Input
from alih.data.sources import read_table
from alih.errors import ModelError, OptionError
from alih.task import Kind, Modality, Task
from alih.tasks.classification.predictions import Prediction, Row, predictions, render, rows


def write(path: Path, found: list[Row], task: Task) -> None:
    """As `alih predict --output` does."""
    write_output(path, render(found, task, "jsonl" if path.suffix == ".jsonl" else "csv"))


TWO = Task(Modality.TEXT, Kind.SINGLE, ("no, never", 'ye"s'))
PAIRS = Task(Modality.TEXT, Kind.SINGLE, ("no", "yes"), pair=True)
TAGS = Task(Modality.TEXT, Kind.MULTI, ("a", "b", "c"))
NUMBER = Task(Modality.TEXT, Kind.REGRESSION)

#: Texts with everything that CSV and JSON must escape.
TEXTS = st.text(st.sampled_from("aé ,;\"'\r\n\t\\|=+-@\u2028") | st.characters(codec="utf-8"))


def examples(inputs: list[Input]) -> Examples:
    return Examples(inputs, None, [f"new.csv, row {number}" for number in range(2, len(inputs) + 2)])


def logits_of(count: int, outputs: int = 2) -> np.ndarray:
    return np.random.default_rng(count).normal(size=(count, outputs)).astype(np.float32)


def write_and_read(name: str, found: list[Prediction], inputs: list[Input], task: Task) -> str:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        write(path, rows(examples(inputs), found), task)
        return path.read_bytes().decode()


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_csv_reads_back_as_it_was_written(texts: list[str]) -> None:
    found = predictions(TWO, logits_of(len(texts)))
    text = write_and_read("out.csv", found, list(texts), TWO)
    read = read_csv(text)
    assert [unguarded(row["input"]) for row in read] == texts
    assert not any(row["input"].startswith(("=", "+", "-", "@", "\t", "\r")) for row in read)
    assert [row["prediction"] for row in read] == [one.label for one in found]
    assert [float(row["probability"]) for row in read] == pytest.approx([one.probability for one in found], abs=1e-6)
    for row, one in zip(read, found, strict=True):
        spread = {name: float(row[f"probability of {name}"]) for name in TWO.classes}
        assert spread == pytest.approx(one.probabilities, abs=1e-6)


@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_json_lines_read_back_as_they_were_written(texts: list[str]) -> None:
    found = predictions(TWO, logits_of(len(texts)))
    *lines, last = write_and_read("out.jsonl", found, list(texts), TWO).split("\n")
    assert last == ""
    read = [json.loads(line) for line in lines]
    assert [record["input"] for record in read] == texts
    assert [record["prediction"] for record in read] == [one.label for one in found]
    assert [record["probabilities"] for record in read] == [one.probabilities for one in found]


def test_pairs_have_a_column_each() -> None:
    found = predictions(PAIRS, logits_of(2))
    inputs: list[Input] = [("first", "second, with comma"), ("third", "four\nth")]
    [one, two] = read_csv(write_and_read("out.csv", found, inputs, PAIRS))
    assert (one["text_a"], one["text_b"]) == inputs[0]
    assert (two["text_a"], two["text_b"]) == inputs[1]
    first = json.loads(write_and_read("out.jsonl", found, inputs, PAIRS).split("\n")[0])
    assert first["input"] == list(inputs[0])


def test_several_labels_are_those_at_least_half_probable() -> None:
    found = predictions(TAGS, np.array([[3.0, -3.0, 0.0], [-1.0, -1.0, -1.0]], dtype=np.float32))
    assert [one.label for one in found] == [("a", "c"), ()]
    assert found[0].probabilities["c"] == 0.5
    [one, two] = read_csv(write_and_read("out.csv", found, ["x", "y"], TAGS))
    assert (one["prediction"], two["prediction"], one["probability"]) == ("a;c", "", "")
    assert json.loads(write_and_read("out.jsonl", found, ["x", "y"], TAGS).split("\n")[1])["prediction"] == []


@settings(deadline=None)  # every example is forced to the disk
@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_numbers_keep_every_digit_of_float32(value: float) -> None:
    found = predictions(NUMBER, np.array([[value]], dtype=np.float32))
    [row] = read_csv(write_and_read("out.csv", found, ["x"], NUMBER))
    assert np.float32(row["prediction"]) == np.float32(value)
    assert json.loads(write_and_read("out.jsonl", found, ["x"], NUMBER)) == {
        "input": "x",
        "prediction": value,
        "probability": None,
    }


@given(st.lists(st.lists(st.floats(-1e4, 1e4, width=32), min_size=2, max_size=2), max_size=5))
def test_the_label_is_the_class_of_the_largest_logit(values: list[list[float]]) -> None:
    logits = np.array(values, dtype=np.float32).reshape(-1, 2)
    for one, row in zip(predictions(TWO, logits), logits, strict=True):
        assert one.probability == max(one.probabilities.values())
        assert sum(one.probabilities.values()) == pytest.approx(1.0)
        if abs(row[0] - row[1]) > 1e-6:
            assert one.label == TWO.classes[int(row.argmax())]


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("task", [TWO, TAGS, NUMBER], ids=lambda task: str(task.kind))
def test_a_model_that_returns_no_numbers_predicts_nothing(task: Task, value: float) -> None:
    with pytest.raises(ModelError, match="no finite numbers"):
        predictions(task, np.full((1, task.outputs), value, dtype=np.float32))


def test_no_cell_is_a_formula_and_reading_the_file_back_gives_the_same_texts(tmp_path: Path) -> None:
    texts: list[Input] = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "'=1", "''-2", "'quoted'", "−1", "plain"]
    task = Task(Modality.TEXT, Kind.SINGLE, ("=cmd", "no"))
    found = predictions(task, logits_of(len(texts)))
    path = tmp_path / "out.csv"
    write(path, rows(examples(texts), found), task)
    with path.open(newline="", encoding="utf-8") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "−", "\t"))]
    table = read_table(path)
    assert table.columns["input"] == texts
    assert set(table.columns["prediction"]) <= {"=cmd", "no"}


def test_a_negative_number_stays_a_number() -> None:
    found = predictions(NUMBER, np.array([[-1.5]], dtype=np.float32))
    assert read_csv(write_and_read("out.csv", found, ["x"], NUMBER))[0]["prediction"] == "-1.5"


def test_classes_called_like_columns_do_not_collide() -> None:
    task = Task(Modality.TEXT, Kind.SINGLE, ("input", "prediction", "probability"))
    found = predictions(task, logits_of(2, 3))
    header = write_and_read("out.csv", found, ["x", "y"], task).splitlines()[0].split(",")
    assert len(set(header)) == len(header) == 6
    assert header[3:] == ["probability of input", "probability of prediction", "probability of probability"]


@pytest.mark.parametrize("name", ["out.csv", "out.jsonl"])
def test_half_a_surrogate_pair_is_written_as_its_escape(name: str) -> None:
    text = write_and_read(name, predictions(TWO, logits_of(1)), ["broken \ud83d here"], TWO)
    assert "broken \\ud83d here" in text


def test_pictures_are_named_by_file_or_by_origin() -> None:
    task = Task(Modality.IMAGE, Kind.SINGLE, ("cat", "dog"))
    found = predictions(task, logits_of(2))
    inputs: list[Input] = [Path("photos") / "a, b.png", np.zeros((2, 2), dtype=np.uint8)]
    read = read_csv(write_and_read("out.csv", found, inputs, task))
    assert [row["input"] for row in read] == [str(inputs[0]), "new.csv, row 3"]


def test_rows_that_could_not_be_used_keep_their_place_in_every_form(tmp_path: Path) -> None:
    given = Examples(["one", "three"], None, ["new.csv, row 2", "new.csv, row 4"])
    lined_up = rows(given, predictions(TWO, logits_of(2)), [Damage("new.csv, row 3", "the text is empty")])
    write(tmp_path / "out.csv", lined_up, TWO)
    with (tmp_path / "out.csv").open(newline="") as file:
        read = list(csv.reader(file))
    assert {len(row) for row in read} == {5}
    assert read[2] == [""] * 5
    write(tmp_path / "out.jsonl", lined_up, TWO)
    assert json.loads((tmp_path / "out.jsonl").read_text().split("\n")[1]) == {
        "input": None,
        "prediction": None,
        "probability": None,
        "left_out": "new.csv, row 3: the text is empty",
    }
    assert render(lined_up, TWO, "lines").splitlines()[1] == "–\t\tnew.csv, row 3: the text is empty"


@given(TEXTS)
def test_a_printed_line_is_one_line_with_label_probability_and_input(text: str) -> None:
    [found] = predictions(PAIRS, np.array([[0.0, 2.0]], dtype=np.float32))
    line = render([(text, "input 1", found)], TWO, "lines").removesuffix("\n")
    label, sure, shown = line.split("\t")
    assert (label, sure) == ("yes", "0.881")
    assert "\n" not in shown
    assert len(shown) <= 80


def test_an_output_that_cannot_be_written_is_refused_before_predicting(tmp_path: Path) -> None:
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "in.csv").write_text("text\nx\n")
    for path, words in (
        (tmp_path / "out.xlsx", ".csv or .jsonl"),
        (tmp_path / "lost" / "out.csv", "Make it first"),
        (tmp_path / "folder.csv", "is a folder"),
        (tmp_path / "in.csv", "would be lost"),
    ):
        with pytest.raises(OptionError, match=f"--output .*{words}"):
            check_output(path, [str(tmp_path / "in.csv")])
    check_output(tmp_path / "out.csv", [str(tmp_path / "in.csv")])


def test_a_disk_that_refuses_the_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="cannot be written"):
        write(tmp_path / "lost" / "out.csv", [], TWO)
