"""Opens the tokenizer of a model, or of a folder that holds nothing else, without loading any weights."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from transformers import AutoTokenizer, PreTrainedTokenizerBase

from alih.errors import ModelError
from alih.pretrained.hub import fetch
from alih.pretrained.open import find
from alih.pretrained.processor import longest_text
from alih.pretrained.quiet import quiet
from alih.pretrained.resolve import Source, resolve


@dataclass(frozen=True)
class Opened:
    """A tokenizer and where it came from.

    Args:
        name: as the user typed it.
        tokenizer: the tokenizer.
        max_length: most tokens that its model takes; None where nothing says so.
        folder: where its files are.
    """

    name: str
    tokenizer: PreTrainedTokenizerBase
    max_length: int | None
    folder: Path

    @property
    def kind(self) -> str:
        """How it cuts: "BPE (bytes)", "WordPiece", "Unigram", …"""
        told = _described(self.tokenizer)
        model = told.get("model") or {}
        name = str(model.get("type") or type(self.tokenizer).__name__)
        if model.get("byte_fallback"):
            return f"{name} (falls back to bytes)"
        return f"{name} (bytes)" if byte_level(self.tokenizer) else name


def open_tokenizer(name: str | Path, *, revision: str | None = None) -> Opened:
    """Open a tokenizer by the name of its model: built-in, folder or Hub id; or a folder with a tokenizer alone.

    Raises:
        ModelError: there is none, or it cannot be opened.
    """
    source = resolve(name, revision)
    if source.kind == "file":
        raise ModelError(f"{name}: is a file. Name the folder that holds the tokenizer.")
    with quiet():
        path = source.path or fetch(source)
        if not (path / "config.json").is_file():
            return _alone(source, path)
    model = find(name, revision, weights_needed=False)
    return Opened(model.name, model.tokenizer, longest_text(model.tokenizer, model.config, model.folder), path)


def byte_level(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether its pieces stand for bytes, written as in GPT-2 (Radford et al. 2019, section 2.2)."""
    return '"ByteLevel"' in json.dumps({part: _described(tokenizer).get(part) for part in ("pre_tokenizer", "decoder")})


def _described(tokenizer: PreTrainedTokenizerBase) -> dict[str, Any]:
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        return {}
    told: dict[str, Any] = json.loads(backend.to_str())
    return told


def _alone(source: Source, path: Path) -> Opened:
    if not (path / "tokenizer.json").is_file():
        raise ModelError(f"{source.name}: there is neither config.json nor tokenizer.json in this folder.")
    try:
        tokenizer = AutoTokenizer.from_pretrained(path, trust_remote_code=False, local_files_only=True)
        tokenizer("a text to try it on")
    except Exception as error:
        raise ModelError(f"{source.name}: its tokenizer cannot be opened ({error}). Copy its files again.") from error
    longest = int(tokenizer.model_max_length or 0)
    return Opened(source.name, tokenizer, longest if 0 < longest < 10**6 else None, path)
