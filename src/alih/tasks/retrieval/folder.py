"""Writes an embedding model as a sentence-transformers folder, which Alih and others open."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from alih.pretrained.open import Pretrained
from alih.rag.embed import longest_text
from alih.rag.pooling import Recipe

_MODES = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens", "lasttoken")
_NAMES = {"cls": "cls_token", "mean": "mean_tokens", "max": "max_tokens"}


def write(pretrained: Pretrained, recipe: Recipe, path: Path) -> None:
    """Write weights, tokenizer, and how token vectors become one vector.

    Args:
        pretrained: the model.
        recipe: how it pools.
        path: of the folder; made where it is not there.

    Raises:
        ModelError: the weights cannot be written.
        OSError: a file beside them cannot.
    """
    chosen = _NAMES.get(recipe.mode, recipe.mode)
    pooling = {f"pooling_mode_{mode}": mode == chosen for mode in _MODES}
    modules = [_module(0, "", "Transformer"), _module(1, "1_Pooling", "Pooling")]
    modules += [_module(2, "2_Normalize", "Normalize")] if recipe.normalise else []
    prompts = {"query": recipe.query_prompt, "document": recipe.passage_prompt}
    pretrained.save(path)
    for module in modules[1:]:
        (path / module["path"]).mkdir(exist_ok=True)
    _json(path / "modules.json", modules)
    width = pretrained.model.config.hidden_size
    _json(
        path / "1_Pooling" / "config.json",
        {"word_embedding_dimension": width, **pooling, "include_prompt": recipe.include_prompt},
    )
    _json(path / "sentence_bert_config.json", {"max_seq_length": longest_text(pretrained), "do_lower_case": False})
    _json(
        path / "config_sentence_transformers.json",
        {"prompts": prompts, "similarity_fn_name": "cosine" if recipe.normalise else "dot"},
    )


def _module(number: int, path: str, kind: str) -> dict[str, Any]:
    return {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}


def _json(path: Path, content: Any) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
