"""Calibrated rounding: the error of each rounded input is made up for by the inputs that are rounded after it (GPTQ).

Frantar et al. 2022, arXiv 2210.17323, sections 3.2–3.3 and Algorithm 1. For a layer with weight W (o, i) and inputs
X (n, i), the error ‖X (W − Ŵ)ᵀ‖² has the Hessian H = XᵀX, the same for each output. Inputs are rounded one at a time,
in order of falling H[j, j] (the paper's repository calls this act-order); after input j the weights of all inputs
not yet rounded move by

    W[:, k] −= (W[:, j] − Ŵ[:, j]) / U[j, j] · U[j, k]        U: upper Cholesky factor of H⁻¹, H⁻¹ = Uᵀ U

which is where the error is least. Each group's grid comes from the weight as it was (static groups), so groups stay
runs of neighbouring inputs whatever the order, and with H a multiple of the identity nothing moves: then, and for
inputs that are not correlated, calibrated rounding is rounding to nearest.
"""

from __future__ import annotations

import torch
from torch import Tensor

from alih.errors import ModelError
from alih.quantize.groups import GroupFormat, GroupQuantized, grid, pack

#: Part of the Hessian's mean diagonal that is added to the diagonal (section 3.3, step 3).
DAMPING = 0.01
#: Inputs whose errors are spread in one matrix product (section 3.3, step 2).
_BLOCK = 128


class Hessian:
    """XᵀX of the inputs that a layer sees, summed batch by batch: (i, i) in fp32, whatever the number of inputs.

    Args:
        inputs: inputs of the layer.
        device: where to sum.
    """

    def __init__(self, inputs: int, device: torch.device | str | None = None) -> None:
        self.total = torch.zeros(inputs, inputs, device=device)
        self.count = 0

    def add(self, x: Tensor) -> None:
        """Add inputs (n, i)."""
        self.total.addmm_(x.float().T, x.float())
        self.count += x.shape[0]


def quantize_calibrated(
    weight: Tensor, form: GroupFormat, hessian: Tensor, *, damping: float = DAMPING
) -> GroupQuantized:
    """Quantise a weight (o, i) so that the layer's outputs change little on inputs like those measured.

    Args:
        weight: (o, i).
        form: bits and group size.
        hessian: XᵀX (i, i), or any multiple of it.
        damping: part of the mean diagonal that is added to the diagonal.

    Raises:
        ModelError: the weight holds NaN; the Hessian has another shape or holds NaN or infinite values.
    """
    outputs, inputs = weight.shape
    if hessian.shape != (inputs, inputs):
        raise ModelError(f"calibration of shape {tuple(hessian.shape)} for a layer of {inputs} inputs")
    if not bool(torch.isfinite(hessian).all()):
        raise ModelError("the layer's inputs on the calibration examples hold NaN or infinite values")
    scale, zero = grid(weight, form)
    kind = zero.dtype
    order, factor = _factor(hessian.to(kind), damping)
    group = order // form.group_size  # (i,) the group of each input, in the order of rounding
    work = weight.to(kind)[:, order].contiguous()
    codes = torch.empty_like(work)
    steps, zeros, largest = scale.to(kind), zero, 2**form.bits - 1
    for start in range(0, inputs, _BLOCK):
        stop = min(start + _BLOCK, inputs)
        block, corner = work[:, start:stop], factor[start:stop, start:stop]
        errors = torch.empty_like(block)
        for at in range(stop - start):
            step, middle = steps[:, group[start + at]], zeros[:, group[start + at]]
            code = (block[:, at] / step + middle).round_().clamp_(0, largest)
            codes[:, start + at] = code
            errors[:, at] = (block[:, at] - (code - middle) * step) / corner[at, at]
            block[:, at + 1 :].addr_(errors[:, at], corner[at, at + 1 :], alpha=-1)
        work[:, stop:].addmm_(errors, factor[start:stop, stop:], alpha=-1)
    padded = torch.zeros(outputs, form.groups(inputs) * form.group_size, dtype=torch.uint8, device=weight.device)
    padded[:, order] = codes.to(torch.uint8)
    return GroupQuantized(pack(padded, form.bits), scale, zero)


def _factor(hessian: Tensor, damping: float) -> tuple[Tensor, Tensor]:
    """Return the order of rounding (i,) and U (i, i), upper, with (H + damping)⁻¹ = Uᵀ U in that order."""
    diagonal = hessian.diagonal()
    mean = diagonal.mean()
    # An input that is always 0 has no say in the error: with 1 on the diagonal it is rounded to nearest.
    added = torch.where(diagonal > 0, damping * mean, torch.ones_like(diagonal))
    order = torch.argsort(diagonal, descending=True, stable=True)
    damped = (hessian + torch.diag(added))[order][:, order]
    for _ in range(12):  # rounding errors in XᵀX can leave it short of positive definite: then damp ten times more
        lower, failed = torch.linalg.cholesky_ex(damped)
        if not int(failed):
            upper, failed = torch.linalg.cholesky_ex(torch.cholesky_inverse(lower), upper=True)
            if not int(failed):
                return order, upper
        damped = damped + torch.diag(9 * damping * damped.diagonal().mean().expand(len(order)))
    raise ModelError("the calibration inputs give no usable Hessian: take more, and more varied, examples")
