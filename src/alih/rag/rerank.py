"""Rerankers: a second, slower look at the passages that the searches brought.

Late interaction (Khattab and Zaharia 2020, arXiv 2004.12832, equation 3): score = Σ_i max_j q_i · d_j over the token
vectors of question and passage. Cross-encoder (Nogueira and Cho 2019, arXiv 1901.04085): one forward pass over both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from alih.errors import ModelError
from alih.pretrained.open import load
from alih.rag.embed import Embedder
from alih.training.precision import device

_BATCH = 16


class Reranker(Protocol):
    """Scores passages against a question; larger is better."""

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """One score a passage: (passages,)."""


class LateInteraction:
    """Compares token by token with the embedding model that is loaded anyway; needs no other weights.

    Args:
        embedder: gives the token vectors.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """Mean over the question's tokens of the best match in the passage: (passages,)."""
        (asked,) = self._embedder.tokens([question], queries=True)
        if not len(asked):
            return np.zeros(len(texts))
        told = self._embedder.tokens(list(texts))
        return np.array([float((asked @ one.T).max(1).mean()) if len(one) else 0.0 for one in told])


class CrossEncoder:
    """A sequence classifier that reads question and passage together.

    Args:
        name: folder or Hub id of a model with one output (or two, the second of which is "relevant").

    Raises:
        ModelError: it cannot be opened, or is no reranker.
    """

    def __init__(self, name: str) -> None:
        opened = load(name, form="cross-encoder")
        self._tokenizer, self._most = opened.tokenizer, opened.max_length
        outputs = len(opened.model.config.id2label or {})
        if opened.head_is_new or outputs > 2:
            why = "its head was never trained" if opened.head_is_new else f"it has {outputs} classes"
            raise ModelError(f"--rerank {name}: no reranker, {why}. Take a cross-encoder, or --rerank late.")
        self._on = device()
        self._model: Any = opened.model.to(self._on)  # type: ignore[arg-type]

    def scores(self, question: str, texts: Sequence[str]) -> NDArray[np.float64]:
        """The model's logit of "relevant" for each passage: (passages,)."""
        found = []
        for start in range(0, len(texts), _BATCH):
            part = list(texts[start : start + _BATCH])
            batch = self._tokenizer(
                [question] * len(part),
                part,
                padding=True,
                truncation=self._most is not None,
                max_length=self._most,
                return_tensors="pt",
            )
            with torch.inference_mode():
                logits = self._model(**batch.to(self._on)).logits.float()
            found.append((logits[:, 0] if logits.shape[1] == 1 else logits[:, 1] - logits[:, 0]).cpu().numpy())
        return np.concatenate(found).astype(np.float64) if found else np.zeros(0)
