"""Each malformed input gets one clear message: what is wrong, where, and what to do, before any model is loaded."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from alih.data.read import read
from alih.errors import AlihError, DataError

from .malformed import Case, file, photos, rows
from .malformed_folders import FOLDERS
from .malformed_json import JSON
from .malformed_labels import LABELS
from .malformed_tables import TABLES

CASES = [*TABLES, *LABELS, *JSON, *FOLDERS]


def test_there_are_sixty_and_more():
    assert len(CASES) >= 60
    assert len({case.claim for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=[case.claim for case in CASES])
def test_malformed_input_gets_a_clear_message(case: Case, tmp_path: Path) -> None:
    case.write(tmp_path)
    source = case.source if case.source.startswith("alih/") else tmp_path / case.source
    with pytest.raises(AlihError) as caught:
        read(source, **case.options)
    message = str(caught.value)
    assert isinstance(caught.value, case.error), message
    assert caught.value.exit_code == 2
    for part in case.says:
        assert part in message, f"{part!r} is not in: {message}"
    assert message[-1] in '.?)"*v', message
    assert len(message) < 900, "a message is for reading"
    # A remedy: at least one sentence in the imperative, or a flag to pass.
    assert re.search(
        r"--\w+|Did you mean|\b(Check|Save|Export|Unpack|Rename|Give|Put|Add|Mend|Name|Write|Drop|Move|Fill|Leave|"
        r"Lower|Correct|Say|Copy|Join|Make)\b",
        message,
    ), message


def test_a_few_damaged_rows_are_listed_and_the_rest_is_used(tmp_path: Path) -> None:
    lines = [f"text number {n},{'ab'[n % 2]}" for n in range(40)]
    lines[3] = ",a"
    lines[9] = "too,many,cells"
    lines[20] = "no label,"
    file(rows(*lines))(tmp_path)
    dataset = read(tmp_path / "reviews.csv")
    assert {damage.origin: damage.reason.split(";")[0] for damage in dataset.damaged} == {
        "reviews.csv, row 5": 'column "text": the text is empty',
        "reviews.csv, row 11": "3 cells where 2 were expected",
        "reviews.csv, row 22": "the label is empty",
    }
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 37
    assert any("3 rows or files left out" in note for note in dataset.notes)


def test_a_damaged_picture_is_listed_and_the_rest_is_used(tmp_path: Path) -> None:
    photos(lambda n, c: b"broken" if (n, c) == (3, "cat") else None)(tmp_path)
    dataset = read(tmp_path / "photos")
    assert [damage.origin for damage in dataset.damaged] == ["photos/cat/3.png"]
    assert len(dataset.train) + len(dataset.validation) + len(dataset.test) == 23


def test_a_hub_name_without_a_network_gets_a_clear_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r"could not be had from the Hugging Face Hub.*without a network"):
        read("nobody/no-such-dataset")


def test_a_mistyped_folder_beside_others_is_not_looked_up_on_the_hub(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "data" / "photos").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(DataError, match=r'no such file or folder\. Did you mean "photos"'):
        read("data/photo")


def test_random_bytes_never_end_in_a_traceback(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for suffix in (".csv", ".tsv", ".json", ".jsonl", ".parquet"):
        for size in (1, 17, 400):
            path = tmp_path / f"noise{suffix}"
            path.write_bytes(rng.integers(0, 256, size, dtype=np.uint8).tobytes())
            with pytest.raises(AlihError):
                read(path)
