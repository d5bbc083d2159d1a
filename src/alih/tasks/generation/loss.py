"""Cross-entropy of a causal language model over what is learnt, without logits for the rest where that is exact."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from alih.tasks.generation.encode import Tokens
from alih.tasks.generation.pack import collate, length_batches
from alih.training.feed import Batch
from alih.training.memory import most_tokens
from alih.training.modules import FullModel
from alih.training.precision import Precision, autocast
from alih.training.scoring import device_of, to_device

#: Packed and alone, logits may differ by rounding.
_TOLERANCE = 1e-3


class Scorer(FullModel):
    """A model that computes losses; what is exact for it is tried out once, on a few tokens.

    Args:
        model: a causal language model.
        pad: token that fills up rows.

    Attributes:
        packs: whether packed examples get the logits that they get alone; some architectures (state-space layers) let
            one example leak into the next.
    """

    def __init__(self, model: PreTrainedModel, pad: int) -> None:
        super().__init__(model)
        self.pad = pad
        self._head = self._separate_head()
        self.packs = self._tries_packing()

    def logits(self, batch: Batch) -> Tensor:
        """Logits (rows, length, vocabulary)."""
        return super().forward(_inputs(batch))

    def forward(self, batch: Batch) -> Tensor:
        """Cross-entropy in nats of each learnt token, row by row: (learnt tokens,)."""
        if self._head is None:
            logits = self.logits(batch).flatten(0, 1)[batch["learnt"]]
        else:
            backbone: Any = self.model.base_model
            hidden = backbone(**_inputs(batch), **self._always).last_hidden_state.flatten(0, 1)
            logits = self._head(hidden[batch["learnt"]])  # (learnt tokens, vocabulary)
        return nn.functional.cross_entropy(logits.float(), batch["labels"], reduction="none")

    @torch.no_grad()
    def each(self, sequences: Sequence[Tokens], precision: Precision = "fp32") -> list[tuple[float, int]]:
        """For each sequence, the sum of its cross-entropies in nats, and of how many tokens."""
        on = device_of(self.model)
        was_training = self.model.training
        self.model.eval()
        found = [(0.0, 0)] * len(sequences)
        for rows in length_batches([len(sequence) for sequence in sequences], most_tokens(on), 0):
            batch = collate(sequences, rows, self.pad)
            with autocast(on, precision):
                losses = self(to_device(batch, on)).double().cpu()
            counts = torch.bincount(batch["learnt"] // batch["input_ids"].shape[1], minlength=len(rows)).tolist()
            for (place,), part in zip(rows, torch.split(losses, counts), strict=True):
                found[place] = (float(part.sum()), len(part))
        self.model.train(was_training)
        return found

    @torch.no_grad()
    def _separate_head(self) -> Any:
        """The output layer, where it alone turns the backbone's last hidden state into logits."""
        head: Any = self.model.get_output_embeddings()
        backbone: Any = self.model.base_model
        if head is None or backbone is self.model:
            return None
        batch = self._probe([[0]])
        was_training = self.model.training
        self.model.eval()
        try:
            hidden = backbone(**_inputs(batch), **self._always).last_hidden_state
            same = torch.allclose(head(hidden), self.logits(batch), atol=1e-4, rtol=1e-4)
        except (AttributeError, RuntimeError, TypeError, ValueError):  # an architecture of another build
            same = False
        self.model.train(was_training)
        return head if same else None

    @torch.no_grad()
    def _tries_packing(self) -> bool:
        was_training = self.model.training
        self.model.eval()
        try:
            packed = self.logits(self._probe([[0, 1]]))[0, 5:]
            alone = self.logits(self._probe([[1]]))[0]
            same = bool((packed - alone).abs().max() <= _TOLERANCE * max(1.0, float(alone.abs().max())))
        except (RuntimeError, TypeError, ValueError, IndexError):
            same = False
        self.model.train(was_training)
        return same

    def _probe(self, rows: list[list[int]]) -> Batch:
        embeddings: Any = self.model.get_input_embeddings()
        ids = [(number * 7919 + 3) % int(embeddings.weight.shape[0]) for number in range(12)]
        some = [Tokens(tuple(ids[:5]), (True,) * 5), Tokens(tuple(ids[5:]), (True,) * 7)]
        return to_device(collate(some, rows, self.pad), device_of(self.model))


def objective(module: nn.Module, batch: Batch) -> tuple[Tensor, int]:
    """Sum of the cross-entropies in nats over the learnt tokens, and how many there are."""
    losses: Tensor = module(batch)
    return losses.sum(), max(1, len(losses))


def _inputs(batch: Batch) -> Batch:
    inputs = {"input_ids": batch["input_ids"]}
    if "mask" in batch:
        inputs |= {"attention_mask": batch["mask"], "position_ids": batch["position_ids"]}
    return inputs
