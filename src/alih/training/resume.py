"""A model that starts at a boundary: the blocks below it are skipped, their output comes from the cache."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from alih.errors import ModelError
from alih.pretrained.anatomy import Anatomy
from alih.training.modules import constant_arguments, keep_frozen_in_evaluation, trained_paths

_Forward = Callable[..., Any]


class ResumedModel(nn.Module):
    """The model from block `boundary` on, given the hidden state that enters this block.

    Nothing in the model changes: during a forward pass the skipped modules hand the given hidden state on, and
    afterwards they are as before, so that the model can be saved, scored or resumed elsewhere at any time. Masks,
    position embeddings and other side inputs of the blocks are still made by the model itself.

    The first forward pass checks, on two examples, that the resumed model gives the logits of the whole one.

    Args:
        model: the whole model.
        anatomy: where its parts are.
        boundary: index of the first block that runs; the number of blocks = none, the hidden state is the last output.
    """

    def __init__(self, model: PreTrainedModel, anatomy: Anatomy, boundary: int) -> None:
        super().__init__()
        if not 0 <= boundary <= len(anatomy.blocks):
            raise ValueError(f"boundary must lie between 0 and {len(anatomy.blocks)}, not {boundary}")
        self.model = model
        self.anatomy = anatomy
        self.boundary = boundary
        self._always = constant_arguments(model)
        self._skipped = [model.get_submodule(p) for block in anatomy.blocks[:boundary] for p in block.modules]
        self._entry = [] if anatomy.entry is None else [model.get_submodule(anatomy.entry)]
        self._first = [model.get_submodule(block.modules[0]) for block in anatomy.blocks[boundary : boundary + 1]]
        self._shapes: dict[nn.Module, tuple[Any, ...] | None] | None = None

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """`hidden` (batch, …) and the keyword arguments of the model to logits (batch, outputs).

        Raises:
            ModelError: the check failed: this architecture passes more between its blocks than a hidden state.
        """
        inputs = {name: tensor for name, tensor in batch.items() if name != "hidden"}
        if self._shapes is None:
            self._shapes = self._check(inputs)
        return self._resume(batch["hidden"], inputs)

    def train(self, mode: bool = True) -> ResumedModel:
        """Set the mode of what trains; everything below the boundary stays in evaluation mode."""
        super().train(False)
        self.training = mode
        for path in trained_paths(self.anatomy, self.boundary):
            self.model.get_submodule(path).train(mode)
        keep_frozen_in_evaluation(self.model)
        return self

    def _resume(self, hidden: Tensor, inputs: dict[str, Tensor]) -> Tensor:
        with _replaced_forwards(self._replacements(hidden)):
            logits: Tensor = self.model(**inputs, **self._always).logits
        return logits

    def _replacements(self, hidden: Tensor) -> dict[nn.Module, _Forward]:
        assert self._shapes is not None
        found: dict[nn.Module, _Forward] = {}
        for module in (*self._entry, *self._skipped):
            if module in self._shapes:
                found[module] = _hand_on(module, hidden, self._shapes[module])
        for module in self._first:
            found[module] = _start_with(module, hidden)
        return found

    @torch.no_grad()
    def _check(self, inputs: dict[str, Tensor]) -> dict[nn.Module, tuple[Any, ...] | None]:
        """Run two examples through the whole model, learn what the skipped modules return, and compare logits."""
        few = {name: tensor[:2] for name, tensor in inputs.items()}
        device_type = next(self.model.parameters()).device.type
        modes = {module: module.training for module in self.modules()}
        outputs: dict[nn.Module, Any] = {}
        entering: list[Tensor] = []
        handles = [
            module.register_forward_hook(lambda module, _, output: outputs.__setitem__(module, output))
            for module in (*self._entry, *self._skipped)
        ]
        handles += [
            module.register_forward_pre_hook(
                lambda module, args, kwargs: entering.append(first_argument(module, args, kwargs)), with_kwargs=True
            )
            for module in self._first
        ]
        self.eval()
        try:
            with torch.autocast(device_type, enabled=False):
                expected = self.model(**few, **self._always).logits
                for handle in handles:
                    handle.remove()
                self._shapes = self._learn(outputs)
                hidden = entering[0] if self._first else first_output(outputs[self._skipped[-1]])
                found = self._resume(hidden, few)
        finally:
            for handle in handles:
                handle.remove()
            for module, mode in modes.items():
                module.training = mode
        if not torch.allclose(found, expected, rtol=1e-4, atol=1e-5):
            raise self._unsuited("its blocks pass on more than one hidden state")
        return self._shapes

    def _learn(self, outputs: dict[nn.Module, Any]) -> dict[nn.Module, tuple[Any, ...] | None]:
        """What follows the hidden state in each module's output; None where the output is the hidden state itself."""
        shapes: dict[nn.Module, tuple[Any, ...] | None] = {}
        for module, output in outputs.items():
            rest = tuple(output[1:]) if isinstance(output, tuple | list) else None
            has_tensors = rest is not None and any(isinstance(value, Tensor) for value in rest)
            if has_tensors and module in self._entry:
                continue  # such a stem runs; what it gives is not used
            if has_tensors and _relative_bias(module) is None:
                raise self._unsuited(f"{type(module).__name__} returns more than one tensor")
            shapes[module] = rest
        return shapes

    def _unsuited(self, reason: str) -> ModelError:
        return ModelError(
            f"a model of family {self.anatomy.family} ({type(self.model).__name__}) cannot be resumed at block "
            f"{self.boundary}: {reason}. Fine-tune all of its blocks (--blocks all), or its head (--routes transfer)."
        )


def first_argument(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor:
    """Return the hidden state among a block's arguments: the first one, given by position or by name."""
    value: Tensor = args[0] if args else kwargs[_first_name(module)]
    return value


def first_output(output: Any) -> Tensor:
    """Return the hidden state in a block's output: the output, or its first element."""
    value: Tensor = output[0] if isinstance(output, tuple | list) else output
    return value


def _first_name(module: nn.Module) -> str:
    names = list(inspect.signature(type(module).forward).parameters)
    return names[1]  # after self


@contextmanager
def _replaced_forwards(replacements: dict[nn.Module, _Forward]) -> Iterator[None]:
    """Let modules run other functions inside the block."""
    before: dict[nn.Module, _Forward | None] = {module: module.__dict__.get("forward") for module in replacements}
    for module, function in replacements.items():
        module.__dict__["forward"] = function
    try:
        yield
    finally:
        for module, own in before.items():
            if own is None:
                del module.__dict__["forward"]
            else:
                module.__dict__["forward"] = own


def _hand_on(module: nn.Module, hidden: Tensor, rest: tuple[Any, ...] | None) -> _Forward:
    """A forward that returns `hidden` in the form that the module returns it."""
    if rest is None:
        return lambda *_args, **_kwargs: hidden
    attention = _relative_bias(module)
    if attention is None:
        return lambda *_args, **_kwargs: (hidden, *rest)

    def with_bias(
        _hidden: Tensor, _mask: Tensor | None = None, position_bias: Tensor | None = None, *_: Any, **_more: Any
    ) -> tuple[Any, ...]:
        # T5: block 0 owns the bias of relative positions and hands it to all blocks (arXiv 1910.10683, section 2.1).
        if position_bias is None:
            with torch.no_grad():
                position_bias = attention.compute_bias(hidden.shape[1], hidden.shape[1], device=hidden.device)
        return (hidden, position_bias, *rest[1:])

    return with_bias


def _relative_bias(module: nn.Module) -> Any:
    """The self-attention of a T5 block, which knows the bias of relative positions; None for any other module."""
    layers = getattr(module, "layer", None)
    attention = getattr(layers[0], "SelfAttention", None) if isinstance(layers, nn.ModuleList) and layers else None
    return attention if hasattr(attention, "compute_bias") else None


def _start_with(module: nn.Module, hidden: Tensor) -> _Forward:
    """The module's own forward, with `hidden` in place of its first argument."""
    own = module.forward

    def forward(*args: Any, **kwargs: Any) -> Any:
        if args:
            return own(hidden, *args[1:], **kwargs)
        return own(**{**kwargs, _first_name(module): hidden})

    return forward
