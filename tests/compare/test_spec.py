"""A run's specification finds its files from any folder, and tells when they have changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from alih.compare.options import Options
from alih.compare.report.again import command_again
from alih.compare.spec import check_data, check_versions, check_whole, spec
from alih.data.read import read
from alih.errors import AlihError, RunError
from alih.tasks.base import ModelChoice, Task
from alih.tasks.classification.task import Classification


@pytest.fixture
def place(reviews_csv: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with data and two files beside them."""
    lines = reviews_csv.read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "reviews.csv").write_text("".join(lines), encoding="utf-8")
    (tmp_path / "other.csv").write_text("".join(lines[:11]), encoding="utf-8")
    (tmp_path / "general.txt").write_text("The cat sat.\n\nThe dog ran.\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def told(**options: Any) -> tuple[dict[str, Any], Task]:
    """A specification as it is read back, and its data."""
    task = Classification(read("reviews.csv"))
    wanted = Options.from_mapping(options)
    written = spec(task, ModelChoice("alih/minilm"), wanted, ("transfer",), "compare")
    found: dict[str, Any] = json.loads(json.dumps(written))
    return found, task


@pytest.mark.parametrize("lost", ["data.source", "data.digest", "data.examples", "routes", "command"])
def test_a_specification_that_lacks_a_part_is_refused_with_what_to_do(place: Path, lost: str) -> None:
    found, _ = told()
    check_whole(place, found)
    part, _, name = lost.rpartition(".")
    del (found[part] if part else found)[name]
    with pytest.raises(RunError, match=rf"spec\.json: damaged \(no {lost} in it\).*put a copy of spec\.json back"):
        check_whole(place, found)


def test_files_beside_the_data_are_found_from_any_folder(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found, dataset = told(shifted="other.csv", general="general.txt")
    monkeypatch.chdir("/")
    check_data(place, found, dataset)
    assert found["options"]["shifted"] == str(place / "other.csv")
    assert f"--shifted={place / 'other.csv'} --general={place / 'general.txt'}" in command_again(found)


def test_a_home_folder_is_written_out(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(place))
    assert told(shifted="~/other.csv")[0]["options"]["shifted"] == str(place / "other.csv")


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("other.csv", lambda text: text[: text[:-1].rindex("\n") + 1], "its examples 10 then, 9 now"),
        ("other.csv", lambda text: text.replace("good", "bad", 1), "as many examples, but others"),
        ("general.txt", lambda text: text + "\nA bird flew.\n", "its passages 2 then, 3 now"),
        ("general.txt", lambda text: text.replace("cat", "cow"), "as many passages, but others"),
    ],
)
def test_a_file_beside_the_data_that_has_changed_is_refused(place: Path, name: str, change: Any, words: str) -> None:
    found, dataset = told(shifted="other.csv", general="general.txt")
    path = place / name
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")
    with pytest.raises(RunError, match=rf"{name} has changed since \({words}\).*start anew with alih compare"):
        check_data(place, found, dataset)


def test_a_label_that_has_changed_is_refused(place: Path) -> None:
    found, dataset = told(shifted="other.csv")
    path = place / "other.csv"
    header, first, *rest = path.read_text(encoding="utf-8").splitlines()
    text, _, label = first.rpartition(",")
    other = f"{text},{'positive' if label == 'negative' else 'negative'}"
    path.write_text("\n".join([header, other, *rest]) + "\n", encoding="utf-8")
    with pytest.raises(RunError, match="as many examples, but others"):
        check_data(place, found, dataset)


def test_a_file_beside_the_data_that_is_gone_is_named(place: Path) -> None:
    found, dataset = told(shifted="other.csv")
    (place / "other.csv").unlink()
    with pytest.raises(AlihError, match=r"other\.csv: no such file"):
        check_data(place, found, dataset)


def test_a_specification_without_these_digests_is_still_gone_on_with(place: Path) -> None:
    found, dataset = told(shifted="other.csv")
    del found["beside"]
    (place / "other.csv").unlink()
    check_data(place, found, dataset)


def test_a_specification_that_does_not_say_every_version_is_damaged(place: Path) -> None:
    found, _ = told()
    check_versions(place, found)
    del found["versions"]["torch"]
    with pytest.raises(
        RunError, match=r"spec\.json: damaged \(no version of torch in it\).*put a copy of spec\.json back"
    ):
        check_versions(place, found)
