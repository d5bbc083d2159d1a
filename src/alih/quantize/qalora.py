"""QA-LoRA: low-rank adapters on group-summed inputs of a quantised layer, which merge into its zero points exactly.

Xu et al. 2023, arXiv 2309.14717, Algorithm 1. With x̂[l] = Σ_{j in group l} x[j] the input summed over each group,

    y = W x + s · B A x̂           A (r, l), B (o, r), s = α / r, or α / √r with rsLoRA (arXiv 2312.03732)

All inputs of a group meet the same entry of B A, so the adapter adds ΔW[i, j] = s · (B A)[i, l] to each weight of
group l. A weight is scale[i, l] · (code[i, j] − zero[i, l]); hence W + ΔW has the same codes, the same scales, and

    zero′ = zero − s · (B A) / scale

Nothing is rounded but the new zero point, to fp32. Here the forward pass *is* that of the merged layer: it multiplies
with zero′, and autograd takes the gradient from zero′ on to A and B. So what is merged is exactly what was trained,
bit for bit, the adapter costs no second matrix product over the inputs, and only x̂ (1/g of x) is kept for backward.

**Three conventions are in circulation**, for the same formula with another x̂:

    sum    x̂[l] = Σ x[j]                   this one; the paper's Algorithm 1 (an average pool times the group size)
    mean   x̂[l] = Σ x[j] / g               the authors' published code: the same A, B mean ΔW / g
    PEFT   x̂[l] = Σ x[j] / g · i / g       PEFT's `use_qalora`: mean × number of groups

To carry an adapter over to the sum convention, multiply s (or B) by 1 / g if it was trained on means, and by i / g²
if by PEFT (i inputs, all groups of g). An adapter that is merged by another convention than it was trained by is off
by these factors.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from alih.errors import ModelError, OptionError
from alih.quantize.linear import QuantizedLinear

#: The convention of x̂, as files name it.
CONVENTION = "sum"


class QALoRALinear(nn.Module):
    """A quantised layer and its adapter: x ↦ W x + s · B A x̂ + b (formula and convention: the module's docstring).

    A starts uniform within ±1/√i, so that A x̂ has the variance that LoRA's A x has at its start; B starts at 0, so
    training starts from the quantised model.

    Args:
        base: the quantised layer; frozen.
        rank: r.
        alpha: α.
        rslora: s = α / √r instead of α / r.

    Raises:
        OptionError: a rank under 1, or an alpha that is not a positive number.
    """

    def __init__(self, base: QuantizedLinear, rank: int, alpha: float, *, rslora: bool = False) -> None:
        super().__init__()
        if rank < 1:
            raise OptionError(f"rank={rank}: an adapter has rank 1 or more; 8 and 16 are usual.")
        if not (math.isfinite(alpha) and alpha > 0):
            raise OptionError(f"alpha={alpha}: a positive number; the rank, or twice the rank, is usual.")
        self.base = base
        self.rank, self.alpha, self.rslora = rank, float(alpha), rslora
        self.scaling = alpha / math.sqrt(rank) if rslora else alpha / rank
        kind, device = base.zero.dtype, base.zero.device
        bound = 1 / math.sqrt(base.in_features)
        groups = base.form.groups(base.in_features)
        self.lora_A = nn.Parameter(torch.empty(rank, groups, dtype=kind, device=device).uniform_(-bound, bound))
        self.lora_B = nn.Parameter(torch.zeros(base.out_features, rank, dtype=kind, device=device))

    @property
    def in_features(self) -> int:
        """Inputs."""
        return self.base.in_features

    @property
    def out_features(self) -> int:
        """Outputs."""
        return self.base.out_features

    @property
    def weight(self) -> Tensor:
        """The merged weight (out, in), computed anew at each access; some models ask it for its type."""
        return self.merge().weight

    @property
    def bias(self) -> nn.Parameter | None:
        """The base layer's bias."""
        return self.base.bias

    def forward(self, x: Tensor) -> Tensor:
        """(…, in) → (…, out)."""
        return self.base.multiply(x, self.merged_zero())

    def merged_zero(self) -> Tensor:
        """Return zero′ = zero − s · (B A) / scale, (out, groups), with gradients to A and B."""
        zero, scale = self.base.zero, self.base.scale
        with torch.autocast(zero.device.type, enabled=False):
            product = self.lora_B.to(zero.dtype) @ self.lora_A.to(zero.dtype)  # (o, l)
            return zero - self.scaling * product / scale.to(zero.dtype)

    @torch.no_grad()
    def merge(self) -> QuantizedLinear:
        """Return the layer with the adapter in its zero points; this one stays as it is.

        Its outputs equal this layer's bit for bit. Codes, scales and bias are shared.

        Raises:
            ModelError: the adapter holds NaN or infinite values.
        """
        if not bool(torch.isfinite(self.lora_A).all() and torch.isfinite(self.lora_B).all()):
            raise ModelError("the adapter holds NaN or infinite values: train it again with a lower learning rate")
        return self.base.with_zero(self.merged_zero())

    def extra_repr(self) -> str:
        """Return what the layer's line in a printed model says."""
        return f"rank={self.rank}, alpha={self.alpha:g}, scaling={self.scaling:g}"
