"""Fixtures that more than one test folder uses."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# Set before anything imports them: no test may reach for a network, and tokenizers must not warn about forks.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
# Closed forms, other libraries and whole models, which tests compare with, are fp32; tests of bf16 ask for it by name.
os.environ.setdefault("ALIH_PRECISION", "fp32")
# One thread a worker: the models here are tiny, and threads that wait for each other on a shared core cost far more.
os.environ.setdefault("OMP_NUM_THREADS", "1")

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


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random BERT."""
    from small_tasks import bert

    return bert(tmp_path_factory.mktemp("models") / "tiny-bert")


@pytest.fixture(scope="session")
def tiny_resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a tiny random ResNet."""
    from small_tasks import resnet

    return resnet(tmp_path_factory.mktemp("models") / "tiny-resnet")


@pytest.fixture(scope="session")
def reviews_csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety short reviews, half of them good."""
    from small_tasks import reviews

    return reviews(tmp_path_factory.mktemp("data") / "reviews.csv")
