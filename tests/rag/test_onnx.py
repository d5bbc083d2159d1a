"""Questions through ONNX Runtime: the same vectors, used where they are faster, never without having been checked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alih.cli.main import main
from alih.rag import onnx
from alih.rag.embed import Embedder
from alih.rag.library import Library
from alih.rag.onnx import Timing, export, open_session

pytest.importorskip("onnxruntime")
_TIMING = Timing("f", 10.0, 5.0, 1e-6, 1)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> tuple[Embedder, Path, Timing]:
    """The default model, exported; which one is faster is left to the machine."""
    folder = tmp_path_factory.mktemp("onnx")
    embedder = Embedder()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(onnx, "_median", lambda one: 1.0 if one.session else 2.0)
        told = export(embedder, folder)
    return embedder, folder, told


def test_vectors_are_those_of_pytorch_at_every_length(exported: tuple[Embedder, Path, Timing]) -> None:
    embedder, _, told = exported
    assert told.equal
    assert told.used
    session = embedder.session
    assert session is not None
    for words in (1, 2, 7, 60, 400):  # the last is longer than the model reads
        text = " ".join(f"word{number}" for number in range(words))
        found = embedder.query(text)
        embedder.session = None
        np.testing.assert_allclose(found, embedder.query(text), atol=1e-5)
        embedder.session = session


def test_another_model_a_damaged_file_or_none_leaves_pytorch(
    exported: tuple[Embedder, Path, Timing], tmp_path: Path
) -> None:
    embedder, folder, _ = exported
    assert open_session(embedder, folder) is not None
    assert open_session(embedder, tmp_path) is None
    place = folder / "onnx" / "measured.json"
    told = place.read_text(encoding="utf-8")
    place.write_text(json.dumps({**json.loads(told), "fingerprint": "another"}), encoding="utf-8")
    assert open_session(embedder, folder) is None
    place.write_text(told[:20], encoding="utf-8")
    assert open_session(embedder, folder) is None
    place.write_text(told, encoding="utf-8")


def test_it_is_used_only_if_equal_and_faster() -> None:
    assert _TIMING.used
    assert not replace(_TIMING, onnx_ms=11.0).used
    assert not replace(_TIMING, difference=1e-3).used
    assert "used from now on" in str(_TIMING)
    assert "PyTorch stays" in str(replace(_TIMING, difference=1e-3))


def test_a_library_finds_the_same_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "leave.md").write_text("# Leave\n\nAnnual leave is 12 days.\n\nTaxis are refunded.\n", encoding="utf-8")
    library = Library("office", tmp_path / "libraries")
    library.add(tmp_path / "leave.md")
    before = library.search("days of annual leave", mode="dense")
    monkeypatch.setattr(onnx, "_median", lambda one: 1.0 if one.session else 2.0)
    assert main(["rag", "onnx", "--root", str(tmp_path / "libraries"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["used"] is True
    again = Library("office", tmp_path / "libraries")
    assert again.embedder.session is not None
    after = again.search("days of annual leave", mode="dense")
    assert [one.id for one in after] == [one.id for one in before]
    assert [one.score for one in after] == pytest.approx([one.score for one in before], abs=1e-5)


def test_without_the_packages_it_says_how_to_get_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import builtins

    real = builtins.__import__

    def missing(name: str, *rest: Any, **named: Any) -> Any:
        if name == "onnxscript":
            raise ModuleNotFoundError("No module named 'onnxscript'", name="onnxscript")
        return real(name, *rest, **named)

    (tmp_path / "a.md").write_text("Annual leave is 12 days.\n", encoding="utf-8")
    Library("office", tmp_path / "libraries").add(tmp_path / "a.md")
    monkeypatch.setattr(builtins, "__import__", missing)
    assert main(["rag", "onnx", "--root", str(tmp_path / "libraries")]) == 2
    assert "pip install 'alih[onnx]'" in capsys.readouterr().err
