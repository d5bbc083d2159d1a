"""A model's linear layers quantised in place, given QA-LoRA adapters, and merged again."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from torch import Tensor, nn

from alih.errors import ModelError, OptionError
from alih.quantize.calibration import Batches, collect, passes
from alih.quantize.groups import GroupFormat
from alih.quantize.linear import Method, QuantizedLinear
from alih.quantize.qalora import QALoRALinear
from alih.quantize.targets import Targets, choose, linear_layers, replace

#: Bytes of Hessians that calibration holds at a time.
HESSIAN_BYTES = 2_000_000_000
_Made = TypeVar("_Made")


def quantize_model(
    model: nn.Module,
    *,
    bits: int,
    group_size: int,
    method: Method = "nearest",
    targets: Targets = None,
    calibration_batches: Batches | None = None,
    hessian_bytes: int = HESSIAN_BYTES,
) -> tuple[str, ...]:
    """Replace linear layers (`nn.Linear`, GPT-2's `Conv1D`) by quantised ones, in place; return their names.

    By default these are the layers in blocks, never the embeddings and the head. Weights that are in no linear layer
    (experts of a mixture kept as one tensor, say) stay as they are. Layer by layer the float weight is let go: the
    peak is the model plus one layer.

    With "calibrated", XᵀX of each layer's inputs is summed in one pass over the batches. Where these matrices (4·i²
    bytes for i inputs) do not fit into `hessian_bytes` together, the layers are done in several passes in the
    model's order; later ones then see what the quantised earlier layers put out.

    Args:
        model: the model; its training mode stays as it is.
        bits: bits a weight, 2, 3, 4 or 8.
        group_size: neighbouring inputs that share a scale and a zero point; a layer with fewer has one group, and
            where it does not divide a layer's inputs, the last group is shorter.
        method: "nearest", or "calibrated" (GPTQ).
        targets: which layers.
        calibration_batches: for "calibrated": the batches to run, on any device.
        hessian_bytes: limit of the Hessians held at a time; a single layer's own is held in any case.

    Raises:
        ModelError: a target names no linear layer, or one whose weight another module shares; no layer is left; a
            weight, or an input on the calibration examples, holds NaN; a layer that no calibration example reached.
            Layers that came before a failing one stay quantised.
        OptionError: bits, group size or method that there is not, or "calibrated" without batches.
    """
    form = GroupFormat(bits, group_size)
    if method not in ("nearest", "calibrated"):
        raise OptionError(f'method="{method}": weights are rounded by "nearest" or "calibrated". Take one.')
    found = linear_layers(model, targets)
    names = tuple(found)
    if method == "calibrated":
        if calibration_batches is None:
            raise OptionError('method="calibrated" rounds for the inputs that layers see: give calibration_batches.')
        for part in passes(found, hessian_bytes):
            hessians = collect(model, {name: found[name] for name in part}, calibration_batches)
            for name in part:
                total = hessians.pop(name).total
                _exchange(model, name, found.pop(name), form, "calibrated", total)
    else:
        for name in names:
            _exchange(model, name, found.pop(name), form, "nearest", None)
    return names


def quantized_layers(model: nn.Module) -> dict[str, QuantizedLinear]:
    """Return the quantised layers by name; one that has an adapter stands under the adapter's name."""
    adapted = qalora_layers(model)
    found = {name: module for name, module in model.named_modules() if isinstance(module, QuantizedLinear)}
    return {
        name.removesuffix(".base") if name.removesuffix(".base") in adapted else name: found[name] for name in found
    }


def add_qalora(
    model: nn.Module, *, rank: int, alpha: float, targets: Targets = None, rslora: bool = False
) -> tuple[str, ...]:
    """Give quantised layers QA-LoRA adapters, in place, freeze everything else, and return the layers' names.

    Adapters draw their random numbers in the model's order of layers: the same seed gives the same adapters.

    Args:
        model: a model that `quantize_model` has been at.
        rank: rank of the adapters.
        alpha: adapters are scaled by alpha / rank.
        targets: which quantised layers; None = all.
        rslora: scale by alpha / √rank instead.

    Raises:
        ModelError: no quantised layer, none that the targets name, or adapters there already.
        OptionError: a rank or an alpha that cannot be.
    """
    quantized = adaptable_layers(model)
    chosen = quantized if targets is None else choose(quantized, targets, "quantised layer")
    adapted = {name: QALoRALinear(layer, rank, alpha, rslora=rslora) for name, layer in chosen.items()}
    put_qalora(model, adapted)
    return tuple(adapted)


def adaptable_layers(model: nn.Module) -> dict[str, QuantizedLinear]:
    """Return the quantised layers of a model that has no adapters yet.

    Raises:
        ModelError: no quantised layer, or adapters there already.
    """
    if qalora_layers(model):
        raise ModelError("the model has QA-LoRA adapters already: merge them (merge_qalora), or open the model anew.")
    quantized = quantized_layers(model)
    if not quantized:
        raise ModelError(
            "QA-LoRA adapts quantised layers, and this model has none: quantise it first (quantize_model)."
        )
    return quantized


def put_qalora(model: nn.Module, adapted: dict[str, QALoRALinear]) -> None:
    """Put layers with adapters in their places, and freeze everything but the adapters."""
    model.requires_grad_(False)
    for name, layer in adapted.items():
        layer.requires_grad_(False)
        layer.lora_A.requires_grad_(True)
        layer.lora_B.requires_grad_(True)
        replace(model, name, layer.train(model.training))


def qalora_layers(model: nn.Module) -> dict[str, QALoRALinear]:
    """Return the layers that have adapters, by name."""
    return {name: module for name, module in model.named_modules() if isinstance(module, QALoRALinear)}


def merge_qalora(model: nn.Module) -> tuple[str, ...]:
    """Merge every adapter into the zero points of its layer, in place; return the layers' names.

    The model's outputs stay the same bit for bit, its codes and scales untouched. The way back is to open the base
    and the adapter from their files (`alih.quantize.storage`, `alih.quantize.adapter`).

    Raises:
        ModelError: there is no adapter to merge (any more), or one holds NaN; nothing is merged then.
    """
    layers = qalora_layers(model)
    if not layers:
        raise ModelError("there are no QA-LoRA adapters to merge: they are merged already, or were never added.")
    merged = {name: _named(name, layer.merge) for name, layer in layers.items()}
    for name, layer in merged.items():
        replace(model, name, layer)
    return tuple(merged)


def _exchange(
    model: nn.Module, name: str, layer: nn.Module, form: GroupFormat, method: Method, total: Tensor | None
) -> None:
    replace(model, name, _named(name, lambda: QuantizedLinear.from_linear(layer, form, method, total)))


def _named(name: str, make: Callable[[], _Made]) -> _Made:
    """Return what `make` makes; its errors say which layer it was."""
    try:
        return make()
    except ModelError as error:
        raise ModelError(f"{name}: {error}") from None
