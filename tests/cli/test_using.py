"""Predict and evaluate at the command line: what is printed, what is written, and in which order."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from alih.cli.main import main
from small_tasks import pictures, reviews, table

#: The second row cannot be used.
NEW = ["good, great", "", "bad\nawful", '"cold"', "dark", "fine"]


@pytest.fixture(scope="module")
def place(tiny_bert: Path, tiny_resnet: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a run on texts and one on pictures, and files to predict."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIH_CACHE", str(folder / "cache"))
        reviews(folder / "reviews.csv", 60)
        pictures(folder / "photos", 10)
        table(folder / "new.csv", ("id", "text"), enumerate(NEW))
        for data, model, runs in (("reviews.csv", tiny_bert, "texts"), ("photos", tiny_resnet, "pictures")):
            arguments = ["adapt", str(folder / data), "--model", str(model), "--runs", str(folder / runs)]
            assert main([*arguments, "--learning-rate", "0.01"]) == 0
        yield folder


def test_texts_are_predicted_in_order(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["predict", str(place / "texts" / "last"), "good great", "bad awful"]) == 0
    lines = [line.split("\t") for line in capsys.readouterr().out.splitlines()]
    assert [line[2] for line in lines] == ["good great", "bad awful"]
    assert all(line[0] in ("negative", "positive") and 0.5 <= float(line[1]) <= 1 for line in lines)


def test_a_csv_of_predictions_lines_up_with_the_file(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scored = place / "scored.csv"
    assert main(["predict", str(place / "texts" / "last"), str(place / "new.csv"), "-o", str(scored)]) == 0
    error = capsys.readouterr().err
    assert "5 predictions written" in error
    assert "1 row without a prediction: new.csv, row 3" in error
    with scored.open(newline="", encoding="utf-8") as file:
        found = list(csv.reader(file))
    assert found[0] == ["input", "prediction", "probability", "probability of negative", "probability of positive"]
    assert [row[0] for row in found[1:]] == NEW
    assert [bool(row[1]) for row in found[1:]] == [bool(text) for text in NEW]
    for row in (row for row in found[1:] if row[1]):
        assert float(row[3]) + float(row[4]) == pytest.approx(1, abs=1e-5)
        assert float(row[2]) == max(float(row[3]), float(row[4]))


def test_json_lines_say_why_a_row_has_no_prediction(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scored = place / "scored.jsonl"
    assert main(["predict", str(place / "texts" / "last"), str(place / "new.csv"), "-o", str(scored)]) == 0
    assert main(["predict", str(place / "texts" / "last"), str(place / "new.csv"), "--json"]) == 0
    assert capsys.readouterr().out == scored.read_text()
    records = [json.loads(line) for line in scored.read_text().splitlines()]
    assert [record["input"] for record in records] == [text or None for text in NEW]
    assert "row 3" in records[1]["left_out"]


def test_a_picture_several_and_a_folder_of_them(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, folder = str(place / "pictures" / "last"), place / "photos" / "top"
    for inputs, count in (([folder / "1.png"], 1), ([folder / "1.png", folder / "2.png"], 2), ([folder], 10)):
        assert main(["predict", run, *map(str, inputs)]) == 0
        assert len(capsys.readouterr().out.splitlines()) == count


def test_scores_are_printed_for_people_and_for_programs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run, data = str(place / "texts" / "last"), str(place / "reviews.csv")
    assert main(["evaluate", run, data]) == 0
    text = capsys.readouterr().out
    assert text.startswith("60 examples\n36 of them stand in the training data")
    assert main(["evaluate", run, data, "--json", "--metric", "macro_f1"]) == 0
    scores = json.loads(capsys.readouterr().out)
    assert scores["examples"] == 60
    assert scores["primary"] == "macro_f1"
    assert scores["interval"][0] <= scores["metrics"]["macro_f1"] <= scores["interval"][1]


def test_an_adapted_model_is_inspected_like_any_other(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", str(place / "texts" / "last" / "model"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == ["negative", "positive"]


def test_the_cache_is_shown_and_cleared(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIH_CACHE", str(place / "cache"))
    assert main(["cache"]) == 0
    assert "features of the head" in capsys.readouterr().out
    assert main(["cache", "clear"]) == 0
    assert main(["cache", "show"]) == 0
    assert "0 entries" in capsys.readouterr().out


def test_the_doctor_finds_this_installation_sound(capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["doctor"])
    output = capsys.readouterr().out
    assert "alih/minilm" in output
    assert (code == 0) == ("BAD" not in output)
