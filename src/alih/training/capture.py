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
        boundaries: what to catch whole.
        means: depths whose mean over real tokens, patches or the picture's area is caught; nothing more is held.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        anatomy: Anatomy,
        boundaries: Collection[Boundary],
        *,
        means: Collection[int] = (),
    ) -> None:
        self._model = model
        self._anatomy = anatomy
        self._whole = set(boundaries)
        self._means = set(means)
        self._wanted = self._whole | self._means
        self._highest: Boundary = (
            FEATURES if FEATURES in self._wanted else max(b for b in self._wanted if isinstance(b, int))
        )
        self._always = constant_arguments(model)
        self._caught: dict[Boundary, Tensor] = {}
        self._caught_means: dict[int, Tensor] = {}
        self._mask: Tensor | None = None

    @torch.no_grad()
    def run(self, batch: dict[str, Tensor]) -> tuple[dict[Boundary, Tensor], dict[int, Tensor]]:
        """Return what one batch gives at each boundary, (batch, positions, …) or (batch, …), and its means by depth."""
        self._mask = batch.get("attention_mask")
        with self._hooked(), suppress(_EnoughError):
            self._model(**batch, **self._always)
        caught, self._caught = self._caught, {}
        means, self._caught_means = self._caught_means, {}
        if FEATURES in caught:
            caught[FEATURES] = self._reduce(caught[FEATURES], batch)
        return caught, means

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
        found = first_output(output)
        if boundary in self._whole:
            self._caught[boundary] = found
        if isinstance(boundary, int) and boundary in self._means:
            self._caught_means[boundary] = _mean(found, self._mask)
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


def _mean(values: Tensor, mask: Tensor | None) -> Tensor:
    """Mean over real tokens, patches or the picture's area: (batch, width)."""
    if values.ndim == 4:
        return values.mean((2, 3))
    if values.ndim == 2:
        return values
    if mask is None or mask.shape != values.shape[:2]:
        return values.mean(1)
    weights = (mask / mask.sum(1, keepdim=True)).to(values.dtype)  # (batch, positions)
    return torch.bmm(weights.unsqueeze(1), values).squeeze(1)
