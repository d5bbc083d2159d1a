"""What `alih cache` prints of its entries."""

from __future__ import annotations

from pathlib import Path

import pytest

from alih.cli.main import main
from alih.training.cache import default_cache


@pytest.fixture(autouse=True)
def _fresh_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIH_CACHE", str(tmp_path / "cache"))


def keep(key: str, **words: object) -> None:
    draft = default_cache().draft(key)
    draft.path("values").write_bytes(b"x" * 2_000_000)
    draft.commit(words)


def test_an_entry_is_listed_by_its_data_and_split(capsys: pytest.CaptureFixture[str]) -> None:
    keep("ab", what="features", model="BertModel", examples=90, data="reviews", split="train")
    assert main(["cache"]) == 0
    assert "2.0 MB  reviews (train): features, model BertModel, examples 90" in capsys.readouterr().out


def test_an_entry_that_does_not_say_its_data_is_listed_by_what_it_says(capsys: pytest.CaptureFixture[str]) -> None:
    keep("cd", what="features", model="BertModel", examples=90)
    assert main(["cache"]) == 0
    assert "2.0 MB  features, model BertModel, examples 90" in capsys.readouterr().out


def test_clearing_says_how_much_was_freed(capsys: pytest.CaptureFixture[str]) -> None:
    keep("ef", what="features")
    assert main(["cache", "clear"]) == 0
    assert "cleared 2.0 MB" in capsys.readouterr().out
    assert default_cache().entries() == []
