"""What layers see: XᵀX of each layer's inputs, summed in one pass over calibration examples with bounded memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from alih.errors import ModelError
from alih.quantize.calibrated import Hessian
from alih.quantize.linear import dense_shape

#: Keyword arguments of one forward pass.
Batch = Mapping[str, Any]
#: A sequence of batches, or a function that returns a new iterator over them each time.
Batches = Callable[[], Iterable[Batch]] | Sequence[Batch]


def passes(layers: Mapping[str, nn.Module], hessian_bytes: int) -> list[list[str]]:
    """Cut the layers, in order, into passes whose Hessians (4·i² bytes each) fit together; one layer at least each."""
    cut: list[list[str]] = []
    room = 0
    for name, layer in layers.items():
        need = 4 * dense_shape(layer)[1] ** 2
        if not cut or need > room:
            cut.append([])
            room = hessian_bytes
        cut[-1].append(name)
        room -= need
    return cut


@torch.no_grad()
def collect(model: nn.Module, layers: Mapping[str, nn.Module], batches: Batches) -> dict[str, Hessian]:
    """Run the batches in evaluation mode and sum XᵀX of each layer's inputs; padding is left out.

    Args:
        model: the model, on one device.
        layers: layers of the model, by name.
        batches: what to run. Positions where a batch's `attention_mask` (batch, length) is 0 do not count.

    Raises:
        ModelError: no example reached a layer.
    """
    device = next(model.parameters()).device
    hessians = {name: Hessian(dense_shape(layer)[1], device) for name, layer in layers.items()}
    mask: Tensor | None = None

    def watch(name: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        def add(_module: nn.Module, arguments: tuple[Tensor, ...]) -> None:
            x = arguments[0]
            x = x[mask] if mask is not None and x.shape[:-1] == mask.shape else x
            hessians[name].add(x.reshape(-1, x.shape[-1]))

        return add

    with ExitStack() as stack:
        stack.enter_context(_evaluating(model))
        for name, layer in layers.items():
            stack.callback(layer.register_forward_pre_hook(watch(name)).remove)
        for batch in batches() if callable(batches) else batches:
            given = {key: value.to(device) if isinstance(value, Tensor) else value for key, value in batch.items()}
            real = given.get("attention_mask")
            mask = real.bool() if isinstance(real, Tensor) and real.ndim == 2 else None
            model(**given)
    missed = [name for name, hessian in hessians.items() if not hessian.count]
    if missed:
        raise ModelError(
            f"no calibration example reached {', '.join(missed[:3])}{' …' * (len(missed) > 3)}: give calibration "
            "batches (each a mapping of the model's keyword arguments) that run these layers, or leave them out of "
            "the targets."
        )
    return hessians


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = [module for module in model.modules() if module.training]
    model.eval()
    try:
        yield
    finally:
        for module in training:
            module.training = True
