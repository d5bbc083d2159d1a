"""A torchvision that was built for another torch is named as what it is, and only if it really fails."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
from pathlib import Path

import pytest

from alih.pretrained.clashes import refuse_broken_torchvision

_LOAD = """
import alih
try:
    alih.load("alih/minilm")
except alih.ModelError as error:
    print("refused:", error)
else:
    print("loaded")
"""


def torchvision(folder: Path, *, requires: str, code: str) -> Path:
    (folder / "torchvision").mkdir(parents=True)
    (folder / "torchvision" / "__init__.py").write_text(code)
    metadata = folder / "torchvision-0.20.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: torchvision\nVersion: 0.20.0\nRequires-Dist: numpy\nRequires-Dist: {requires}\n"
    )
    return folder


def test_a_broken_torchvision_is_refused_with_the_remedy(tmp_path: Path) -> None:
    folder = torchvision(
        tmp_path, requires="torch==1.9.0", code='raise RuntimeError("operator torchvision::nms does not exist")'
    )
    environment = {**os.environ, "PYTHONPATH": str(folder), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", _LOAD], capture_output=True, text=True, env=environment, timeout=240, cwd=tmp_path
    )
    assert done.stdout.startswith("refused: the installed torchvision was built for torch 1.9.0"), done.stderr
    assert "pip uninstall torchvision" in done.stdout


@pytest.mark.parametrize(
    ("requires", "code"),
    [
        ("torch==1.9.0", "fine = True"),
        (f"torch=={importlib.metadata.version('torch').partition('+')[0]}", "raise RuntimeError"),
        ("torch", "raise RuntimeError"),
    ],
)
def test_a_torchvision_that_works_or_fits_is_left_alone(
    requires: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(torchvision(tmp_path, requires=requires, code=code))
    monkeypatch.delitem(sys.modules, "torchvision", raising=False)
    refuse_broken_torchvision()
    sys.modules.pop("torchvision", None)


def test_no_torchvision_is_no_clash(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", absent)
    refuse_broken_torchvision()
