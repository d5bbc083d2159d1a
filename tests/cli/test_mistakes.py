"""What people get wrong at the command line: one message, exit code 2, no traceback, and no weights loaded for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alih.cli.main import main
from data.malformed import Case
from data.malformed_folders import FOLDERS
from data.malformed_json import JSON
from data.malformed_labels import LABELS
from data.malformed_tables import TABLES
from small_tasks import pictures, reviews, table


def run(*arguments: str) -> int:
    """The exit code, however it comes about."""
    try:
        return main(list(arguments))
    except SystemExit as stopped:
        return int(stopped.code or 0)


@pytest.fixture(scope="module")
def place(tiny_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with data, a model, and one run that transferred it."""
    folder = tmp_path_factory.mktemp("place")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("ALIH_CACHE", str(folder / "cache"))
        reviews(folder / "reviews.csv", 60)
        pictures(folder / "photos", 6)
        table(folder / "new.csv", ("text",), [("good",), ("bad",)])
        (folder / "tiny").symlink_to(tiny_bert)
        assert run("adapt", "reviews.csv", "--model", "tiny", "--learning-rate", "0.01") == 0
        yield folder


MISTAKES = [
    ("", "COMMAND"),
    ("compre reviews.csv", "invalid choice: 'compre'"),
    ("compare", "required: data"),
    ("compare nothing.csv", "nothing.csv: no such file"),
    ("compare reviews.csv --seeds three", "--seeds: invalid int value: 'three'"),
    ("compare reviews.csv --seeds 0", "--seeds: must be at least 1, not 0"),
    ("compare reviews.csv --seed -1", "--seed: must be from 0"),
    ("compare reviews.csv --epochs -2", "--epochs: must be at least 1"),
    ("compare reviews.csv --routes transfer,rag", "--routes: there is no route 'rag'"),
    ("compare reviews.csv --routes ,", "--routes: names no route"),
    ("compare reviews.csv --blocks 1,many", "--blocks: 'many' is no number of blocks"),
    ("compare reviews.csv --blocks 9 --model tiny", "--blocks: 9 asked for, but the model has 3"),
    ("compare reviews.csv --max-time soon", "--max-time: 'soon' is no duration"),
    ("compare reviews.csv --max-time 0", "--max-time: must be above zero"),
    ("compare reviews.csv --cache-limit nan", "--cache-limit: must be 0 or more"),
    ("compare reviews.csv --learning-rate nan", "--learning-rate: must be above 0"),
    ("compare reviews.csv --kind ranking", "--kind: invalid choice: 'ranking'"),
    ("compare reviews.csv --metric bleu", "--metric: 'bleu' does not fit a single-label task"),
    ("compare reviews.csv --text tekst", 'no column "tekst"'),
    ("compare reviews.csv --validation 0.6 --test 0.5", "--validation"),
    ("compare reviews.csv --model ./tny", "./tny: there is no such folder"),
    ("compare reviews.csv --model alih/minlm", "Did you mean alih/minilm?"),
    ("compare reviews.csv --model photos", "photos"),
    ("compare reviews.csv --model reviews.csv", "reviews.csv"),
    ("compare photos --model tiny", "reads texts, but the data are images"),
    ("compare photos --model tiny-resnet --text words", "--text: names a column, but photos is a folder of pictures"),
    ("compare photos --max-length 9", "--max-length: is for texts"),
    ("compare reviews.csv --model tiny --max-length 999", "takes at most 48 tokens"),
    ("compare reviews.csv --model tiny --runs new.csv", "--runs new.csv: cannot make a run folder there"),
    ("compare reviews.csv --model tiny --pooling max", "--pooling: invalid choice"),
    ("adapt reviews.csv --route rag", "--route: there is no route 'rag'"),
    ("adapt reviews.csv --blocks 2", "--blocks: is read by the routes finetune, lora"),
    ("adapt reviews.csv --epochs 2", "--epochs: is read by the routes finetune, lora"),
    ("adapt reviews.csv --route finetune --blocks 1,2", "one number of blocks"),
    ("adapt reviews.csv --routes finetune", "unrecognized arguments: --routes"),
    ("adapt reviews.csv --seeds 2", "unrecognized arguments: --seeds"),
    ("predict runs/last", "required: inputs"),
    ("predict runs/lst good", "no run folder"),
    ("predict tiny good", "names no classes"),
    ("predict runs/last ''", "the text is empty"),
    ("predict runs/last nothing.csv", "nothing.csv: no such file"),
    ("predict runs/last missing.txt", "missing.txt: no such file"),
    ("predict runs/last ./missing", "missing: no such file"),
    ("predict runs/last photo.jpg", "photo.jpg: no such file"),
    ("predict runs/last new.csv good", "one file at a time"),
    ("predict runs/last new.csv --text words", 'no column "words"'),
    ("predict runs/last good --text words", "--text: names a column"),
    ("predict runs/last good --batch-size 0", "--batch-size: must be at least 1"),
    ("predict runs/last photos", "photos: the model takes texts"),
    ("predict runs/last new.csv -o new.csv", "would be lost"),
    ("predict runs/last new.csv -o scored.xlsx", "ends in .csv or .jsonl"),
    ("predict runs/last new.csv -o nowhere/scored.csv", "there is no folder nowhere"),
    ("predict runs/last new.csv -o scored.csv --json", "not allowed with"),
    ("evaluate runs/last new.csv", "no column looks like a label"),
    ("evaluate runs/last reviews.csv --label mood", 'no column "mood"'),
    ("evaluate runs/last reviews.csv --metric r2", "--metric: 'r2' does not fit"),
    ("evaluate runs/last photos", "photos: the model takes texts"),
    ("inspect", "required: model"),
    ("inspect photos", "photos"),
    ("cache empty", "invalid choice: 'empty'"),
]


@pytest.mark.parametrize(("typed", "words"), MISTAKES, ids=[typed or "nothing" for typed, _ in MISTAKES])
def test_a_mistake_gets_one_message_and_exit_code_2(
    place: Path, typed: str, words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(place)
    before = sorted(path.name for path in (place / "runs").iterdir())
    assert run(*("" if word == "''" else word for word in typed.split())) == 2
    captured = capsys.readouterr()
    assert words in captured.err
    assert "Traceback" not in captured.err
    assert captured.out == ""
    message = captured.err.splitlines()[-1]
    assert len(message) < 900
    assert sorted(path.name for path in (place / "runs").iterdir()) == before


CASES = [*TABLES, *LABELS, *JSON, *FOLDERS]


@pytest.mark.parametrize("case", CASES, ids=[case.claim for case in CASES])
def test_malformed_data_end_in_exit_code_2_before_any_weights_are_loaded(
    case: Case, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def load(*_arguments: Any, **_more: Any) -> None:
        raise AssertionError("weights were loaded for data that cannot be used")

    monkeypatch.setattr("alih.tasks.classification.task.load", load)
    case.write(tmp_path)
    source = case.source if case.source.startswith("alih/") else str(tmp_path / case.source)
    flags = [
        word for name, value in case.options.items() for word in (f"--{name.replace('_', '-')}", str(value).strip())
    ]
    assert run("compare", source, *flags, "--runs", str(tmp_path / "runs")) == 2
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    assert "alih" in captured.err
    assert not (tmp_path / "runs").exists()


def test_the_mistakes_are_many_and_different() -> None:
    assert len({typed for typed, _ in MISTAKES}) == len(MISTAKES) >= 15
