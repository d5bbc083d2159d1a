"""What a sentence-transformers folder says about itself: pooling, normalisation, prompts, similarity.

Reimers and Gurevych 2019, arXiv 1908.10084, section 3: mean u = Σ_t m_t h_t / Σ_t m_t, the first token, or the maximum.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from alih.data.messages import listed
from alih.errors import ModelError

Mode = Literal["mean", "cls", "max", "lasttoken", "mean_sqrt_len_tokens"]
_MODES: dict[str, Mode] = {
    "mean": "mean",
    "mean_tokens": "mean",
    "cls": "cls",
    "cls_token": "cls",
    "max": "max",
    "max_tokens": "max",
    "lasttoken": "lasttoken",
    "mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
}


@dataclass(frozen=True)
class Recipe:
    """How token vectors become one vector of a text.

    Args:
        mode: of pooling.
        normalise: divide by the Euclidean length. Also done where the folder asks for cosine similarity, since the
            dot product of such vectors is the cosine.
        query_prompt, passage_prompt: what the model was trained to read in front of questions and of passages.
        include_prompt: the prompt's own tokens are pooled, too.
    """

    mode: Mode = "mean"
    normalise: bool = True
    query_prompt: str = ""
    passage_prompt: str = ""
    include_prompt: bool = field(default=True, repr=False)  # fingerprints of libraries are made of the repr


def recipe_of(folder: Path, name: str) -> Recipe:
    """Read modules.json and what it names; a plain Hugging Face encoder pools with the mean and is normalised.

    Raises:
        ModelError: a module or a pooling mode that is not supported.
    """
    modules = _read(folder / "modules.json")
    if not isinstance(modules, list) or not modules:
        return Recipe()
    kinds = [str(module.get("type", "")).rpartition(".")[2] for module in modules]
    strange = [kind for kind in kinds if kind not in {"Transformer", "Pooling", "Normalize", "Dropout"}]
    if strange or "Pooling" not in kinds:
        raise ModelError(
            f"{name}: modules.json holds {listed(kinds)}; embeddings here are made by Transformer, Pooling and "
            "Normalize. Take a sentence-transformers model of these."
        )
    place = str(modules[kinds.index("Pooling")].get("path", "1_Pooling"))
    config = _read(folder / "config_sentence_transformers.json")
    config = config if isinstance(config, dict) else {}
    stated = config.get("prompts")
    prompts: dict[str, Any] = stated if isinstance(stated, dict) else {}
    pooling = _read(folder / place / "config.json")
    pooling = pooling if isinstance(pooling, dict) else {}
    return Recipe(
        mode=_mode(pooling, name),
        normalise="Normalize" in kinds or config.get("similarity_fn_name", "cosine") not in {"dot", "dot_product"},
        query_prompt=str(prompts.get("query") or ""),
        passage_prompt=str(prompts.get("document") or prompts.get("passage") or ""),
        include_prompt=pooling.get("include_prompt") is not False,
    )


def pool(hidden: Tensor, mask: Tensor, recipe: Recipe, skipped: int = 0) -> Tensor:
    """Pool token vectors.

    Args:
        hidden: (texts, tokens, width).
        mask: (texts, tokens), 1 at tokens and 0 at padding.
        recipe: how.
        skipped: tokens at the beginning that are left out of means and maxima: those of a prompt.

    Returns:
        (texts, width).
    """
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    if skipped:
        weights = weights.clone()
        weights[:, :skipped] = 0
    if recipe.mode == "cls":
        pooled = hidden[:, 0]
    elif recipe.mode == "lasttoken":
        pooled = hidden[torch.arange(len(hidden)), mask.sum(1) - 1]
    elif recipe.mode == "max":
        pooled = hidden.masked_fill(weights == 0, -torch.inf).max(1).values
    else:
        pooled = (hidden * weights).sum(1)
        count = weights.sum(1).clamp(min=1e-9)
        pooled = pooled / (count.sqrt() if recipe.mode == "mean_sqrt_len_tokens" else count)
    return torch.nn.functional.normalize(pooled, dim=-1) if recipe.normalise else pooled


def _mode(config: dict[str, Any], name: str) -> Mode:
    if "pooling_mode" in config:
        chosen = [str(config["pooling_mode"])]
    else:
        chosen = [
            key.removeprefix("pooling_mode_")
            for key, on in config.items()
            if key.startswith("pooling_mode_") and on is True
        ]
    if len(chosen) != 1 or chosen[0] not in _MODES:
        raise ModelError(
            f"{name}: pools by {listed(chosen) or 'nothing that its configuration names'}, which is not supported "
            f"(supported: {listed(sorted(set(_MODES.values())))}, one of them)."
        )
    return _MODES[chosen[0]]


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
