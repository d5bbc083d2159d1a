"""Hub ids: opened from the local cache without network, and every failure of the client said in words."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import errors
from transformers import BertModel

from alih.errors import ModelError
from alih.pretrained import hub
from alih.pretrained.inspect import describe, render
from alih.pretrained.open import load
from alih.pretrained.registration import register_all
from alih.pretrained.resolve import Source, commit_of, resolve

from .tiny import bert, save

register_all()
SOURCE = Source("someone/model", "hub", None, "v1")


def test_an_id_of_the_hub_is_told_from_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert resolve("someone/model", "v1") == SOURCE
    assert resolve("gpt2").kind == "hub"
    (tmp_path / "someone" / "model").mkdir(parents=True)
    assert resolve("someone/model").kind == "folder"


def test_a_cached_model_opens_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = save(BertModel(bert()), tmp_path / "model")
    commit = "0123456789" * 4
    repository = tmp_path / "cache" / "models--someone--model"
    shutil.copytree(folder, repository / "snapshots" / commit)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit)
    cached = hub.snapshot_download
    monkeypatch.setattr(
        hub, "snapshot_download", lambda name, **options: cached(name, cache_dir=tmp_path / "cache", **options)
    )
    loaded = load("someone/model")
    assert (loaded.name, loaded.source.kind, len(loaded.anatomy.blocks)) == ("someone/model", "hub", 3)
    assert (loaded.source.revision, loaded.source.commit) == (None, commit)
    assert f"source      hub, commit {commit}" in render(describe(loaded))
    assert load(repository / "snapshots" / commit).source.commit == commit


def test_a_folder_of_ones_own_has_no_commit(tmp_path: Path) -> None:
    assert commit_of(tmp_path) is None
    assert commit_of(tmp_path / "snapshots" / "step-100") is None
    assert resolve(tmp_path).commit is None
    assert resolve("alih/minilm").commit is None


def test_pickles_are_downloaded_only_if_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def record(_name: str, **options: Any) -> str:
        asked.append(options)
        return "folder"

    monkeypatch.setattr(hub, "snapshot_download", record)
    for allow in (False, True):
        assert hub.fetch(SOURCE, allow_pickle=allow) == Path("folder")
    assert ["*.bin" in options["allow_patterns"] for options in asked] == [False, True]
    assert all(options["revision"] == "v1" for options in asked)


def _refusal(kind: type[Exception]) -> Exception:
    """An error of the client as it is after an answer from the server, without a server."""
    return kind.__new__(kind, "refused")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (_refusal(errors.RepositoryNotFoundError), "the Hub has no such model"),
        (_refusal(errors.GatedRepoError), "asks for consent first"),
        (_refusal(errors.RevisionNotFoundError), "no revision v1"),
        (errors.HFValidationError("bad"), "not a name that the Hub could have"),
        (errors.LocalEntryNotFoundError("nothing cached"), "HF_HUB_OFFLINE is set"),
        (ConnectionError("no route to host"), "cannot be reached"),
    ],
)
def test_each_failure_says_what_to_do(error: Exception, message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_name: str, **_options: Any) -> str:
        raise error

    monkeypatch.setattr(hub, "snapshot_download", fail)
    with pytest.raises(ModelError, match=message) as refusal:
        hub.fetch(SOURCE)
    assert "someone/model" in str(refusal.value)


def test_a_partly_cached_model_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    partial = errors.LocalEntryNotFoundError("incomplete")
    partial.snapshot_path = str(tmp_path)  # type: ignore[attr-defined]

    def fail(_name: str, **_options: Any) -> str:
        raise partial

    monkeypatch.setattr(hub, "snapshot_download", fail)
    assert hub.fetch(SOURCE) == tmp_path
