"""What was trained on is recognised again from hashes alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from alih.data.examples import Examples, fingerprints
from alih.data.overlap import overlap, read_fingerprints, write_fingerprints
from alih.errors import DataError, RunError


def examples(*inputs: object) -> Examples:
    return Examples(list(inputs), None, [f"row {number}" for number in range(1, len(inputs) + 1)])  # type: ignore[arg-type]


def test_examples_that_also_stand_in_the_training_data_are_counted() -> None:
    assert overlap(examples("a", "b", "c"), examples("c", "d", "a", "a", "A")) == 3
    assert overlap(examples("a"), examples()) == 0


def test_pairs_are_not_confused_with_their_parts() -> None:
    assert overlap(examples(("a", "b")), examples(("a", "b"), ("b", "a"), ("a", ""), ("ab", ""))) == 1


def test_copies_of_a_picture_are_recognised_under_any_name(tmp_path: Path) -> None:
    for name, shade in (("one.png", 1), ("copy.png", 1), ("other.png", 2)):
        Image.new("L", (5, 5), shade).save(tmp_path / name)
    train = examples(tmp_path / "one.png")
    assert overlap(train, examples(tmp_path / "copy.png", tmp_path / "other.png")) == 1
    assert overlap(examples(np.ones((2, 2), np.uint8)), examples(np.ones((1, 4), np.uint8))) == 0


def test_hashes_in_a_file_do_as_well_as_the_examples(tmp_path: Path) -> None:
    train = examples(*(f"text {number}" for number in range(100)))
    write_fingerprints(tmp_path / "trained_on.json", train)
    kept = read_fingerprints(tmp_path / "trained_on.json")
    assert kept == set(fingerprints(train))
    assert overlap(kept, examples("text 5", "text 100")) == 1
    assert (tmp_path / "trained_on.json").stat().st_size < 4_000
    assert "text" not in (tmp_path / "trained_on.json").read_text()


@pytest.mark.parametrize(
    "content", ["", "[]", '{"schema": 9, "fingerprints": []}', '{"schema": 1, "fingerprints": [3]}']
)
def test_a_damaged_file_is_said(content: str, tmp_path: Path) -> None:
    (tmp_path / "trained_on.json").write_text(content)
    with pytest.raises(RunError, match=r"trained_on\.json.*Adapt it again"):
        read_fingerprints(tmp_path / "trained_on.json")


def test_a_picture_is_hashed_again_only_if_it_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("L", (5, 5), 1).save(tmp_path / "one.png")
    before = fingerprints(examples(tmp_path / "one.png"))
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("read twice"))
    assert fingerprints(examples(tmp_path / "one.png")) == before
    monkeypatch.undo()
    Image.new("L", (50, 50), 1).save(tmp_path / "one.png")
    assert fingerprints(examples(tmp_path / "one.png")) != before


def test_a_picture_that_has_gone_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"^row 1: cannot be read any more"):
        fingerprints(examples(tmp_path / "gone.png"))
