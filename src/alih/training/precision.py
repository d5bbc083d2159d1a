"""Device and compute type: the fastest that this processor has instructions for."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch

from alih.progress import Progress

Precision = Literal["fp32", "bf16", "fp16"]

_TYPES: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def device() -> torch.device:
    """Return the GPU of this process if there is one, else the CPU.

    `ALIH_DEVICE=cpu` keeps to the CPU. Under `accelerate launch` each process has its own GPU (`LOCAL_RANK`).
    """
    if os.environ.get("ALIH_DEVICE") == "cpu" or not torch.cuda.is_available():
        return torch.device("cpu")
    return torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))


def has_bf16(on: torch.device) -> bool:
    """Whether bf16 matrix products have instructions of their own: CUDA from Ampere on, CPUs with AMX tiles.

    Without them bf16 is emulated, 15 to 50 times slower than fp32 (measured on an AVX2 machine).
    """
    if on.type == "cuda":
        return torch.cuda.get_device_capability(on) >= (8, 0)
    return on.type == "cpu" and bool(torch.cpu._is_amx_tile_supported())


def choose(
    on: torch.device | None = None, wanted: Precision | None = None, progress: Progress | None = None
) -> Precision:
    """Choose the compute type: bf16 where it has instructions, fp16 on older GPUs, otherwise fp32.

    `ALIH_PRECISION=fp32` computes in fp32 wherever nothing else is asked for: the same on every processor.

    Args:
        on: the device; `device()` if not given.
        wanted: what the user asked for; honoured, with a warning where it will be slow.
        progress: where the warning goes.
    """
    on = on or device()
    if wanted is None and os.environ.get("ALIH_PRECISION") == "fp32":
        return "fp32"
    best: Precision = "bf16" if has_bf16(on) else "fp16" if on.type == "cuda" else "fp32"
    if wanted is None:
        return best
    if progress is not None and wanted != "fp32" and wanted != best and on.type == "cpu":
        progress.say(f"{wanted} was asked for, but this CPU has no instructions for it: expect it to be 15-50x slower.")
    return wanted


def autocast(on: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """Return the context in which a forward pass computes in `precision`; weights stay fp32."""
    if precision == "fp32":
        return nullcontext()
    return torch.autocast(on.type, _TYPES[precision])
