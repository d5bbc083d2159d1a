"""Fixtures that more than one test folder uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Set before anything imports them: no test may reach for a network, and tokenizers must not warn about forks.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

_SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of public data beside the repository; tests that need it skip where it is absent."""
    folder = Path(os.environ.get("ALIH_SHARED_DATA", _SHARED))
    if not folder.is_dir():
        pytest.skip(f"needs the public datasets in {folder.name}/ beside the repository")
    return folder


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests never read or fill the user's cache."""
    monkeypatch.setenv("ALIH_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
