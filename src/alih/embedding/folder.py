"""Writes an embedding model as a sentence-transformers folder, which Alih and others open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alih.errors import RunError
from alih.pretrained.quiet import quiet
from alih.rag.embed import Embedder

_SIDECAR = "alih.json"
_MODES = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "lasttoken")
_NAMES = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}


def write(embedder: Embedder, path: Path, told: dict[str, Any]) -> None:
    """Write weights, tokenizer, and how token vectors become one vector.

    Args:
        embedder: the model.
        path: of the folder; made where it is not there.
        told: what it was adapted from and how, for alih.json.

    Raises:
        RunError: it cannot be written.
    """
    recipe = embedder.recipe
    chosen = _NAMES.get(recipe.mode, recipe.mode)
    pooling = {f"pooling_mode_{mode}": mode == chosen for mode in _MODES}
    modules = [_module(0, "", "Transformer"), _module(1, "1_Pooling", "Pooling")]
    modules += [_module(2, "2_Normalize", "Normalize")] if recipe.normalise else []
    prompts = {"query": recipe.query_prompt, "document": recipe.passage_prompt}
    try:
        with quiet():
            embedder.model.save_pretrained(path)
            embedder.tokenizer.save_pretrained(path)
        for module in modules[1:]:
            (path / module["path"]).mkdir(exist_ok=True)
        _json(path / "modules.json", modules)
        _json(
            path / "1_Pooling" / "config.json",
            {"word_embedding_dimension": embedder.dimension, **pooling, "include_prompt": recipe.include_prompt},
        )
        _json(path / "sentence_bert_config.json", {"max_seq_length": embedder.max_length, "do_lower_case": False})
        _json(
            path / "config_sentence_transformers.json",
            {"prompts": prompts, "similarity_fn_name": "cosine" if recipe.normalise else "dot"},
        )
        _json(path / _SIDECAR, {"schema": 1, "task": {"modality": "embedding"}, **told})
    except OSError as error:
        raise RunError(f"{path}: cannot be written ({error.strerror}). Free some space.") from error


def _module(number: int, path: str, kind: str) -> dict[str, Any]:
    return {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}


def _json(path: Path, told: Any) -> None:
    path.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")
