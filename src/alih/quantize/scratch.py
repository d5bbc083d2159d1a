"""Dequantised rows in memory that is used again and again, which spares a call the price of fresh pages."""

from __future__ import annotations

import threading

import torch
from torch import Tensor

from alih.quantize.groups import GroupFormat, GroupQuantized, dequantize

#: Weights that are dequantised at a time: with what is made on the way they stay in the cache.
_AT_A_TIME = 262_144


class _Scratch(threading.local):
    """One buffer a thread and type, as long as the longest request so far."""

    def __init__(self) -> None:
        self._buffers: dict[torch.dtype, Tensor] = {}

    def take(self, count: int, dtype: torch.dtype) -> Tensor:
        """Return `count` numbers, uninitialised."""
        buffer = self._buffers.get(dtype)
        if buffer is None or buffer.numel() < count:
            with torch.inference_mode(False):  # a buffer made in inference mode could not be written outside it
                buffer = self._buffers[dtype] = torch.empty(count, dtype=dtype)
        return buffer[:count]


_scratch = _Scratch()


def dense_rows(quantized: GroupQuantized, form: GroupFormat, inputs: int) -> Tensor:
    """Return the weight (o, i) as `dequantize` does; on the CPU it is overwritten by the thread's next call.

    Fresh memory for each call would cost more than dequantising itself (measured: 1–5 ms for 9 MB, against 1 ms);
    other devices have allocators that keep memory.
    """
    if quantized.codes.device.type != "cpu":
        return dequantize(quantized, form, inputs)
    outputs, width = quantized.codes.shape[0], quantized.zero.shape[1] * form.group_size
    out = _scratch.take(outputs * width, quantized.zero.dtype).view(outputs, width)
    step = max(1, _AT_A_TIME // width)
    for start in range(0, outputs, step):
        rows = slice(start, start + step)
        part = GroupQuantized(quantized.codes[rows], quantized.scale[rows], quantized.zero[rows])
        dequantize(part, form, inputs, out=out[rows])
    return out[:, :inputs]
