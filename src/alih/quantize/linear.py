"""A linear layer whose weight is held in packed codes and dequantised, a slice at a time, whenever it is used."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from transformers.pytorch_utils import Conv1D

from alih.errors import ModelError, OptionError
from alih.quantize.calibrated import quantize_calibrated
from alih.quantize.groups import SCALE_DTYPE, GroupFormat, GroupQuantized, dequantize, group_sums, quantize
from alih.quantize.scratch import dense_rows

#: How a weight is rounded: each value for itself, or with its error spread over the inputs that follow.
Method = Literal["nearest", "calibrated"]
#: Weights that are dense at a time: 16 MB of fp32.
_SLICE = 4_194_304


class QuantizedLinear(nn.Module):
    """x ↦ x Wᵀ + b with W in groups of packed codes (see `alih.quantize.groups`).

    The codes are frozen; the bias is a parameter. Gradients flow to the input, to the bias, and to zero points that
    are given to `multiply`. Memory: the packed weight; 16 MB of dequantised rows, which all layers of a thread share;
    for the backward pass nothing but references to codes, scales and zero points – the rows are dequantised again,
    at 1–3 % of the time of a 1,024-token step – and, only where the zero points train, the sums of the input over
    groups.

    `to(dtype)` moves the bias; zero points are never narrowed below fp32, scales are bfloat16 always.
    In float32 and float64 everything is computed in that type; with bfloat16 or float16 inputs, or under autocast,
    rows are dequantised in fp32 and rounded once.

    Args:
        in_features: inputs.
        out_features: outputs.
        form: bits and group size; a group size over the inputs means one group.
        bias: whether there is one.
        device: where to make the (empty) tensors.
    """

    codes: Tensor
    scale: Tensor
    zero: Tensor

    def __init__(
        self,
        in_features: int,
        out_features: int,
        form: GroupFormat,
        *,
        bias: bool = True,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.form = form = GroupFormat(form.bits, min(form.group_size, in_features))
        shape = (out_features, form.groups(in_features))
        self.register_buffer(
            "codes", torch.zeros(out_features, form.row_bytes(in_features), dtype=torch.uint8, device=device)
        )
        self.register_buffer("scale", torch.ones(shape, dtype=SCALE_DTYPE, device=device))
        self.register_buffer("zero", torch.zeros(shape, dtype=torch.float32, device=device))
        self.bias = nn.Parameter(torch.zeros(out_features, device=device)) if bias else None

    @classmethod
    def from_linear(
        cls, linear: nn.Module, form: GroupFormat, method: Method = "nearest", calibration: Tensor | None = None
    ) -> QuantizedLinear:
        """Quantise an `nn.Linear`, or a `Conv1D` of GPT-2; the bias is shared with it.

        Args:
            linear: the layer.
            form: bits and group size.
            method: how to round; "calibrated" is Frantar et al. 2022 (arXiv 2210.17323).
            calibration: XᵀX (in, in) of inputs that the layer sees, for "calibrated" (see `calibrated.Hessian`).

        Raises:
            ModelError: another kind of layer, or a weight with NaN.
            OptionError: "calibrated" without `calibration`.
        """
        weight = dense_weight(linear)
        new = cls(weight.shape[1], weight.shape[0], form, bias=False, device=weight.device)
        if method == "nearest":
            quantized = quantize(weight, new.form)
        elif calibration is None:
            raise OptionError("method=calibrated: it rounds for the inputs that a layer sees; give calibration inputs")
        else:
            quantized = quantize_calibrated(weight, new.form, calibration)
        new.codes, new.scale, new.zero = quantized.codes, quantized.scale, quantized.zero
        bias = linear.bias
        new.bias = bias if isinstance(bias, nn.Parameter) else None
        return new.train(linear.training)

    @property
    def quantized(self) -> GroupQuantized:
        """Codes, scales and zero points."""
        return GroupQuantized(self.codes, self.scale, self.zero)

    @property
    def weight(self) -> Tensor:
        """The weight (out, in), dequantised anew at each access; some models ask it for its type."""
        return dequantize(self.quantized, self.form, self.in_features)

    def with_zero(self, zero: Tensor) -> QuantizedLinear:
        """Return a layer with other zero points; codes, scales and bias are shared."""
        new = QuantizedLinear(self.in_features, self.out_features, self.form, bias=False, device="meta")
        new.codes, new.scale, new.zero, new.bias = self.codes, self.scale, zero, self.bias
        return new.train(self.training)

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out)."""
        return self.multiply(x, self.zero)

    def multiply(self, x: Tensor, zero: Tensor) -> Tensor:
        """Apply the layer with the zero points (out, groups) given, to which gradients flow: (…, in) → (…, out).

        Raises:
            ModelError: an input of another width.
        """
        if x.shape[-1] != self.in_features:
            raise ModelError(f"input of shape {tuple(x.shape)}; this layer reads (…, {self.in_features})")
        kind = x.device.type
        if torch.is_autocast_enabled(kind) and x.dtype != torch.float64:
            x = x.to(torch.get_autocast_dtype(kind))
        y: Tensor = _Multiply.apply(  # type: ignore[no-untyped-call]
            x, self.codes, self.scale, zero, self.form
        )
        return y if self.bias is None else y + self.bias.to(y.dtype)

    def extra_repr(self) -> str:
        """Return what the layer's line in a printed model says."""
        return (
            f"in_features={self.in_features}, out_features={self.out_features}, bias={self.bias is not None}, "
            f"bits={self.form.bits}, group_size={self.form.group_size}"
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> QuantizedLinear:
        scale, zero = self.scale, self.zero
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        if self.scale.dtype != scale.dtype:
            self.scale = scale.to(self.scale.device)
        if self.zero.element_size() < 4:
            self.zero = zero.to(self.zero.device)
        return self


def dense_weight(linear: nn.Module) -> Tensor:
    """Return the weight (out, in) of an `nn.Linear`, or of a `Conv1D` of GPT-2, which holds it as (in, out).

    Raises:
        ModelError: another kind of layer.
    """
    dense_shape(linear)
    weight = linear.weight
    assert isinstance(weight, Tensor)
    return weight.detach().T.contiguous() if isinstance(linear, Conv1D) else weight.detach()


def dense_shape(linear: nn.Module) -> tuple[int, int]:
    """Return (outputs, inputs) of an `nn.Linear` or a `Conv1D` of GPT-2.

    Raises:
        ModelError: another kind of layer.
    """
    if isinstance(linear, nn.Linear):
        return linear.out_features, linear.in_features
    if isinstance(linear, Conv1D):
        return int(linear.weight.shape[1]), int(linear.weight.shape[0])
    raise ModelError(f"{type(linear).__name__} cannot be quantised: linear layers (nn.Linear, Conv1D of GPT-2) can")


class _Multiply(torch.autograd.Function):
    """x Wᵀ with W dequantised in slices of rows, forward and again backward.

    With W = scale · (codes − zero), y the output and x̂ (tokens, l) the input summed over each group:
    ∂L/∂x = (∂L/∂y) W and ∂L/∂zero = −scale · (∂L/∂y)ᵀ x̂.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, codes: Tensor, scale: Tensor, zero: Tensor, form: GroupFormat) -> Tensor:
        tokens = x.reshape(-1, x.shape[-1])  # (t, i)
        sums = group_sums(tokens.to(_wide(tokens)), form) if ctx.needs_input_grad[3] else None
        ctx.save_for_backward(codes, scale, zero, sums)
        ctx.form, ctx.shape = form, x.shape
        y = tokens.new_empty(tokens.shape[0], codes.shape[0])
        for rows in _slices(codes.shape[0], x.shape[-1]):
            weight = dense_rows(GroupQuantized(codes[rows], scale[rows], zero[rows]), form, x.shape[-1])
            torch.mm(tokens, weight.to(x.dtype).T, out=y[:, rows])
        return y.view(*x.shape[:-1], -1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        codes, scale, zero, sums = ctx.saved_tensors
        grad = grad.reshape(-1, grad.shape[-1])  # (t, o)
        inputs = ctx.shape[-1]
        to_x = to_zero = None
        if ctx.needs_input_grad[0]:
            for rows in _slices(codes.shape[0], inputs):
                weight = dense_rows(GroupQuantized(codes[rows], scale[rows], zero[rows]), ctx.form, inputs)
                weight = weight.to(grad.dtype)
                to_x = grad[:, rows] @ weight if to_x is None else to_x.addmm_(grad[:, rows], weight)
            assert to_x is not None
            to_x = to_x.view(ctx.shape)
        if sums is not None:
            to_zero = -scale.to(zero.dtype) * (grad.T @ sums.to(grad.dtype)).to(zero.dtype)
        return to_x, None, None, to_zero, None


def _wide(values: Tensor) -> torch.dtype:
    """Type to sum in: at least fp32."""
    return torch.float64 if values.dtype == torch.float64 else torch.float32


def _slices(outputs: int, inputs: int) -> list[slice]:
    rows = max(1, _SLICE // inputs)
    return [slice(start, start + rows) for start in range(0, outputs, rows)]
