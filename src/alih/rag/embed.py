"""Embeddings: one vector a passage, one a sentence of it (from the same forward pass), one a question.

Sentence vectors are means of the passage's own token vectors over the sentence ("late chunking", Günther et al. 2024,
arXiv 2409.04701): they cost no second pass and know the sentence's context.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from alih.errors import ModelError
from alih.pretrained.open import Pretrained, find
from alih.pretrained.quiet import quiet
from alih.progress import Progress
from alih.rag.pooling import Recipe, pool, recipe_of
from alih.training.precision import device

DEFAULT_MODEL = "alih/minilm"
Vectors = NDArray[np.float32]
#: Characters of a sentence in what the model reads: (start, end).
Span = tuple[int, int]
_WINDOW = 2048
#: Most tokens of a batch, padding included. On a processor larger ones leave its caches: passages of 60 to 150 tokens
#: went through MiniLM at 3,660 tokens a second in batches of 8, and at 3,120 to 3,450 in batches of 32.
_MOST_TOKENS, _MOST_TOKENS_GPU = 1 << 10, 1 << 16


@dataclass(frozen=True)
class Encoded:
    """What one call embedded.

    Args:
        vectors: (texts, width).
        sentences: for each text (sentences, width) in float16, of unit length.
    """

    vectors: Vectors
    sentences: list[NDArray[np.float16]]


class Embedder:
    """An embedding model.

    Args:
        name: built-in name, sentence-transformers folder (or plain Hugging Face encoder), or Hub id.
        batch_size: passages at a time, at most; long ones come in smaller batches.

    Raises:
        ModelError: it cannot be found or opened, or pools in a way that is not supported.
    """

    def __init__(self, name: str = DEFAULT_MODEL, *, batch_size: int = 32) -> None:
        checkpoint = find(name)
        recipe = recipe_of(checkpoint.root, name)
        self._take(checkpoint.load("encoder"), recipe, batch_size)
        self.name = name
        self.fingerprint = _fingerprint([str(file) for file in checkpoint.folder.weights], recipe)

    @classmethod
    def of(cls, pretrained: Pretrained, recipe: Recipe, *, batch_size: int = 32) -> Embedder:
        """An encoder that was opened before, which may train; it has no fingerprint.

        Raises:
            ModelError: it has no tokenizer that tells where in a text each token stands.
        """
        made = cls.__new__(cls)
        made._take(pretrained, recipe, batch_size)
        return made

    def _take(self, pretrained: Pretrained, recipe: Recipe, batch_size: int) -> None:
        self.name, self.fingerprint = pretrained.name, ""
        self.pretrained, self.recipe = pretrained, recipe
        self.tokenizer, self.anatomy = pretrained.tokenizer, pretrained.anatomy
        self.max_length = longest_text(pretrained)
        if not self.tokenizer.is_fast:
            raise ModelError(f"{self.name}: has no tokenizer.json, which tells where in a text each token stands.")
        self._on = device()
        self.model: Any = pretrained.model.to(self._on)  # type: ignore[arg-type]
        self._batch_size = batch_size
        #: What embeds single questions instead of the model; see `alih.rag.onnx`.
        self.session: Callable[[dict[str, NDArray[np.int64]]], Vectors] | None = None
        self.dimension = int(self.model.config.hidden_size)

    def count(self, texts: Sequence[str]) -> list[int]:
        """Number of tokens in each text, special tokens not counted."""
        if not texts:
            return []
        with quiet():
            encoded = self.tokenizer(list(texts), add_special_tokens=False, return_attention_mask=False)
        return [len(ids) for ids in encoded["input_ids"]]

    def query(self, text: str) -> Vectors:
        """Embed one question: (width,)."""
        if self.session is not None:
            return self._by_session(text)
        found: Vectors = self._plain([text])[0]
        return found

    def queries(self, texts: Sequence[str]) -> Vectors:
        """Embed questions: (texts, width)."""
        return self._plain(list(texts)) if texts else np.empty((0, self.dimension), np.float32)

    def passages(
        self, texts: Sequence[str], spans: Sequence[Sequence[Span]] | None = None, progress: Progress | None = None
    ) -> Encoded:
        """Embed passages, and the sentences in them.

        Args:
            texts: what is read; longer ones than the model can read are cut.
            spans: for each text the characters of its sentences; None where they are not wanted.
            progress: where it reports to; silent by default.
        """
        vectors = np.empty((len(texts), self.dimension), np.float32)
        sentences: list[NDArray[np.float16]] = [np.empty((0, self.dimension), np.float16)] * len(texts)
        with (progress or Progress(quiet=True)).step("Embedding", len(texts), "passages") as advance:
            for rows, hidden, mask, offsets in self._batches(texts):
                vectors[rows] = self.pooled_states(hidden, mask, self.recipe.passage_prompt).cpu().numpy()
                if spans is not None:
                    states = hidden.float().cpu().numpy()
                    for place, row in enumerate(rows):
                        sentences[row] = _by_sentence(states[place], offsets[place], spans[row])
                advance(len(rows))
        return Encoded(vectors, sentences)

    def tokens(self, texts: Sequence[str], *, queries: bool = False) -> list[Vectors]:
        """Token vectors of each text, of unit length, special tokens left out: (tokens, width)."""
        prompt = self.recipe.query_prompt if queries else self.recipe.passage_prompt
        found: list[Vectors] = [np.empty((0, self.dimension), np.float32)] * len(texts)
        for rows, hidden, _mask, offsets in self._batches(texts, prompt):
            states = torch.nn.functional.normalize(hidden.float(), dim=-1).cpu().numpy()
            for place, row in enumerate(rows):
                real = offsets[place, :, 1] > np.maximum(offsets[place, :, 0], 0)
                found[row] = states[place][real]
        return found

    def _by_session(self, text: str) -> Vectors:
        assert self.session is not None
        prompt = self.recipe.query_prompt
        batch = self.tokenizer([prompt + text], truncation=True, max_length=self.max_length, return_tensors="np")
        hidden = torch.from_numpy(self.session(dict(batch)))
        found: Vectors = self.pooled_states(hidden, torch.from_numpy(batch["attention_mask"]), prompt)[0].numpy()
        return found

    def pooled(self, texts: Sequence[str], prompt: str = "") -> torch.Tensor:
        """Embed texts in one batch, with gradients where they are on: (texts, width).

        Args:
            texts: what is read.
            prompt: what stands before each of them.
        """
        batch = {name: tensor.to(self._on) for name, tensor in self.tokenized(texts, prompt).items()}
        return self.pooled_states(self.model(**batch).last_hidden_state, batch["attention_mask"], prompt)

    def tokenized(self, texts: Sequence[str], prompt: str = "") -> dict[str, torch.Tensor]:
        """Texts with a prompt before each, as the model's arguments in one batch: (texts, tokens) each."""
        read = [prompt + text for text in texts]
        return dict(
            self.tokenizer(read, padding=True, truncation=True, max_length=self.max_length, return_tensors="pt")
        )

    def pooled_states(self, hidden: torch.Tensor, mask: torch.Tensor, prompt: str) -> torch.Tensor:
        """Hidden states (texts, tokens, width) of texts behind a prompt to their vectors (texts, width)."""
        skipped = 0 if self.recipe.include_prompt or not prompt else self._tokens_of(prompt)
        return pool(hidden, mask, self.recipe, skipped)

    def _tokens_of(self, prompt: str) -> int:
        """Tokens of a prompt before a text, special ones included, as sentence-transformers counts them."""
        ids = self.tokenizer(prompt, verbose=False)["input_ids"]
        return len(ids) - (ids[-1] in self.tokenizer.all_special_ids)

    def _plain(self, texts: list[str]) -> Vectors:
        with torch.inference_mode():
            found = [
                self.pooled(texts[start : start + self._batch_size], self.recipe.query_prompt).float().cpu().numpy()
                for start in range(0, len(texts), self._batch_size)
            ]
        return np.concatenate(found)

    def _batches(
        self, texts: Sequence[str], prompt: str | None = None
    ) -> Iterator[tuple[list[int], torch.Tensor, torch.Tensor, NDArray[np.int64]]]:
        """Run texts through the model, the long ones first and those of like length together.

        Yields:
            rows of `texts`; hidden states (rows, tokens, width); mask (rows, tokens); characters of each token in its
            text (rows, tokens, 2), negative in the prompt and (0, 0) at special tokens.
        """
        prompt = self.recipe.passage_prompt if prompt is None else prompt
        most = _MOST_TOKENS if self._on.type == "cpu" else _MOST_TOKENS_GPU
        for begin in range(0, len(texts), _WINDOW):
            window = [prompt + text for text in texts[begin : begin + _WINDOW]]
            with quiet():
                encoded = self.tokenizer(
                    window, truncation=True, max_length=self.max_length, return_offsets_mapping=True
                )
            lengths = [len(ids) for ids in encoded["input_ids"]]
            order = sorted(range(len(window)), key=lambda row: -lengths[row])
            start = 0
            while start < len(order):
                fitting = max(1, most // max(lengths[order[start]], 1))
                rows = order[start : start + min(self._batch_size, fitting)]
                start += len(rows)
                columns = [key for key in encoded if key != "offset_mapping"]
                batch = self.tokenizer.pad(
                    {key: [encoded[key][row] for row in rows] for key in columns}, return_tensors="pt"
                ).to(self._on)
                width = batch["input_ids"].shape[1]
                offsets = np.zeros((len(rows), width, 2), np.int64)
                for place, row in enumerate(rows):
                    found = np.asarray(encoded["offset_mapping"][row], np.int64)
                    offsets[place, : len(found)] = np.where(found[:, 1:] > 0, found - len(prompt), 0)
                with torch.inference_mode():
                    hidden = self.model(**batch).last_hidden_state
                yield [begin + row for row in rows], hidden, batch["attention_mask"], offsets


def longest_text(pretrained: Pretrained) -> int:
    """Most tokens of a text that an embedding model reads here; longer texts are cut."""
    return min(pretrained.max_length or 512, 8192)


def _by_sentence(states: Vectors, offsets: NDArray[np.int64], spans: Sequence[Span]) -> NDArray[np.float16]:
    """Mean of the token vectors in each span, of unit length; zero where no token of it was read.

    Args:
        states: (tokens, width).
        offsets: (tokens, 2).
        spans: of the sentences.
    """
    real = offsets[:, 1] > np.maximum(offsets[:, 0], 0)
    found = np.zeros((len(spans), states.shape[1]), np.float32)
    for index, (start, end) in enumerate(spans):
        inside = real & (offsets[:, 0] < end) & (offsets[:, 1] > start)
        if inside.any():
            mean = states[inside].mean(0)
            found[index] = mean / max(float(np.linalg.norm(mean)), 1e-9)
    return found.astype(np.float16)


def _fingerprint(files: Sequence[str], recipe: Recipe) -> str:
    """Tells one model's vectors from another's, without reading all of its weights."""
    told = hashlib.sha256(f"{recipe!r}{'' if recipe.include_prompt else ' without prompts'}".encode())
    for name in files:
        with open(name, "rb") as file:
            size = os.fstat(file.fileno()).st_size
            told.update(f"{size}\0".encode() + file.read(1 << 20))
            file.seek(max(size - (1 << 20), 0))
            told.update(file.read())
    return told.hexdigest()[:32]
