"""One pass through the frozen part of a model, catching what enters its blocks and its head."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from typing import Final, Literal

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from alih.pretrained.anatomy import Anatomy
from alih.training.modules import constant_arguments
from alih.training.resume import first_argument, first_output

FEATURES: Final = "features"
#: Where the frozen part ends: b = the input of block b (number of blocks = the last one's output); "features" = what
#: reaches the head, reduced to what the head reads of it.
Boundary = int | Literal["features"]


class _EnoughError(Exception):
    """Nothing higher in the model is needed: the forward pass ends here."""


class Capture:
    """Runs batches through a model up to the highest boundary wanted.

    Args:
        model: in evaluation mode while it runs.
        anatomy: where its parts are.
        boundaries: what to catch.
    """

    def __init__(self, model: PreTrainedModel, anatomy: Anatomy, boundaries: Collection[Boundary]) -> None:
        self._model = model
        self._anatomy = anatomy
        self._wanted = set(boundaries)
        self._highest: Boundary = (
            FEATURES if FEATURES in self._wanted else max(b for b in self._wanted if isinstance(b, int))
        )
        self._always = constant_arguments(model)
        self._caught: dict[Boundary, Tensor] = {}

    @torch.no_grad()
    def run(self, batch: dict[str, Tensor]) -> dict[Boundary, Tensor]:
        """Return what one batch gives at each boundary: (batch, positions, …) or (batch, …)."""
        self._caught = {}
        with self._hooked(), suppress(_EnoughError):
            self._model(**batch, **self._always)
        caught, self._caught = self._caught, {}
        if FEATURES in caught:
            caught[FEATURES] = self._reduce(caught[FEATURES], batch)
        return caught

    @contextmanager
    def _hooked(self) -> Iterator[None]:
        blocks = self._anatomy.blocks
        handles = []
        for boundary in self._wanted:
            if boundary == FEATURES or boundary < len(blocks):
                path = self._anatomy.head[0] if boundary == FEATURES else blocks[boundary].modules[0]
                hook = self._on_input(boundary)
                handles.append(self._model.get_submodule(path).register_forward_pre_hook(hook, with_kwargs=True))
            else:
                last = self._model.get_submodule(blocks[-1].modules[-1])
                handles.append(
                    last.register_forward_hook(lambda _module, _args, output: self._catch(len(blocks), output))
                )
        training = self._model.training
        self._model.eval()
        try:
            yield
        finally:
            self._model.train(training)
            for handle in handles:
                handle.remove()

    def _on_input(self, boundary: Boundary) -> Callable[[nn.Module, tuple[Tensor, ...], dict[str, Tensor]], None]:
        return lambda module, args, kwargs: self._catch(boundary, first_argument(module, args, kwargs))

    def _catch(self, boundary: Boundary, output: object) -> None:
        self._caught[boundary] = first_output(output)
        if boundary == self._highest:
            raise _EnoughError

    def _reduce(self, features: Tensor, batch: dict[str, Tensor]) -> Tensor:
        """Keep of (batch, positions, width) what the head reads: the first position, or the last that is no padding."""
        if self._anatomy.reads == "whole":
            return features
        if self._anatomy.reads == "first":
            return features[:, :1]
        pad = self._model.config.get_text_config().pad_token_id
        ids, mask = batch["input_ids"], batch["attention_mask"]
        # As the models themselves find it: the rightmost token that is not the padding token.
        real = mask.bool() if pad is None else ids != pad
        last = (torch.arange(ids.shape[1], device=ids.device) * real).argmax(-1)
        return features[torch.arange(len(ids), device=ids.device), last]
